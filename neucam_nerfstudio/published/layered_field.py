"""The published field of two layers: a foreground that partly covers a background."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from neucam_nerfstudio.scene.plane_field import LayeredField, Layers, Opacity, PlaneField


class TwoLayerField(LayeredField):
    """A foreground in front of a background (NeuCam's `split_layer`, Huang et al. 2023).

    Args:
        background: The scene behind, with its own deformation if it moves.
        foreground: The scene in front, likewise.
        opacity: Where the foreground covers the background.
        max_places: While training, more places than this are computed in parts of this many, and forgotten until
            backpropagation needs them.

    Attributes:
        seen: Layers at the places last asked for while training, so that losses on them need not ask again.
    """

    moves = True
    seen: Layers | None = None

    def __init__(
        self, background: PlaneField, foreground: PlaneField, opacity: Opacity, max_places: int = 1 << 15
    ) -> None:
        super().__init__()
        self.max_places = max_places
        self.background = background
        self.foreground = foreground
        self.opacity = opacity

    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        """Both layers and the opacity at (u, v) in [0, 1] and a time in [0, 1]."""
        return Layers(
            background=self.background.log_radiance(uv, times),
            foreground=self.foreground.log_radiance(uv, times),
            opacity=self.opacity(uv, times),
        )

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance of both layers together."""
        if not self.training:
            return self.layers(uv, times).mix_logs()
        self.seen = self._in_parts(uv, times) if times.numel() > self.max_places else self.layers(uv, times)
        return self.seen.mix_logs()

    def _in_parts(self, uv: Float[Tensor, "rays *taps 2"], times: Float[Tensor, "rays *taps 1"]) -> Layers:
        rays_at_once = max(1, self.max_places * len(times) // times.numel())
        parts = [
            checkpoint(self.layers, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(uv.split(rays_at_once), times.split(rays_at_once), strict=True)
        ]
        return Layers(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """Motion of both layers since another time, mixed by opacity."""
        behind, in_front = (layer.motion_uv(uv, times, since) for layer in (self.background, self.foreground))
        return torch.lerp(behind, in_front, self.opacity(uv, times))
