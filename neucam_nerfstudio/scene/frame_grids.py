"""Grids of every frame of a scene that moves: where its pixels are, what covers them, and what it shows by itself."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.grids.plane_pyramid import FramePyramid, frame_numbers, sample_frames
from neucam_nerfstudio.scene.plane_field import Deformation, Opacity, PlaneField

CELL_PX = 4
"""Motion and opacity are told for squares of this side, in pixels."""

MOTION_LEVELS = 6
"""Grids of the motion; the cells of the coarsest have 32 times the side."""

AS_FILMED_CELL_PX = 2
"""What is shown as filmed is told for squares of this side, in pixels: it has no edges."""

LEAST_OPACITY = 0.02
"""Opacities start at least this far from 0 and 1, so that training can change its mind."""


class FrameMotion(Deformation):
    """Canonical place = place + offset, known at each frame and moving evenly between frames.

    One more moment before the first frame and one after the last let a shutter open before and close after them.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    moment_times: Float[Tensor, " moments"]
    picture_size_px: Float[Tensor, " 2"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.frame_interval = float(frame_times.diff().amin())
        first, last = frame_times[:1] - self.frame_interval, frame_times[-1:] + self.frame_interval
        self.offset_px = FramePyramid(2, len(frame_times) + 2, height, width, CELL_PX, MOTION_LEVELS)
        self.register_buffer("moment_times", torch.cat([first, frame_times, last]), persistent=False)
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time: [0, 1], and up to a frame's interval before and after."""
        moment = frame_numbers(times, self.moment_times)
        return uv + sample_frames(self.offset_px.learned(), uv, moment) / self.picture_size_px

    def start_from(
        self, offset_px: Float[Tensor, "frames height width 2"], ends: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Starts at known offsets (right, down).

        Args:
            offset_px: Of each frame.
            ends: Share of the motion after the first frame that there was before it, and of that before the last frame
                that there is after it.
        """
        steps = self.moment_times.diff()
        before = offset_px[:1] - ends[0] * steps[0] / steps[1] * (offset_px[1:2] - offset_px[:1])
        after = offset_px[-1:] + ends[1] * steps[-1] / steps[-2] * (offset_px[-1:] - offset_px[-2:-1])
        self.offset_px.start_from(torch.cat([before, offset_px, after]))

    def largest_step_px(self) -> Float[Tensor, ""]:
        """The farthest that anything moves within the shortest time from one frame to the next."""
        share_of_step = self.frame_interval / self.moment_times.diff()
        return (self.offset_px.learned().diff(dim=0).norm(dim=1) * share_of_step[:, None, None]).amax()


class FrameOpacity(Opacity):
    """Sigmoid of a grid a frame, linear between frames.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    frame_times: Float[Tensor, " frames"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frame_times", frame_times, persistent=False)
        self.logits = FramePyramid(1, len(frame_times), height, width, CELL_PX)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity at (u, v) in [0, 1] and a time in [0, 1]."""
        return torch.sigmoid(sample_frames(self.logits.learned(), uv, frame_numbers(times, self.frame_times)))

    def start_from(self, opacity: Float[Tensor, "frames height width"]) -> None:
        """Starts at known opacities, [0, 1]."""
        self.logits.start_from(torch.logit(opacity.clamp(LEAST_OPACITY, 1 - LEAST_OPACITY))[..., None])


class FramePictures(PlaneField):
    """Log radiance of every pixel of every frame; between frames one picture fades into the next.

    Nothing of it is learned: one photograph tells no more of its moment than the classical merge has read from it and
    its neighbours. Training decides where it is shown.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    frame_times: Float[Tensor, " frames"]
    pictures: Float[Tensor, "frames 3 height width"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frame_times", frame_times, persistent=False)
        self.register_buffer("pictures", torch.zeros(len(frame_times), 3, height, width))

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance at (u, v) in [0, 1] and a time in [0, 1]."""
        return sample_frames(self.pictures, uv, frame_numbers(times, self.frame_times))

    @torch.no_grad()
    def start_from(self, log_radiance: Float[Tensor, "frames height width 3"]) -> None:
        """Starts at known pictures."""
        self.pictures.copy_(log_radiance.permute(0, 3, 1, 2))


class FramesAsFilmed(nn.Module):
    """How much of each frame is to be seen as it was filmed, linear between cells and between frames.

    It is not learned: who has compared what is learned with the photographs sets it. Saved with a run, as it is part of
    what a run shows.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    frame_times: Float[Tensor, " frames"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frame_times", frame_times, persistent=False)
        cells = (math.ceil(side / AS_FILMED_CELL_PX) for side in (height, width))
        self.shares = nn.Parameter(torch.zeros(len(frame_times), 1, *cells), requires_grad=False)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Share in [0, 1] at (u, v) in [0, 1] and a time in [0, 1]."""
        return sample_frames(self.shares, uv, frame_numbers(times, self.frame_times))

    @torch.no_grad()
    def set(self, frame: int, share: Float[Tensor, "height width"]) -> None:
        """Sets a frame's shares, [0, 1], told at places that are spread evenly over it."""
        self.shares[frame] = F.interpolate(share[None, None], self.shares.shape[-2:], mode="area")[0]
