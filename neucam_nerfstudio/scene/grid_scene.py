"""Our scene that stands still: a grid on the image plane, started from a classical merge of the photographs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import WarmStart, classical_estimate
from neucam_nerfstudio.grids.plane_pyramid import check_learned_cells, sample_plane
from neucam_nerfstudio.parts import Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.scene import ExtraOutput, PlanarScene, SceneConfig

SQUARED_RANGE = 4.0
"""The photographic error is counted in [-1, 1], as published: four times the square of pixel values in [0, 1]."""

UNTOLD_FIRMNESS = 100.0
"""How many times as firmly the light is held to its start where no detail tells its focus. There, photographs differ by
what no focus explains, and what explains it all the same is invented."""

CELLS_PER_RAY = 16
"""A training of 600 steps learns a cell well from one ray a step for so many cells: then each is seen 37 times."""


@dataclass
class GridFieldConfig(SceneConfig):
    """What our grids have in common."""

    most_learned_cells: int = 600_000
    """Of a larger picture of a still scene, the camera is learned, and then makes the picture; of one of a scene that
    moves, detail finer than a grid of so many cells stays as the start found it. To learn all of it, raise this
    together with the rays a step."""
    start_mult: float = 0.2
    """On the light's departure from the classical start, as a share of what a photograph that tells it weighs."""


@dataclass
class GridSceneConfig(GridFieldConfig):
    """Our scene that stands still."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: GridScene)
    """The scene."""
    kind: Kind = "grid"
    """Scene: grid or moving-grid (ours), siren, deformed-siren or layered-siren (published), or module:Class."""
    variation_mult: float = 3e-4
    """On differences of neighbouring log radiances: quiets what no photograph tells, such as blown highlights."""


class GridScene(PlanarScene):
    """Radiance on a grid of the photographs' size, the same at all times.

    Args:
        config: Size and losses.
        capture: The photographs.

    Attributes:
        detail_is_made: Whether what is not learned of a large picture is made of what its camera learns.
    """

    is_looked_up = True
    detail_is_made: bool = False
    field: GridField
    confidence: Float[Tensor, "1 1 height width"]

    def __init__(self, config: GridSceneConfig, capture: Capture) -> None:
        check_learned_cells("scene", config.most_learned_cells)
        super().__init__(GridField(capture.height, capture.width, config.most_learned_cells), capture)
        self.config = config
        self.register_buffer("confidence", torch.zeros(1, 1, *self.field.pyramid.grids[0].shape[-2:]))

    def extra_outputs(self) -> Mapping[str, ExtraOutput]:
        """`confidence`, [0, 1]: how sure the start is of the picture, see `fuse_stack`; with what the field shows."""
        told: dict[str, ExtraOutput] = {"confidence": lambda places, tonemap: sample_plane(self.confidence, places.uv)}
        return {**super().extra_outputs(), **told}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"scene": list(self.field.parameters())}

    def estimate(self, known: Start, response: ResponseTable | None) -> Start:
        """Merges the exposures of each focus setting, and fuses the focus settings."""
        capture = known.capture
        estimate = classical_estimate(
            [known.photograph(index) for index in capture.train_indices],
            [frame.focus_index for frame in capture.train_frames],
            capture.known_train_stops,
            [frame.exposure_index for frame in capture.train_frames],
            response,
            coverage=[known.coverage(index) for index in capture.train_indices],
        )
        return replace(known, estimate=estimate, light_of=lambda index: estimate.log_radiance)

    def start(self, start: Start) -> str | None:
        """Takes the merged picture."""
        if not isinstance(start.estimate, WarmStart):
            return None
        device = next(self.parameters()).device
        estimate = start.estimate
        firmness = estimate.squared_slope
        if estimate.focus_evidence is not None:
            firmness = firmness * (1 + UNTOLD_FIRMNESS * (1 - estimate.focus_evidence))
        self.field.start_from(as_tensor(estimate.log_radiance, device), as_tensor(firmness, device))
        if estimate.confidence is not None:
            confidence = as_tensor(estimate.confidence, device)[None, None]
            self.confidence.copy_(F.interpolate(confidence, self.confidence.shape[-2:], mode="area"))
        return said_of_detail(self.field, self.detail_is_made)

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`scene_variation` and `start`."""
        losses = start_loss(self.field, self.config.start_mult)
        if self.config.variation_mult > 0:
            losses["scene_variation"] = self.config.variation_mult * self.field.pyramid.total_variation()
        return losses


def start_loss(field: GridField, start_mult: float) -> dict[str, Float[Tensor, ""]]:
    """What holds a grid to its start; nothing for a weight of 0."""
    if start_mult == 0:
        return {}
    return {"start": start_mult * SQUARED_RANGE * field.start_prior(field.pyramid.learned())}


def said_of_detail(field: GridField, is_made: bool = False) -> str | None:
    """What of a large picture is not learned, and how it would be, as a sentence; None if all is learned.

    Args:
        field: The picture.
        is_made: Whether the detail is made of what the camera learns.
    """
    if field.pyramid.detail is None:
        return None
    height, width = field.pyramid.grids[0].shape[-2:]
    num_cells = math.prod(field.pyramid.detail.shape[-2:])
    how = f"Detail finer than {width}x{height} cells stays as it is;"
    if is_made:
        how = f"{num_cells / 1e6:.1f} megapixels: the camera is learned of some pixels, and then makes the picture;"
    return (
        f"{how} --pipeline.model.scene.most-learned-cells {num_cells}"
        f" --pipeline.datamanager.train-num-rays-per-batch {num_cells // CELLS_PER_RAY}"
        f" {'learn every pixel' if is_made else 'learn it'}, in more time."
    )
