"""The published fields: a sine network that holds a picture, networks that deform and cover it, and two such layers."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from neucam_nerfstudio.published.networks import NetworkSizes, PlaceTimeMlp, PublishedCoordinates
from neucam_nerfstudio.scene.plane_field import Deformation, LayeredField, Layers, Opacity, PlaneField

OMEGA = 30.0
"""Frequency of the sines (Sitzmann et al. 2020, section 3.2)."""


class SirenAtlas(PlaneField):
    """SIREN from a place of the picture to log radiance (NeuCam, Huang et al. 2023), the same at all times.

    Weights start as in the SIREN paper, which keeps each layer's output in range; biases as torch has them.

    Args:
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers; a sine follows each but the last.
    """

    def __init__(self, height: int, width: int, layer_width: int = 512, num_layers: int = 5) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        sizes = [2] + [layer_width] * (num_layers - 1) + [3]
        layers = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        for index, layer in enumerate(layers):
            bound = 1 / layer.in_features if index == 0 else math.sqrt(6 / layer.in_features) / OMEGA
            nn.init.uniform_(layer.weight, -bound, bound)

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance at (u, v) in [0, 1]; `times` is not looked at."""
        hidden = self.coordinates.yx_from_uv(uv)
        *sine_layers, last = self.layers
        for layer in sine_layers:
            hidden = torch.sin(OMEGA * layer(hidden))
        return last(hidden)


class NeuralDeformation(Deformation):
    """MLP from (t, y, x) through tanh to d; the canonical place is (d + (y, x)) / 2 (NeuCam, Huang et al. 2023).

    Untrained, it is no identity: `warm_up_deformation` makes it one, up to a scale. Frames have height x width pixels.
    """

    def __init__(self, height: int, width: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.network = PlaceTimeMlp(2, sizes)

    def raw(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """The network's own answer d: (y, x) in [-1, 1], for published coordinates."""
        return torch.tanh(self.network(tyx))

    def canonical_yx(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (y, x) of (t, y, x), all in the published [-1, 1]."""
        return (self.raw(tyx) + tyx[..., 1:]) / 2

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time, all in [0, 1]."""
        return self.coordinates.uv_from_yx(self.canonical_yx(self.coordinates.tyx_from_uv(uv, times)))


class NeuralOpacity(Opacity):
    """MLP from (t, y, x) through a sigmoid (NeuCam, Huang et al. 2023); frames have height x width pixels."""

    def __init__(self, height: int, width: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.network = PlaceTimeMlp(1, sizes)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity of the foreground, in (0, 1)."""
        return torch.sigmoid(self.network(self.coordinates.tyx_from_uv(uv, times)))


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


@torch.enable_grad()
def warm_up_deformation(
    deformation: NeuralDeformation,
    num_frames: int,
    scale: float = 1.0,
    num_rounds: int = 100,
    learning_rate: float = 1e-4,
    num_points: int = 10_000,
) -> None:
    """Fits a deformation's raw output d, in place, to (y, x) * scale: Adam on the mean distance, frame by frame.

    The canonical place is (d + (y, x)) / 2, so a scale of 0.8 starts the canonical picture at 0.9.

    Args:
        deformation: Changed in place.
        num_frames: Frames of the capture, for each of which a round has a step.
        scale: `uv_mapping_scale` of the released code.
        num_rounds: Rounds over all frames.
        learning_rate: Of Adam.
        num_points: Random pixels a step.
    """
    device = next(deformation.parameters()).device
    coordinates = deformation.coordinates
    size = torch.tensor([coordinates.width, coordinates.height], device=device)
    optimizer = torch.optim.Adam(deformation.parameters(), lr=learning_rate)
    for frame in list(range(num_frames)) * num_rounds:
        uv = (torch.floor(torch.rand(num_points, 2, device=device) * size) + 0.5) / size
        times = torch.full_like(uv[:, :1], frame / max(num_frames - 1, 1))
        tyx = coordinates.tyx_from_uv(uv, times)
        distance = (deformation.raw(tyx) - scale * tyx[:, 1:]).norm(dim=-1)
        distance.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
