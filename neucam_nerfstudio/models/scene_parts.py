"""Builds the scene field that a method's configuration names, for one capture."""

from __future__ import annotations

import math
from typing import Literal

import torch
from typing_extensions import assert_never

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes
from neucam_nerfstudio.scene.deformation import DeformedScene
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.layered_scene import LayeredScene
from neucam_nerfstudio.scene.moving_scene import MovingScene
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation
from neucam_nerfstudio.scene.neural_opacity import NeuralOpacity
from neucam_nerfstudio.scene.scene_field import SceneField
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas

SceneKind = Literal["grid", "moving-grid", "siren", "deformed-siren", "layered-siren"]
"""Ours for still scenes and for scenes that move; the published ones for still scenes, for scenes that move, and for a
foreground before a background, both of which move."""

CELLS_PER_RAY = 16
"""A training of 600 steps learns a cell well from one ray a step for so many cells: then each is seen 37 times."""


def check_scene_options(kind: SceneKind, starts_from_classical: bool, most_learned_cells: int) -> None:
    """Checks that a scene field can be learned with these options of the model.

    Raises:
        NeucamError: The scene's frames would stay empty without the classical start, or it has no cell to learn.
    """
    if kind == "moving-grid" and not starts_from_classical:
        raise NeucamError(
            "--pipeline.model.start-from-classical False: --pipeline.model.scene moving-grid takes the picture of each "
            "frame from the classical start and learns nothing of it, so it would stay empty. Set the start to True, "
            "or choose --pipeline.model.scene deformed-siren or layered-siren."
        )
    if most_learned_cells < 1:
        raise NeucamError(
            f"--pipeline.model.most-learned-cells {most_learned_cells}: expected at least 1, as it is the number of "
            "cells of the finest grid that is learned."
        )


def build_scene(
    kind: SceneKind, capture: Capture, sizes: NetworkSizes, most_learned_cells: int | None = None
) -> SceneField:
    """The scene field of this kind at the capture's size.

    Args:
        kind: Which one.
        capture: The photographs.
        sizes: Of the published ones.
        most_learned_cells: Of our grids; None for a cell a pixel.
    """
    if kind == "grid":
        return GridScene(capture.height, capture.width, most_learned_cells)
    if kind == "moving-grid":
        times = torch.tensor([capture.times[index] for index in capture.train_indices])
        return MovingScene(times, capture.height, capture.width, most_learned_cells)
    if kind == "siren":
        return _atlas(capture, sizes)
    if kind == "deformed-siren":
        return _deformed_atlas(capture, sizes, sizes.deformation)
    if kind == "layered-siren":
        alpha = sizes.opacity
        return LayeredScene(
            background=_deformed_atlas(capture, sizes, sizes.deformation),
            foreground=_deformed_atlas(capture, sizes, sizes.foreground_deformation),
            opacity=NeuralOpacity(
                capture.height, capture.width, alpha.num_octaves, alpha.layer_width, alpha.num_layers
            ),
        )
    assert_never(kind)


def said_of_detail(canonical: GridScene) -> str:
    """What of a large picture is not learned, and how it would be, as a sentence to add; nothing if all is learned."""
    if canonical.pyramid.detail is None:
        return ""
    height, width = canonical.pyramid.grids[0].shape[-2:]
    num_cells = math.prod(canonical.pyramid.detail.shape[-2:])
    return (
        f" Detail finer than {width}x{height} cells stays as it is; --pipeline.model.most-learned-cells {num_cells}"
        f" --pipeline.datamanager.train-num-rays-per-batch {num_cells // CELLS_PER_RAY} learn it, in more time."
    )


def _atlas(capture: Capture, sizes: NetworkSizes) -> SirenAtlas:
    return SirenAtlas(capture.height, capture.width, sizes.atlas_width, sizes.atlas_layers)


def _deformed_atlas(capture: Capture, sizes: NetworkSizes, motion: MotionNetworkSizes) -> DeformedScene:
    deformation = NeuralDeformation(
        capture.height, capture.width, motion.num_octaves, motion.layer_width, motion.num_layers
    )
    return DeformedScene(_atlas(capture, sizes), deformation)
