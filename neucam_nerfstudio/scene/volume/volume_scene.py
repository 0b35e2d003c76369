"""Our scene of many views: planes in the frustum of cameras that look one way, started from a plane sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.pixel_values import pixel_values
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.scene.scene import March, Rays, SceneConfig
from neucam_nerfstudio.scene.volume.camera_start import estimate_camera
from neucam_nerfstudio.scene.volume.focus_start import sharpest_disparities
from neucam_nerfstudio.scene.volume.frustum import Frustum, Lines, lines_of_rays, shared_frustum
from neucam_nerfstudio.scene.volume.plane_grid import Crossings, PlaneGrid
from neucam_nerfstudio.scene.volume.plane_sweep import Swept, SweptViews, plane_sweep, points_at
from neucam_nerfstudio.scene.volume.quadrature import distortion, emission_weights
from neucam_nerfstudio.scene.volume.viewed_volume import DARKNESS, ViewedVolume

MOST_SWEPT_VIEWS = 64
"""So many photographs, evenly chosen, tell the start."""

VARIED_PLANES, STRIDE_OF_PLANES = 6, 7919
"""Neighbouring planes whose variation a step sees, and how far on the next step's are: a prime number, so that all have
their turn."""


@dataclass
class VolumeSceneConfig(SceneConfig):
    """Our scene of many views."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: VolumeScene)
    """The scene."""
    kind: Kind = "volume"
    """Scene: volume (ours), nerfacto, or module:Class."""
    nearest_m: float | None = None
    """Depth of the nearest thing, in metres of the capture, before the cameras' mean place; None finds it."""
    farthest_m: float | None = None
    """Depth of the farthest thing."""
    most_cells: int = 8_000_000
    """Cells are as large as pixels, unless there were more than so many on all planes."""
    train_samples: int = 24
    """Planes that a training ray is looked up on."""
    render_samples: int = 32
    """Planes that a rendered ray is looked up on."""
    distortion_mult: float = 3e-3
    """On how far apart along a ray it sees things: keeps fog away."""
    variation_mult: float = 5e-3
    """On differences of neighbouring opacities."""
    light_variation_mult: float = 5e-4
    """On differences of neighbouring log radiances."""


@dataclass(frozen=True)
class VolumeStart(CameraEstimate):
    """What photographs tell of camera and volume before any training.

    Attributes:
        opacity: Of each cell, [0, 1].
        log_radiance: Of each cell, natural log.
    """

    opacity: Float[Tensor, "planes rows columns"]
    log_radiance: Float[Tensor, "3 planes rows columns"]


class VolumeScene(ViewedVolume):
    """Planes of opacity and light, evenly spaced in 1/depth: as far apart as the cameras can tell.

    A straight ray crosses them on a straight line in cells, so that it is looked up between the cells of a plane, and
    never between planes.

    Args:
        config: Size and losses.
        capture: Of many views.

    Raises:
        NeucamError: The capture has one view, or its cameras look all ways.
    """

    pose: Float[Tensor, "3 4"]
    corner: Float[Tensor, " 2"]
    disparities: Float[Tensor, " planes"]

    def __init__(self, config: VolumeSceneConfig, capture: Capture) -> None:
        super().__init__(config.kind, capture)
        if config.train_samples < 2 or config.render_samples < 2:
            raise NeucamError("--pipeline.model.scene: train-samples and render-samples are 2 or more.")
        self.config, views = config, self.views
        near, far = (None if x is None else x / views.metres_per_unit for x in (config.nearest_m, config.farthest_m))
        frustum = shared_frustum(capture, near, far, config.most_cells)
        if frustum is None:
            raise NeucamError(
                f"{capture.folder}: its cameras do not look one way from before the scene, which"
                " --pipeline.model.scene volume needs: all within 50 degrees of their mean, and the nearest thing in"
                " front of all of them. Give --pipeline.model.scene.nearest-m if that is so. Of a capture from all"
                " around, --pipeline.model.scene nerfacto learns a field, with --max-num-iterations 30000; that takes a"
                " graphics card."
            )
        self.frustum = frustum
        self.grid = PlaneGrid(frustum.shape)
        self._terms: dict[str, Float[Tensor, ""]] = {}
        self._marches = 0
        self.notes = (said_of_frustum(frustum, views.metres_per_unit),)
        tables = {
            "pose": frustum.pose,
            "corner": np.array(frustum.corner),
            "disparities": frustum.disparities,
        }
        for name, table in tables.items():
            self.register_buffer(name, as_tensor(table, "cpu"), persistent=False)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"scene": list(self.parameters())}

    def march(self, rays: Rays) -> March:
        """By quadrature, on the planes that each ray sees most of; what passes all of them is the last one's."""
        shape = rays.times.shape[:-1]
        config, learns = self.config, self.training and torch.is_grad_enabled()
        is_varied = config.variation_mult > 0 or config.light_variation_mult > 0
        crossings, disparity, lines = self._crossings(rays, self._next_planes() if learns and is_varied else None)
        weights = emission_weights(crossings.optical_depth)
        seen = (weights * crossings.radiance).sum(-1).t() + DARKNESS
        if learns and config.distortion_mult > 0:
            share = disparity / (self.disparities[0] - self.disparities[-1])
            self._terms["distortion"] = config.distortion_mult * distortion(weights, share).mean()
        if crossings.variation is not None:
            opacity, light = crossings.variation
            self._terms["opacity_variation"] = config.variation_mult * opacity
            self._terms["light_variation"] = config.light_variation_mult * light
        depth = 1 / (weights * disparity).sum(1, keepdim=True)
        distance = ((depth - lines.depth) / lines.forward).clamp(min=0)
        return March(seen.view(*shape, 3), distance.view(*shape, 1))

    def _next_planes(self) -> slice:
        """Planes whose variation is asked this time."""
        first = self._marches * STRIDE_OF_PLANES % max(1, self.frustum.shape[0] - VARIED_PLANES + 1)
        self._marches += 1
        return slice(first, first + VARIED_PLANES)

    def _crossings(self, rays: Rays, varied: slice | None) -> tuple[Crossings, Float[Tensor, "rays samples"], Lines]:
        """What rays cross, one ray after the other, 1/depth of it, and the rays as lines."""
        lines = lines_of_rays(rays, self.pose, self.corner, self.frustum.cell)
        count = self.config.train_samples if self.training else self.config.render_samples
        planes = self.grid.seen_planes(lines, self.disparities, count)
        crossings = self.grid.crossings(lines, planes, self.disparities, varied)
        disparity = self.disparities[planes]
        if not self.training:  # a camera that stands among the planes does not see those behind it
            ahead = torch.where(disparity * lines.depth < 1, crossings.optical_depth, 0)
            crossings = crossings._replace(optical_depth=ahead)
        return crossings, disparity, lines

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`distortion` of the rays of this step, and the variation of opacity and light of some of the planes."""
        terms, self._terms = self._terms, {}
        return terms

    def estimate(self, known: Start, response: ResponseTable | None) -> Start:
        """Response and exposures from the brightnesses of all photographs, and the volume from a plane sweep."""
        capture = known.capture
        trained = list(capture.train_indices)
        camera = estimate_camera(known, response)
        some = np.unique(np.linspace(0, len(trained) - 1, MOST_SWEPT_VIEWS).round().astype(int)).tolist()
        views = self._swept_views(known, camera, some)
        cell, (_, rows, columns) = self.frustum.cell, self.frustum.shape
        row, column = (torch.arange(count, device=self.pose.device) + 0.5 for count in (rows, columns))
        row, column = torch.meshgrid(row, column, indexing="ij")
        tangents = self.corner + cell * torch.stack([column, row], -1)
        positions, is_untold = None, capture.focuses.mode == "learn" and bool((views.aperture > 0).any())
        seen = views._replace(aperture=torch.zeros_like(views.aperture)) if is_untold else views
        swept = plane_sweep(seen, tangents, 1 / self.disparities, self.pose)
        if is_untold:
            positions, views = self._focused(capture, [trained[number] for number in some], views, swept, tangents)
            swept = plane_sweep(views, tangents, 1 / self.disparities, self.pose)
        estimate = VolumeStart(camera.response, camera.exposure_stops, swept.opacity, swept.log_radiance)
        return replace(known, estimate=estimate, focus_positions=positions)

    def _focused(
        self, capture: Capture, indices: Sequence[int], views: SweptViews, swept: Swept, tangents: Tensor
    ) -> tuple[tuple[float, ...], SweptViews]:
        """Focus positions of all settings, where photographs tell them, and these photographs as they are focused."""
        assert capture.views is not None
        seen_at = self.disparities[swept.likeliest]
        points = points_at(tangents, 1 / seen_at, self.pose)
        sharpest = sharpest_disparities(views, points, seen_at, self.disparities).cpu()
        positions = list(capture.focuses.positions)
        settings = [capture.frames[index].focus_index for index in indices]
        for setting in set(settings):
            of_setting = sharpest[torch.tensor([one == setting for one in settings])]
            positions[setting] = float(of_setting.median()) / capture.views.metres_per_unit
        focus = torch.tensor([positions[setting] for setting in settings]) * capture.views.metres_per_unit
        return tuple(positions), views._replace(focus=focus.to(views.focus))

    def start(self, start: Start) -> str | None:
        """Takes what the sweep has found."""
        if isinstance(start.estimate, VolumeStart):
            self.grid.start_from(start.estimate.opacity, start.estimate.log_radiance)
        return None

    def _swept_views(self, known: Start, camera: CameraEstimate, some: Sequence[int]) -> SweptViews:
        """Training photographs at about the size of the grid's cells.

        Args:
            known: All photographs.
            camera: What is known of response and exposures.
            some: Which of the training frames.
        """
        capture, views, device = known.capture, known.capture.views, self.pose.device
        assert views is not None
        indices = [capture.train_indices[number] for number in some]
        scale = min(1.0, 1 / (self.frustum.cell * float(np.median(views.focal_px[indices]))))
        width, height = (max(1, math.ceil(scale * side)) for side in (capture.width, capture.height))
        size = np.array([width / capture.width, height / capture.height])

        def small(values: np.ndarray) -> np.ndarray:
            return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)

        ldr, covered = [], []
        for index in indices:
            ldr.append(small(pixel_values(known.photograph(index)[:, :])))
            mask = known.coverage(index)
            covered.append(np.ones((height, width)) if mask is None else small(mask.astype(np.float32)))
        turn = np.diag([1.0, -1.0, -1.0]) @ views.camera_to_world[indices, :, :3].transpose(0, 2, 1)
        positions = np.array([capture.focuses.positions[capture.frames[index].focus_index] for index in indices])
        arrays = {
            "ldr": np.stack(ldr).transpose(0, 3, 1, 2),
            "log_exposure": camera.response.decode(np.stack(ldr)).transpose(0, 3, 1, 2),
            "stops": camera.exposure_stops[list(some)],
            "to_camera": np.concatenate([turn, views.places[indices][:, :, None]], -1),
            "focal_px": views.focal_px[indices] * size,
            "centre_px": views.centre_px[indices] * size,
            "aperture": np.nan_to_num(views.aperture_radius_m[indices]) / views.metres_per_unit,  # 0: sharp everywhere
            "focus": positions * views.metres_per_unit,
            "covered": np.stack(covered)[:, None],
        }
        tensors = {name: as_tensor(array, device) for name, array in arrays.items()}
        bent = None if views.distortion is None else as_tensor(views.distortion[indices], device)
        return SweptViews(**tensors, distortion=bent)


def said_of_frustum(frustum: Frustum, metres_per_unit: float) -> str:
    """How large a volume was chosen, in a sentence."""
    planes, rows, columns = frustum.shape
    near, far = frustum.near * metres_per_unit, frustum.far * metres_per_unit
    return (
        f"The cameras look one way: the volume is {planes} planes of {columns}x{rows} cells, from {near:.3g} to"
        f" {far:.3g} m (--pipeline.model.scene.nearest-m and .farthest-m)."
    )
