"""nerfstudio's data manager for many views: rays at random pixels of posed frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from nerfstudio.cameras.camera_utils import radial_and_tangential_undistort
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from neucam_nerfstudio.dataparsers.views_dataparser import Neucam3dDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManager, CaptureDataManagerConfig
from neucam_nerfstudio.datasets.capture_dataset import CaptureDataset
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler, single_frames
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.runtime import keep_freed_memory
from neucam_nerfstudio.scene.image_plane import directions_ahead
from neucam_nerfstudio.scene.scene import Rays


@dataclass
class ViewsDataManagerConfig(CaptureDataManagerConfig):
    """Random pixels of many views."""

    _target: type = field(default_factory=lambda: ViewsDataManager)
    """The data manager."""
    develop_all_exposures: bool = False
    """Only for captures of one view, whose frames share rays."""


class ViewsDataManager(CaptureDataManager):
    """Holds the frames once, as their files do, and draws pixels from them where the model trains.

    Raises:
        NeucamError: The dataparser is another one than `neucam-3d-data`.
    """

    def __init__(self, config: ViewsDataManagerConfig, *args: Any, **kwargs: Any) -> None:
        keep_freed_memory(of_any_size=True)  # a step's gradient is as large as the volume
        super().__init__(config, *args, **kwargs)

    def prepare_dataparser(self, config: CaptureDataManagerConfig) -> None:
        """Refuses another dataparser than ours."""
        if not isinstance(config.dataparser, Neucam3dDataParserConfig):
            raise NeucamError(
                f"{type(config.dataparser).__name__}: this dataparser tells no settings of the frames, which neucam-3d"
                " needs. End the command with neucam-3d-data and its options, or with no dataparser."
            )

    def setup_train(self) -> None:
        """Each frame has rays of its own; how many of them a step, `ns-export` sets at the sampler."""
        self.train_pixel_sampler = cast(Any, SimpleNamespace(num_rays_per_batch=self.config.train_num_rays_per_batch))
        self.train_groups = single_frames(len(self.train_dataset)).to(self.device)

    def _sampler(self, dataset: CaptureDataset) -> PixelSampler:
        pixels, covered = dataset.frames_native(), dataset.frames_covered()
        return ViewSampler(dataset.cameras, pixels, dataset.capture, dataset.frame_indices, self.device, covered)


class ViewSampler(PixelSampler):
    """Draws pixels evenly from frames, each of which has a pose.

    Args:
        cameras: Of the frames.
        frames: As of `PixelSampler`.
    """

    def __init__(self, cameras: Cameras, *frames: Any) -> None:
        super().__init__(*frames)
        device = self.pixels.device
        self.camera_to_world = cameras.camera_to_worlds.to(device)
        self.focal_px = torch.cat([cameras.fx, cameras.fy], -1).to(device)
        self.centre_px = torch.cat([cameras.cx, cameras.cy], -1).to(device)
        distortion = cameras.distortion_params
        self.distortion = None if distortion is None or not distortion.any() else distortion.to(device)

    def rays(self, frame: Int[Tensor, " rays"], row: Int[Tensor, " rays"], column: Int[Tensor, " rays"]) -> Rays:
        """Rays through the centres of pixels of the sampler's frames, and their cameras' axes."""
        pose = self.camera_to_world[frame]
        place: Float[Tensor, "rays 2"] = torch.stack([column, row], -1) + 0.5
        place = (place - self.centre_px[frame]) / self.focal_px[frame]
        if self.distortion is not None:
            place = radial_and_tangential_undistort(place, self.distortion[frame])
        directions = F.normalize(directions_ahead(place, pose[..., :3]), dim=-1)
        axes = F.normalize(-pose[..., 2], dim=-1)
        return Rays(pose[..., 3], directions, self.times[frame], axes)
