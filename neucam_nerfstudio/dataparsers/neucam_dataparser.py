"""`neucam-data`: photographs or a video of one view as nerfstudio cameras and images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
import tyro
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from nerfstudio.utils.comms import is_main_process
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.frame_table import frame_table
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.capture.settings.exposures import LearnChoice
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scene.image_plane import ImagePlane


@dataclass
class NeucamDataParserConfig(DataParserConfig):
    """Photographs of one view at different focus or exposure, or a video."""

    _target: type = field(default_factory=lambda: NeucamDataParser)
    """The dataparser."""
    data: Path = Path()
    """Folder of the photographs (PNG, JPEG, TIFF, HEIC, camera RAW), a video, or a .npy file with an array of frames;
    optionally with exposure.txt and ground truth in gt/ beside the frames. Or the capture.json of an earlier run, which
    says all that the options below would."""
    train_frames: tuple[str, ...] = ()
    """Names or name patterns of the frames to train on, such as F0E0 'F1*'; all others are held out for evaluation."""
    eval_frames: tuple[str, ...] = ()
    """Names or name patterns of the frames to hold out; all others train. With both options exactly those are used."""
    eval_every: int | None = None
    """Hold out frames k, 2k, 3k, ... (counted from 0) for evaluation, instead of naming frames."""
    frame_range: tuple[int, int] | None = None
    """Use only the frames from the first of these numbers (counted from 0) up to the second, which is not used."""
    frame_stride: int = 1
    """Use only every k-th frame of the range."""
    downscale_factor: int | None = None
    """Make frames this many times smaller by area averaging; None keeps their size."""
    exposures: LearnChoice = "auto"
    """Fix exposures as given, refine them from there, or learn them; auto fixes known ones and learns unknown ones,
    which are known to be equal if the frames are equally bright."""
    focus: LearnChoice = "auto"
    """Fix, refine or learn the focus positions; auto learns them."""
    settings_per_frame: bool = False
    """Give each frame an exposure and a focus of its own, as the published model has, even where frames agree."""
    reference: str | None = None
    """Name of the reference frame; by default the one in the middle of exposures and focus settings, or of time."""
    align: AlignChoice = "auto"
    """Align photographs of a still scene to the reference frame where focusing moves the picture (lenses "breathe");
    off leaves them. Methods for scenes that move find the motion themselves."""
    frames: tyro.conf.Suppress[FrameKind] = "settings"
    """Whether frames are settings of one still scene, a focus stack, or moments of a scene that moves. The method
    decides, through its data manager, which sets this: so it is no option of the command line."""
    manifest: tyro.conf.Suppress[Path | None] = None
    """The file that keeps what was found of the photographs. It is written where it is missing; a run has one, so that
    it is opened as it was trained, without its photographs."""


class NeucamDataParser(DataParser):
    """Shows all frames to one pinhole camera that just sees the image plane."""

    config: NeucamDataParserConfig  # pyright: ignore[reportIncompatibleVariableOverride] - as nerfstudio narrows it

    @property
    def includes_time(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - of the config, not the class
        """Whether the frames are moments: the viewer has a time slider then."""
        return self.config.frames == "moments"

    @property
    def capture(self) -> Capture:
        """What is known of the frames, shared by all splits."""
        return self.opened[0]

    @cached_property
    def opened(self) -> tuple[Capture, PixelStore]:
        """The capture and its pixels: out of the run's manifest if there is one, else found in the photographs."""
        config = self.config
        if config.manifest is not None and config.manifest.is_file():
            capture = Capture.load(config.manifest)
            given = config.data.absolute()
            if given != capture.data_found and given.exists() and given.suffix.lower() != ".json":
                capture = Capture.load(config.manifest, given)
            return capture, PixelStore(capture)
        capture, pixels = open_capture(
            config.data,
            frames=config.frames,
            train_frames=config.train_frames,
            eval_frames=config.eval_frames,
            eval_every=config.eval_every,
            frame_range=config.frame_range,
            frame_stride=config.frame_stride,
            downscale_factor=whole_factor(config.downscale_factor),
            exposures=config.exposures,
            focus=config.focus,
            settings_per_frame=config.settings_per_frame,
            reference=config.reference,
            align=config.align,
        )
        if config.manifest is not None and is_main_process():
            capture.save(config.manifest)
        return capture, pixels

    def _generate_dataparser_outputs(self, split: str = "train", **_: dict | None) -> DataparserOutputs:
        capture, pixels = self.opened
        if split == "train":
            CONSOLE.print(frame_table(capture))
            for note in capture.notes:
                CONSOLE.print(note, markup=False)
        indices = capture.train_indices if split == "train" else capture.eval_indices
        return DataparserOutputs(
            image_filenames=[capture.frames[index].path for index in indices],
            cameras=frame_cameras(capture, indices, self._reduction()),
            scene_box=SceneBox(aabb=torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])),
            metadata={"capture": capture, "pixels": pixels},
        )

    def _reduction(self) -> int:
        """How many times smaller than the capture pictures are wanted: `ns-render dataset` asks for that of a run."""
        factor, of_capture = whole_factor(self.config.downscale_factor), self.capture.downscale_factor
        if factor is None:
            return 1
        if factor % of_capture:
            raise NeucamError(
                f"--downscale-factor {factor}: the run was trained at a size divided by {of_capture}. Give a multiple"
                " of that, or leave the option out."
            )
        return factor // of_capture


def whole_factor(factor: int | float | None) -> int | None:
    """The size divisor as an int: `ns-render dataset` sets it as a float."""
    if factor is None:
        return None
    if factor < 1 or not float(factor).is_integer():
        raise NeucamError(f"--downscale-factor {factor}: expected a whole number from 1.")
    return int(factor)


def frame_cameras(capture: Capture, frame_indices: tuple[int, ...], reduction: int = 1) -> Cameras:
    """One camera a frame, all in one place; their settings' numbers travel in their metadata, `[frames, 1]` each.

    Args:
        capture: Whose frames they are.
        frame_indices: Of the frames.
        reduction: How many times smaller than the capture's pictures theirs are to be.
    """
    height, width = capture.height // reduction, capture.width // reduction
    plane = ImagePlane(height, width)
    frames = [capture.frames[index] for index in frame_indices]

    def column(values: list, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype)[:, None]

    return Cameras(
        camera_to_worlds=plane.camera_to_world.expand(len(frames), 3, 4).clone(),
        fx=plane.focal_length_px,
        fy=plane.focal_length_px,
        cx=width / 2,
        cy=height / 2,
        width=width,
        height=height,
        camera_type=CameraType.PERSPECTIVE,
        times=column([capture.times[index] for index in frame_indices], torch.float32),
        metadata={
            "exposure_index": column([frame.exposure_index for frame in frames], torch.int64),
            "focus_index": column([frame.focus_index for frame in frames], torch.int64),
        },
    )


NeucamDataParserSpecification = DataParserSpecification(
    config=NeucamDataParserConfig(),
    description="Photographs of one view at different focus or exposure, or a video (NeuCam).",
)
