"""`neucam-3d-data`: photographs of many views, each with its pose, focus and exposure, as nerfstudio cameras."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import auto_orient_and_center_poses
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.frame_table import frame_table
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.settings.exposures import LearnChoice
from neucam_nerfstudio.capture.views.layouts import describe
from neucam_nerfstudio.capture.views.opening import open_views
from neucam_nerfstudio.dataparsers.neucam_dataparser import whole_factor
from neucam_nerfstudio.rendering.path_settings import SETTINGS_NAME


@dataclass
class Neucam3dDataParserConfig(DataParserConfig):
    """Photographs of many views with poses, at different focus or exposure."""

    _target: type = field(default_factory=lambda: Neucam3dDataParser)
    """The dataparser."""
    data: Path = Path()
    """Folder with poses and photographs, or the file with the poses: nerfstudio's transforms.json (with each frame's
    focus_distance_m, f_number, exposure_stops and more, where known), COLMAP's models, and the layouts of HDR-NeRF,
    Deblur-NeRF, Cinematic Gaussians and RealX3D."""
    downscale_factor: int | None = None
    """Make frames this many times smaller by area averaging; None keeps their size."""
    exposures: LearnChoice = "auto"
    """Fix exposures as told, refine them from there, or learn them; auto fixes told ones and learns others. fix where
    nothing tells them takes all frames as exposed alike."""
    focus: LearnChoice = "auto"
    """Fix, refine or learn focus distances; auto fixes them where all are told, else learns them."""
    eval_every: int | None = None
    """Hold out views 0, k, 2k, ... for evaluation, frames of one pose together; 0 holds out none. By default as the
    files say, else every 8th."""
    metres_per_unit: float | None = None
    """How many metres a unit of the poses has; by default as the files say, else as a note says."""
    orientation_method: Literal["pca", "up", "vertical", "none"] = "up"
    """How nerfstudio turns the world."""
    center_method: Literal["poses", "focus", "none"] = "poses"
    """What nerfstudio puts into the middle of the world."""
    auto_scale_poses: bool = True
    """Scale the world so that all cameras are within +/- 1."""
    scale_factor: float = 1.0
    """How much to scale the world beside that."""
    scene_scale: float = 1.0
    """Half the side of the box that the scene is said to be in."""


class Neucam3dDataParser(DataParser):
    """Cameras of many views in nerfstudio's normalised world; what is known of their lenses goes with the capture."""

    config: Neucam3dDataParserConfig  # pyright: ignore[reportIncompatibleVariableOverride] - as nerfstudio narrows it

    @property
    def includes_time(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - asked before all else
        """Whether cameras tell a time: where keyframes of settings go by it, so that the viewer's paths have one."""
        data = self.config.data
        return ((data.parent if data.is_file() else data) / SETTINGS_NAME).is_file()

    @property
    def capture(self) -> Capture:
        """What is known of the frames, in nerfstudio's world, shared by all splits."""
        return self.opened[0]

    @cached_property
    def opened(self) -> tuple[Capture, PixelStore]:
        """The capture in nerfstudio's world, and its pixels."""
        return self._placed[:2]

    @cached_property
    def _placed(self) -> tuple[Capture, PixelStore, torch.Tensor, float]:
        """That, and the transform [3, 4] and the scale that lead there from the world that poses were found in."""
        config = self.config
        told = describe(config.data)
        capture, pixels = open_views(
            told,
            downscale_factor=whole_factor(config.downscale_factor),
            exposures=config.exposures,
            focus=config.focus,
            eval_every=config.eval_every,
            metres_per_unit=config.metres_per_unit,
        )
        views = capture.views
        assert views is not None, "the capture of many views"
        below = np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(capture.frames), 1, 4))
        poses, transform = auto_orient_and_center_poses(
            torch.from_numpy(np.concatenate([views.camera_to_world, below], axis=1).astype(np.float32)),
            method=config.orientation_method,
            center_method=config.center_method,
        )
        scale = config.scale_factor
        if config.auto_scale_poses:
            scale /= float(poses[:, :3, 3].abs().max())
        placed = replace(capture, views=views.placed(transform.numpy(), scale))
        pixels.capture = placed
        if told.applied_transform is not None:
            applied, applied_scale = told.applied_transform
            whole = torch.from_numpy(np.concatenate([applied, [[0, 0, 0, 1]]]).astype(np.float32))
            return placed, pixels, transform @ whole, scale * applied_scale
        return placed, pixels, transform, scale

    def _generate_dataparser_outputs(self, split: str = "train", **_: dict | None) -> DataparserOutputs:
        capture, pixels, transform, scale = self._placed
        if split == "train":
            CONSOLE.print(frame_table(capture))
            for note in capture.notes:
                CONSOLE.print(note, markup=False)
        indices = capture.train_indices if split == "train" else capture.eval_indices
        metadata = {"capture": capture, "pixels": pixels}
        points = None if capture.views is None else capture.views.points
        if points is not None:
            metadata["points3D_xyz"] = torch.from_numpy(points.astype(np.float32))
        reach = self.config.scene_scale
        return DataparserOutputs(
            image_filenames=[capture.frames[index].path for index in indices],
            cameras=view_cameras(capture, indices),
            scene_box=SceneBox(aabb=torch.tensor([[-reach] * 3, [reach] * 3])),
            dataparser_transform=transform,
            dataparser_scale=scale,
            metadata=metadata,
        )


def view_cameras(capture: Capture, frame_indices: tuple[int, ...]) -> Cameras:
    """The cameras of frames; their settings' numbers travel in their metadata, `[frames, 1]` each.

    Args:
        capture: Whose frames they are, with views.
        frame_indices: Of the frames.
    """
    views, chosen = capture.views, list(frame_indices)
    assert views is not None, "the capture of many views"
    frames = [capture.frames[index] for index in chosen]

    def numbers(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values[chosen].astype(np.float32))

    def column(values: list, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype)[:, None]

    focal, centre = numbers(views.focal_px), numbers(views.centre_px)
    return Cameras(
        camera_to_worlds=numbers(views.camera_to_world),
        fx=focal[:, :1],
        fy=focal[:, 1:],
        cx=centre[:, :1],
        cy=centre[:, 1:],
        width=capture.width,
        height=capture.height,
        distortion_params=None if views.distortion is None else numbers(views.distortion),
        camera_type=CameraType.PERSPECTIVE,
        times=column([capture.times[index] for index in chosen], torch.float32),
        metadata={
            "exposure_index": column([frame.exposure_index for frame in frames], torch.int64),
            "focus_index": column([frame.focus_index for frame in frames], torch.int64),
            "frame_index": column(chosen, torch.int64),
        },
    )


Neucam3dDataParserSpecification = DataParserSpecification(
    config=Neucam3dDataParserConfig(),
    description="Photographs of many views with poses, at different focus or exposure (NeuCam).",
)
