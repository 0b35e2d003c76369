"""Pictures that someone has painted on, in scenes that move."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.grids.plane_pyramid import sample_plane
from neucam_nerfstudio.scene.plane_field import Deformation, PlaneField

UNCHANGED_LOG_RADIANCE = 1e-3
"""Log radiance nearer than this is that of before the edit, which rounding has touched."""

SAME_SURFACE_LOG_RADIANCE = 0.7
"""A frame that differs from the shared picture by more than this, a stop, shows something else."""


class EditedPicture(PlaneField):
    """A picture where it was edited, and untouched elsewhere; at the border of an edit both fade over one pixel.

    Args:
        original: The picture before the edit, the same at all times.
        radiance: The edited picture, linear; looked at where `changed`.
        changed: Where it was edited.
    """

    radiance_image: Float[Tensor, "1 3 height width"]
    changed_image: Float[Tensor, "1 1 height width"]

    def __init__(
        self, original: PlaneField, radiance: Float[Tensor, "height width 3"], changed: Bool[Tensor, "height width"]
    ) -> None:
        super().__init__()
        self.original = original
        self.register_buffer("radiance_image", radiance.permute(2, 0, 1)[None].contiguous(), persistent=False)
        self.register_buffer("changed_image", changed[None, None].to(radiance.dtype), persistent=False)

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance at (u, v) in [0, 1]."""
        edited, share = sample_plane(self.radiance_image, uv), sample_plane(self.changed_image, uv)
        return torch.lerp(self.original.radiance(uv, times), edited, share)


class EditedFrames(PlaneField):
    """What each frame shows by itself, after the picture that frames share was edited.

    Where a frame shows the same surface, it takes the edit; where it shows something else, that hides the edit.

    Args:
        frames: What each frame shows by itself.
        motion: Where its pixels are in the shared picture.
        before: The shared picture.
        after: The shared picture with the edit.
    """

    def __init__(self, frames: PlaneField, motion: Deformation, before: PlaneField, after: PlaneField) -> None:
        super().__init__()
        self.frames, self.motion, self.before, self.after = frames, motion, before, after

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance at (u, v) in [0, 1] and a time in [0, 1]."""
        place, own = self.motion(uv, times), self.frames.radiance(uv, times)
        before, after = self.before.radiance(place, times), self.after.radiance(place, times)
        is_edited = _log_distance(after, before) > UNCHANGED_LOG_RADIANCE
        same_surface = torch.exp(-(_log_distance(own, before) / SAME_SURFACE_LOG_RADIANCE).square())
        return torch.lerp(own, after, is_edited * same_surface)


def _log_distance(a: Float[Tensor, "*batch 3"], b: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 1"]:
    return (a.log() - b.log()).abs().amax(-1, keepdim=True)
