"""Options that several kinds of export have: which pictures, of which size, in which folder; and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.settings.selection import frames_named, listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files
from neucam_nerfstudio.imaging.large_pictures import SIZE_LIMITS
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.path_settings import LensSettings
from neucam_nerfstudio.rendering.view import View
from neucam_nerfstudio.scripts.export.camera_path import read_camera_path
from neucam_nerfstudio.scripts.export.trained_run import load_run
from neucam_nerfstudio.scripts.run_command import say

OUTPUTS_NOT_FOR_DISPLAY = ("hdr", "hdr_defocused", "depth")
"""Outputs that have no upper end, so that a picture file would cut them off."""


@dataclass
class ExportCommand:
    """What every kind of export needs to know."""

    load_config: Path
    """The config.yml that ns-train wrote."""
    output_path: Path
    """Folder to write to; it is made if missing, and files of the same name are replaced."""

    def open_run(self) -> LearnedCapture:
        """Loads the run, if what is rendered of it can be written.

        Raises:
            NeucamError: The output path takes no files, or there is no such run of ours.
        """
        try:
            check_folder_takes_files(self.output_path)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"--output-path {self.output_path}: is a file, or lies in one. Give a folder.") from error
        except OSError as error:
            raise NeucamError(
                f"--output-path {self.output_path}: takes no files ({error.strerror}). Give a folder that does."
            ) from error
        return load_run(self.load_config)


@dataclass
class PictureCommand(ExportCommand):
    """What exports of single pictures need to know."""

    width_px: int | None = None
    """Width of the pictures in pixels, at most the photographs' own, by area averaging; the height follows."""
    frames: tuple[str, ...] = ()
    """Take a picture for each of these frames: names (F0E1 'F1*'), numbers counted from 0, or all. Of a still scene,
    the focus and exposure learned for the frame are dialled; of one that moves, the picture is of the frame's time; of
    many views, it has the frame's own view. Default: one picture, at the reference frame's settings, time and view."""
    time: float | None = None
    """Instead, of a scene that moves: one picture at this time, from 0 (first frame) to 1 (last frame)."""
    camera_path: Path | None = None
    """Instead, of many views: a picture for each camera of this path, numbered from 00000, at the path's size. The
    viewer's Render tab writes such a file; its "neucam" may have keyframes of focus_distance_m, f_number and
    exposure_stops."""
    focus_distance_m: float | None = None
    """Of many views: distance in focus, in metres; inf for infinity. Default: the frame's or the path's."""
    f_number: float | None = None
    """Of many views: f-number of the lens. Default: the frame's or the path's."""


class Moment(NamedTuple):
    """A picture to take.

    Attributes:
        suffix: What tells it from others in file names; empty for the only one.
        settings: When and how.
        frame_index: The frame that was taken so, by its index in the capture: where time counts, the training frame
            nearest in time; of a camera path, the reference frame.
        view: What is seen; None for the frame's own view.
        lens: What keyframes of a camera path say.
    """

    suffix: str
    settings: CameraSettings
    frame_index: int
    view: View | None = None
    lens: LensSettings = LensSettings()

    def view_in(self, run: LearnedCapture) -> View:
        """What is seen."""
        return run.view_of_frame(self.frame_index) if self.view is None else self.view


def chosen_moments(
    run: LearnedCapture, frames: Sequence[str], time: float | None, camera_path: Path | None = None
) -> list[Moment]:
    """The pictures that the options `frames`, `time` and `camera_path` ask for.

    Raises:
        NeucamError: They ask for more than one of them, for frames there are not, for a time that there is not, or the
            path cannot be read.
    """
    capture = run.capture
    if camera_path is not None:
        if frames or time is not None:
            raise NeucamError(
                f"--camera-path {camera_path}: a path has views of its own. Leave --frames and --time out."
            )
        path = read_camera_path(run, camera_path)
        return [
            Moment(f"_{number:05d}", CameraSettings(), capture.reference_index, view, lens)
            for number, (view, lens) in enumerate(zip(path.views, path.settings, strict=True))
        ]
    if time is not None and frames:
        raise NeucamError(f"--time {time:g} and --frames: frames have a time of their own. Give one or the other.")
    if time is not None:
        return [
            Moment(f"_t{time:.3f}", CameraSettings(time=checked_time(capture, time)), capture.train_index_nearest(time))
        ]
    if not frames:
        return [Moment("", CameraSettings(), capture.reference_index)]
    return [_moment_of_frame(capture, index) for index in frame_numbers(capture, frames)]


def _moment_of_frame(capture: Capture, index: int) -> Moment:
    suffix = f"_{capture.frames[index].name}"
    if capture.moves:
        time = capture.times[index]
        return Moment(suffix, CameraSettings(time=time), capture.train_index_nearest(time))
    return Moment(suffix, CameraSettings(frame=index), index)


def checked_time(capture: Capture, time: float) -> float:
    """A time of a scene that moves.

    Raises:
        NeucamError: The scene does not move, or has no such time.
    """
    if not capture.moves:
        raise NeucamError(f"--time {time:g}: the frames are settings of a still scene, which has no time.")
    if not 0 <= time <= 1:
        raise NeucamError(f"--time {time:g}: expected from 0 (the first frame) to 1 (the last).")
    return time


def frame_numbers(capture: Capture, chosen: Sequence[str], option: str = "frames") -> list[int]:
    """Indices of frames, in their order.

    Args:
        capture: Whose frames they are.
        chosen: Names or name patterns, with or without suffix; numbers, where no frame has that name; or `all`.
        option: What it is called where it was typed.

    Raises:
        NeucamError: One of them is no frame.
    """
    paths = [frame.path for frame in capture.frames]
    numbers: set[int] = set()
    for choice in chosen:
        matching = frames_named(paths, choice)
        if not matching and choice == "all":
            matching = set(range(len(paths)))
        if not matching and choice.isdecimal() and int(choice) < len(paths):
            matching = {int(choice)}
        if not matching:
            raise NeucamError(
                f"--{option} {choice}: no frame has this name or number. Frames 0 to {len(paths) - 1}: "
                f"{listed(path.stem for path in paths)}."
            )
        numbers |= matching
    return sorted(numbers)


def check_display_outputs(run: LearnedCapture, names: Sequence[str]) -> None:
    """Checks that the user names outputs, that the model has them, and that they can be shown as they are.

    Raises:
        NeucamError: There are none, or one of them is missing or without upper end.
    """
    displayable = [name for name in run.renderer.output_names() if name not in OUTPUTS_NOT_FOR_DISPLAY]
    if not names:
        raise NeucamError(f"--rendered-output-names: names no output. Choose from {', '.join(displayable)}.")
    for name in names:
        if name in OUTPUTS_NOT_FOR_DISPLAY:
            raise NeucamError(
                f"{name} has no upper end: `neucam-export hdr` or `ns-render` (raw-{name}) keep it whole."
            )
        if name not in displayable:
            raise NeucamError(f"This model has no output {name!r}; it has {', '.join(displayable)}.")


def check_size(taken: Capture | View, width_px: int | None, file_format: str) -> None:
    """Checks that pictures can be reduced to a width, and that a file format holds them then; says if it cuts them.

    Args:
        taken: Photographs, or a view, whose size pictures are rendered at.
        width_px: What they are reduced to; None keeps them.
        file_format: What they are written as.

    Raises:
        NeucamError: They can't, or it does not.
    """
    if width_px is not None and not 1 <= width_px <= taken.width:
        whose = "photographs'" if isinstance(taken, Capture) else "view's"
        raise NeucamError(f"--width-px {width_px}: expected from 1 to the {whose} own {taken.width} pixels.")
    if (limits := SIZE_LIMITS.get(file_format)) is None:
        return
    size = height, width = reduced_size(taken.height, taken.width, width_px)
    in_file = limits.size_in_file(height, width)
    if in_file is None:
        raise NeucamError(
            f"{file_format}: holds pictures from {limits.least}x{limits.least} to {limits.most_width}x"
            f"{limits.most_height} pixels, and these have {width}x{height}. Give another --width-px or format."
        )
    if in_file != size:
        say(f"Cut to {in_file[1]}x{in_file[0]} pixels: {file_format} needs even numbers.")


def reduced_size(height: int, width: int, width_px: int | None) -> tuple[int, int]:
    """Height and width of a picture that is reduced to a width in its own proportions; None keeps its size."""
    return (height, width) if width_px is None else (max(1, round(height * width_px / width)), width_px)


def reduced(
    picture: Shaped[np.ndarray, "height width channels"], width_px: int | None
) -> Shaped[np.ndarray, "new_height new_width channels"]:
    """A picture reduced to a width by area averaging, in its own proportions; None keeps its size."""
    height, width, _ = picture.shape
    size = reduced_size(height, width, width_px)
    if size == (height, width):
        return picture
    import cv2

    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA).reshape(*size, -1)
