"""Our field of a scene that moves: one picture that all frames share, and what each frame shows besides."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.scene.frame_grids import FrameMotion, FrameOpacity, FramePictures, FramesAsFilmed
from neucam_nerfstudio.scene.grid_field import CanvasField
from neucam_nerfstudio.scene.plane_field import DeformedField, LayeredField, Layers


class MovingGridField(LayeredField):
    """A canonical picture behind a deformation, covered where a frame shows something else by a picture of that frame.

    Layers mix *light* by their opacity. Beyond the canonical picture's border there is nothing behind: frames cover it.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        most_learned_cells: Of the canonical picture's finest grid that is learned; None for a cell a pixel.
    """

    moves = True

    def __init__(
        self, frame_times: Float[Tensor, " frames"], height: int, width: int, most_learned_cells: int | None = None
    ) -> None:
        super().__init__()
        size = (frame_times, height, width)
        self.background = DeformedField(CanvasField(height, width, most_learned_cells), FrameMotion(*size))
        self.foreground = FramePictures(*size)
        self.opacity = FrameOpacity(*size)
        self.as_filmed = FramesAsFilmed(*size)

    @property
    def canonical(self) -> CanvasField:
        """The picture that all frames share."""
        return cast(CanvasField, cast(DeformedField, self.background).canonical)

    @property
    def motion(self) -> FrameMotion:
        """Where each frame's pixels are in it."""
        return cast(FrameMotion, cast(DeformedField, self.background).deformation)

    @property
    def frame_pictures(self) -> FramePictures:
        """What each frame shows besides."""
        return cast(FramePictures, self.foreground)

    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        """Both layers and the opacity at (u, v) in [0, 1] and a time in [0, 1]."""
        place = self.motion(uv, times)
        return Layers(
            background=self.canonical.log_radiance(place, times),
            foreground=self.foreground.log_radiance(uv, times),
            opacity=self._cover(uv, times, place),
        )

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance of both layers together."""
        place = self.motion(uv, times)
        behind, in_front = self.canonical.radiance(place, times), self.foreground.radiance(uv, times)
        return torch.lerp(behind, in_front, self._cover(uv, times, place))

    def _cover(
        self,
        uv: Float[Tensor, "*batch 2"],
        times: Float[Tensor, "*batch 1"],
        place: Float[Tensor, "*batch 2"],
    ) -> Float[Tensor, "*batch 1"]:
        """Opacity of the foreground: as learned before the canonical picture, full beyond it."""
        return 1 - self.canonical.covers(place) * (1 - self.opacity(uv, times))

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """Motion of the shared picture since another time; what only a frame shows has no motion of its own."""
        return self.background.motion_uv(uv, times, since)
