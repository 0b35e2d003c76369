"""Our scene that moves: one picture that all frames share, started from light lent along optical flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.motion.moving_start import MovingStart, evenness, moments_from_means, moving_estimate
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.grids.plane_pyramid import check_learned_cells
from neucam_nerfstudio.parts import Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.scene.grid_field import margin_px
from neucam_nerfstudio.scene.grid_scene import GridFieldConfig, said_of_detail, start_loss
from neucam_nerfstudio.scene.moving_field import MovingGridField
from neucam_nerfstudio.scene.scene import ExtraOutput, Filmed, PlanarScene, PlanePlaces

BLURRED_START_OPACITY = 0.02
"""Where photographs are blurred, disagreement with them tells of blur as much as of other things in view, so at the
start all is taken to be in the shared picture."""


@dataclass
class MovingGridSceneConfig(GridFieldConfig):
    """Our scene that moves."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: MovingGridScene)
    """The scene."""
    kind: Kind = "moving-grid"
    """Scene: grid or moving-grid (ours), siren, deformed-siren or layered-siren (published), or module:Class."""
    opacity_mult: float = 1e-4
    """On the mean opacity of what covers the shared picture."""
    blurred_opacity_mult: float = 1.2e-3
    """On opacity times the square of the blur's radius in pixels: a frame blurred by motion is no sharp picture."""
    motion_variation_mult: float = 1e-3
    """On differences of the motion between neighbouring cells, in pixels."""


class MovingGridScene(PlanarScene):
    """A shared picture, its motion, and what each frame shows besides.

    Args:
        config: Size and losses.
        capture: The photographs.
    """

    is_looked_up = True
    keeps_frames = True
    field: MovingGridField

    def __init__(self, config: MovingGridSceneConfig, capture: Capture) -> None:
        check_learned_cells("scene", config.most_learned_cells)
        times = torch.tensor([capture.times[index] for index in capture.train_indices])
        super().__init__(MovingGridField(times, capture.height, capture.width, config.most_learned_cells), capture)
        self.config = config

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """The shared picture, motion and opacity: each learns at a rate of its own."""
        parts = {"scene": self.field.canonical, "motion": self.field.motion, "opacity": self.field.opacity}
        return {name: list(part.parameters()) for name, part in parts.items()}

    def estimate(self, known: Start, response: ResponseTable | None) -> Start:
        """Merges each frame with what its neighbours show, and relates all to one: the reference frame, or the sharpest
        one where motion blurs."""
        capture = known.capture
        estimate = moving_estimate(
            [known.photograph(index) for index in capture.train_indices],
            capture.known_train_stops,
            [frame.exposure_index for frame in capture.train_frames],
            None if known.shutter_open_share is not None else capture.reference_position,
            margin_px(capture.height, capture.width),
            response,
        )

        def nearest_moment(index: int) -> Float[np.ndarray, "height width 3"]:
            nearest = capture.train_index_nearest(capture.times[index])
            return estimate.moments[capture.train_indices.index(nearest)]

        return replace(known, estimate=estimate, light_of=nearest_moment)

    def start(self, start: Start) -> str | None:
        """Takes shared picture, motion, opacity and the frames' own pictures."""
        capture, estimate = start.capture, start.estimate
        if not isinstance(estimate, MovingStart):
            return None
        device = next(self.parameters()).device
        self.field.canonical.start_from(as_tensor(estimate.canvas, device), as_tensor(estimate.squared_slope, device))
        self.field.frame_pictures.start_from(as_tensor(estimate.moments, device))
        times = [capture.times[index] for index in capture.train_indices]
        offset_px, opacity = estimate.offset_px, 1 - estimate.agreement
        ends = evenness(offset_px, times)
        if start.shutter_open_share is not None:
            offset_px = moments_from_means(offset_px, times, start.shutter_open_share, ends)
            opacity = np.full_like(opacity, BLURRED_START_OPACITY)
        self.field.motion.start_from(as_tensor(offset_px, device), ends)
        self.field.opacity.start_from(as_tensor(opacity, device))
        shared = capture.frames[capture.train_indices[estimate.anchor]].name
        said = (
            f"The shared picture is {shared}, which explains {estimate.agreement.mean():.0%} of what all frames show."
        )
        return " ".join(filter(None, (said, said_of_detail(self.field.canonical))))

    def filmed(self, places: PlanePlaces) -> Filmed:
        """The frames' own pictures, where they are not explained."""
        return Filmed(self.field.foreground.radiance(*places), self.field.as_filmed(*places))

    def show_as_filmed(self, frame: int, share: Float[Tensor, "height width"]) -> None:
        """Sets how much of a training frame is to be seen as it was filmed."""
        self.field.as_filmed.set(frame, share)

    def extra_outputs(self) -> Mapping[str, ExtraOutput]:
        """Besides, `as_filmed`: how much of a frame is seen as it was filmed, because motion does not explain it."""
        return {**super().extra_outputs(), "as_filmed": lambda places, tonemap: self.field.as_filmed(*places)}

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`start`, `motion_variation`, `opacity` and `blurred_opacity`."""
        config = self.config
        losses = start_loss(self.field.canonical, config.start_mult)
        if config.motion_variation_mult > 0:
            losses["motion_variation"] = config.motion_variation_mult * self.field.motion.offset_px.total_variation()
        opacity = self.field.opacity(*rays.places)
        if config.opacity_mult > 0:
            losses["opacity"] = config.opacity_mult * opacity.mean()
        if config.blurred_opacity_mult > 0 and rays.blur_radius_px is not None:
            losses["blurred_opacity"] = config.blurred_opacity_mult * (opacity * rays.blur_radius_px.square()).mean()
        return losses
