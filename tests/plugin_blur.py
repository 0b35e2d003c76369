"""A blur generator of somebody else's, who knows this package by its documentation: an even square of pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig, BlurGenerator, Taps, planar_radius_px
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Dial, Start, TrainingRays
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces


@dataclass
class BoxBlurConfig(BlurConfig):
    """A square whose side is learned."""

    _target: type = field(default_factory=lambda: BoxBlur)
    """The blur generator."""
    taps_per_side: int = 3
    """Taps along each side."""
    side_px: float = 2.0
    """Side of the square where training starts, in pixels."""
    narrow_mult: float = 0.5
    """On the side."""


class BoxBlur(BlurGenerator[PlanePlaces]):
    """Light from an even square around each pixel, whatever the focus.

    Args:
        config: Where its side starts.
        capture: The photographs.
        scene: What is blurred.
    """

    depends_on_focus = False

    def __init__(self, config: BoxBlurConfig, capture: Capture, scene: PlanarScene) -> None:
        super().__init__()
        self.config = config
        self.side_px = nn.Parameter(torch.tensor(0.0))
        steps = (torch.arange(config.taps_per_side) + 0.5) / config.taps_per_side - 0.5
        self.register_buffer("square", torch.cartesian_prod(steps, steps), persistent=False)
        self.register_buffer("size_px", torch.tensor([capture.width, capture.height]).float(), persistent=False)

    def start(self, start: Start) -> str:
        """Sets the side."""
        with torch.no_grad():
            self.side_px.fill_(self.config.side_px)
        return f"The box starts {self.config.side_px:g} px wide for {len(start.capture.train_indices)} photographs."

    def forward(self, places: PlanePlaces, settings: CameraSettings) -> Taps:
        """The square of each pixel."""
        uv = places.uv[:, None] + settings.aperture * self.side_px * self.square / self.size_px
        weights = torch.full(uv.shape[:2], 1 / len(self.square), device=uv.device)
        return Taps(PlanePlaces(uv, places.times[:, None].expand(*weights.shape, 1)), weights)

    def radius_px(self, places: PlanePlaces, taps: Taps) -> Tensor:
        """Radius of the even disc that spreads light as far."""
        return planar_radius_px(places.uv, taps, self.size_px)

    @property
    def largest_radius_px(self) -> Tensor:
        """That of every pixel."""
        return self.side_px.detach() / 3**0.5

    def losses(self, rays: TrainingRays) -> dict[str, Tensor]:
        """`narrow_box`."""
        return {"narrow_box": self.config.narrow_mult * self.side_px.square()}

    def metrics(self) -> dict[str, Tensor]:
        """`box_side_px`."""
        return {"box_side_px": self.side_px.detach()}

    def dials(self) -> tuple[Dial, ...]:
        """The width."""
        return (Dial("aperture", "Box width", "Factor on the side of the box.", ends=(0.0, 5.0)),)
