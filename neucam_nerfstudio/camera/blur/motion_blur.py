"""Our blur generator for videos: while the shutter is open, a pixel sees everything that passes it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.taps import Taps
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.scene.frame_motion import FrameMotion

TRAIN_TAPS = 11
"""Moments of a training ray; each lies at random within its part of the open time, so that all are seen over steps."""

RENDER_TAPS = 33
"""Moments of a rendered ray; they stand still, so that pictures have no grain."""


class MotionBlur(BlurGenerator):
    """Mean over the time the shutter is open, centred on a ray's time, along the motion that the scene has learned:
    straight from where the shutter opens to the ray's time, and from there to where it closes.

    A learned residual weighs the open time from its middle to its ends, as shutters that open gradually do, or motion
    that is not even.

    Args:
        motion: The scene's motion, which blurs and is learned from the blur.
    """

    depends_on_focus = False

    def __init__(self, motion: FrameMotion) -> None:
        super().__init__()
        # Its methods and not the module itself, whose parameters belong to the scene.
        self.place_at = motion.forward
        self._largest_step_px = ParameterMemo(motion, motion.largest_step_px)
        self.frame_interval = motion.frame_interval
        self.log_open_share = nn.Parameter(torch.zeros(()))
        self.end_log_weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("picture_size_px", motion.picture_size_px.clone(), persistent=False)

    @property
    def open_share(self) -> Float[Tensor, ""]:
        """Share of a frame's interval that the shutter is open; 1 leaves no gap between frames."""
        return self.log_open_share.exp()

    def forward(
        self,
        uv: Float[Tensor, "rays 2"],
        times: Float[Tensor, "rays 1"],
        focus_position: Float[Tensor, "rays 1"],
        aperture: float,
    ) -> Taps:
        """Taps of the pixels at `uv` ([0, 1]) at `times`; `aperture` scales the open time (0 none, 1 as captured)."""
        half_open = aperture * self.open_share * self.frame_interval / 2
        opening, closing = (self._passed_since(uv, times, moment) for moment in (times - half_open, times + half_open))
        moments = self._open_moments(len(uv), uv.device)
        passed = moments.clamp(min=0) * closing[:, None] + (-moments).clamp(min=0) * opening[:, None]
        weights = F.softmax(self.end_log_weight * moments[..., 0].square(), -1)
        return Taps(uv[:, None] + passed, weights)

    def _passed_since(
        self, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"], moment: Float[Tensor, "rays 1"]
    ) -> Float[Tensor, "rays 2"]:
        """How far off, at a ray's time, what its pixel sees at another moment is.

        Where places move differently, looking as far off as the pixel's own motion went does not find it: what is found
        there instead tells by how much it is missed.
        """
        seen = self.place_at(uv, moment)
        passed = seen - self.place_at(uv, times)
        return passed + (seen - self.place_at(uv + passed, times))

    def _open_moments(self, num_rays: int, device: torch.device) -> Float[Tensor, "rays taps 1"]:
        """From opening (-1) to closing (1): the middles of even parts, or anywhere in them when training."""
        count = TRAIN_TAPS if self.training else RENDER_TAPS
        parts = torch.arange(count, device=device).expand(num_rays, -1)
        within = torch.rand(parts.shape, device=device) if self.training else 0.5
        return (2 * (parts + within) / count - 1)[..., None]

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Radius of the disc that spreads light as far as the fastest motion from frame to frame does."""
        with torch.no_grad():
            return self.open_share * self._largest_step_px() / math.sqrt(6)
