"""Our blur generator for videos: while the shutter is open, a pixel sees everything that passes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig, BlurGenerator, Taps, planar_radius_px
from neucam_nerfstudio.camera.blur.lens import APERTURE_DIAL
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.parts import Dial, Kind
from neucam_nerfstudio.scene.frame_grids import FrameMotion
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces

TRAIN_TAPS = 11
"""Moments of a training ray; each lies at random within its part of the open time, so that all are seen over steps."""

RENDER_TAPS = 33
"""Moments of a rendered ray; they stand still, so that pictures have no grain."""


@dataclass
class MotionBlurConfig(BlurConfig):
    """Our blur generator for videos."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: MotionBlur)
    """The blur generator."""
    kind: Kind = "motion"
    """Blur: lens, motion (ours), neural-kernel (published), none, or module:Class for a BlurConfig of your own."""


class MotionBlur(BlurGenerator[PlanePlaces]):
    """Mean over the time the shutter is open, centred on a ray's time, along the motion that the scene has learned:
    straight from where the shutter opens to the ray's time, and from there to where it closes.

    A learned residual weighs the open time from its middle to its ends, as shutters that open gradually do, or motion
    that is not even.

    Args:
        config: Of the part.
        capture: The photographs.
        scene: Whose motion blurs, and is learned from the blur.

    Raises:
        NeucamError: The scene does not know its motion from frame to frame.
    """

    depends_on_focus = False
    picture_size_px: Float[Tensor, " 2"]

    def __init__(self, config: MotionBlurConfig, capture: Capture, scene: PlanarScene) -> None:
        super().__init__()
        motion = getattr(scene.field, "motion", None)
        if not isinstance(motion, FrameMotion):
            raise NeucamError("--pipeline.model.blur motion: needs --pipeline.model.scene moving-grid.")
        # Its methods and not the module itself, whose parameters belong to the scene.
        self.place_at = motion.forward
        self._largest_step_px = ParameterMemo(motion, motion.largest_step_px)
        self.frame_interval = motion.frame_interval
        self.log_open_share = nn.Parameter(torch.zeros(()))
        self.end_log_weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("picture_size_px", motion.picture_size_px.clone(), persistent=False)

    @property
    def shutter_open_share(self) -> Float[Tensor, ""]:
        """Share of a frame's interval that the shutter is open; 1 leaves no gap between frames."""
        return self.log_open_share.exp()

    def forward(self, places: PlanePlaces, settings: CameraSettings) -> Taps[PlanePlaces]:
        """Taps along the motion while the shutter is open; the aperture scales the open time."""
        uv, times = places
        half_open = settings.aperture * self.shutter_open_share * self.frame_interval / 2
        opening, closing = (self._passed_since(uv, times, moment) for moment in (times - half_open, times + half_open))
        moments = self._open_moments(len(uv), uv.device)
        passed = moments.clamp(min=0) * closing[:, None] + (-moments).clamp(min=0) * opening[:, None]
        weights = F.softmax(self.end_log_weight * moments[..., 0].square(), -1)
        return Taps(PlanePlaces(uv[:, None] + passed, times[:, None].expand(-1, moments.shape[1], -1)), weights)

    def radius_px(self, places: PlanePlaces, taps: Taps[PlanePlaces]) -> Float[Tensor, "rays 1"]:
        """Radius in pixels of the even disc that spreads light as far as these taps do."""
        return planar_radius_px(places.uv, taps, self.picture_size_px)

    def metrics(self) -> dict[str, Float[Tensor, ""]]:
        """`shutter_open_share`."""
        return {"shutter_open_share": self.shutter_open_share.detach()}

    def dials(self) -> tuple[Dial, ...]:
        """The aperture, which is the open time here."""
        return (APERTURE_DIAL,)

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
            return self.shutter_open_share * self._largest_step_px() / math.sqrt(6)
