"""nerfstudio's data manager for captures: rays at random pixels, developed at every exposure of their focus setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
import tyro
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManager, VanillaDataManagerConfig
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader, RandIndicesEvalDataloader
from torch import Tensor

from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.cli_options import without_options
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_dataset import CaptureDataset
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler, SampledPixels, exposure_groups, single_frames
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.runtime import prepare_process


@without_options(
    *("patch_size", "pixel_sampler", "images_on_gpu", "masks_on_gpu", "eval_image_indices"),
    *("train_num_images_to_sample_from", "train_num_times_to_repeat_images"),
    *("eval_num_images_to_sample_from", "eval_num_times_to_repeat_images"),
)
@dataclass
class CaptureDataManagerConfig(VanillaDataManagerConfig):
    """Random pixels of a capture."""

    _target: type = field(default_factory=lambda: CaptureDataManager)
    """The data manager."""
    frames: tyro.conf.Suppress[FrameKind] = "settings"
    """Whether the method takes frames for settings of one still scene, for a focus stack, or for moments of one that
    moves."""
    develop_all_exposures: bool = True
    """Trace a ray once and compare it with all exposures of its focus setting; else every frame has its own rays."""
    camera_res_scale_factor: float = 1.0
    """Only 1: the dataparser's `--downscale-factor` makes frames smaller."""


class CaptureDataManager(VanillaDataManager[CaptureDataset]):
    """Holds the frames once, as their files do, and draws pixels from them where the model trains.

    Frames are decoded when the first pixels are drawn, or when somebody looks at one.

    Raises:
        NeucamError: The dataparser is another one than `neucam-data`, or the configuration scales cameras, of which the
            capture would know nothing.
    """

    config: CaptureDataManagerConfig  # pyright: ignore[reportIncompatibleVariableOverride] - as nerfstudio narrows it

    def __init__(self, config: CaptureDataManagerConfig, *args, **kwargs) -> None:
        prepare_process()
        self.prepare_dataparser(config)
        if config.camera_res_scale_factor != 1.0:
            raise NeucamError(
                f"--pipeline.datamanager.camera-res-scale-factor {config.camera_res_scale_factor:g}: expected 1. To "
                "make frames smaller, end the command with the dataparser's --downscale-factor and a whole number."
            )
        super().__init__(config, *args, **kwargs)

    def prepare_dataparser(self, config: CaptureDataManagerConfig) -> None:
        """Tells the dataparser what kind of frames the method takes, or refuses another dataparser than ours.

        Here and not in the method's config: who types `neucam-data` after a method gets a fresh dataparser config.
        """
        if not isinstance(config.dataparser, NeucamDataParserConfig):
            raise NeucamError(
                f"{type(config.dataparser).__name__}: this dataparser reads no captures of one view, which this method"
                " needs. End the command with neucam-data and its options, or with no dataparser. Many views with known"
                " poses are for the method neucam-3d."
            )
        config.dataparser.frames = config.frames

    def setup_train(self) -> None:
        """Groups the training frames; decodes none."""
        metadata = self.train_dataset.cameras.metadata
        assert metadata is not None, "our dataparser gives it"
        focus_index = metadata["focus_index"][:, 0]
        together = self.config.develop_all_exposures
        groups = exposure_groups(focus_index) if together else single_frames(len(focus_index))
        self.train_groups = groups.to(self.device)

    def setup_eval(self) -> None:
        """Makes ready to go through the evaluation frames; decodes none."""
        self.eval_groups = single_frames(len(self.eval_dataset)).to(self.device)
        loader = {"input_dataset": self.eval_dataset, "device": self.device, "num_workers": 0}
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(**loader)
        self.eval_dataloader = RandIndicesEvalDataloader(**loader)

    @cached_property
    def train_pixels(self) -> PixelSampler:
        """The training frames, on the device."""
        return self._sampler(self.train_dataset)

    @cached_property
    def eval_pixels(self) -> PixelSampler:
        """The evaluation frames, on the device; the training frames' own where none is held out."""
        return self._sampler(self.eval_dataset) if self.eval_dataset.capture.held_out else self.train_pixels

    def _sampler(self, dataset: CaptureDataset) -> PixelSampler:
        pixels, covered = dataset.frames_native(), dataset.frames_covered()
        return PixelSampler(pixels, dataset.capture, dataset.frame_indices, self.device, covered)

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """Random rays and the pixel values they should have, at every exposure of their focus setting."""
        self.train_count += 1
        return as_bundle(self.train_pixels.sample(self.get_train_rays_per_batch(), self.train_groups))

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """Random rays of single evaluation frames."""
        self.eval_count += 1
        return as_bundle(self.eval_pixels.sample(self.get_eval_rays_per_batch(), self.eval_groups))


def as_bundle(sampled: SampledPixels) -> tuple[RayBundle, dict[str, Tensor]]:
    """Sampled pixels as nerfstudio has them: rays with settings as metadata, and a batch.

    Returns:
        Rays; `image` `[rays, exposures, 3]` in [0, 1], without the axis of exposures where there is one; and, if groups
        differ in size or frames do not cover all of the picture, `is_frame`, alike but for the channels.
    """
    rays = RayBundle(
        origins=sampled.rays.origins,
        directions=sampled.rays.directions,
        pixel_area=torch.ones_like(sampled.rays.times),  # which nothing of ours reads
        camera_indices=sampled.frame_index[:, None],
        times=sampled.rays.times,
        metadata={"focus_index": sampled.focus_index, "exposure_index": sampled.exposure_index},
    )
    if sampled.rays.axes is not None:
        rays.metadata["axes"] = sampled.rays.axes
    batch = {"image": sampled.ldr.squeeze(1)}
    if sampled.is_frame is not None:
        batch["is_frame"] = sampled.is_frame.squeeze(1)
    return rays, batch
