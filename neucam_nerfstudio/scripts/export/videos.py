"""What exports of videos share: their options, and rendering picture by picture into files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from neucam_nerfstudio.camera.settings import CameraSettings, Display, ToneMapping
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, TurnedDial
from neucam_nerfstudio.imaging.video_writing import (
    Picture,
    VideoFormat,
    frame_folder,
    gif_frame_rate,
    video_file,
)
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.view import View
from neucam_nerfstudio.scripts.export.options import ExportCommand, check_display_outputs, reduced
from neucam_nerfstudio.scripts.export.photograph_colours import kept_metadata, profile_of_output
from neucam_nerfstudio.scripts.export.trained_run import num_strips, render
from neucam_nerfstudio.scripts.run_command import announced, progress, say

DEFAULT_FRAME_RATE = 24.0
"""Pictures a second where the capture has none."""

FRAME_RATES = (0.01, 1000.0)
"""Pictures a second, between which every video format keeps the time."""


@dataclass
class VideoCommand(ExportCommand):
    """What exports of videos need to know."""

    rendered_output_names: tuple[str, ...] = ("rgb",)
    """Outputs to show, one video each, such as rgb, all_in_focus_hdr or defocus."""
    video_format: VideoFormat = "mp4"
    """mp4 (H.264) plays everywhere, webm (VP9) in browsers, gif in messages; frames is a folder of PNG files. No ffmpeg
    needs to be installed. Frames keep the colour profile of the photographs, the others show its colours in sRGB."""
    frame_rate: float | None = None
    """Pictures a second. Default: that of the captured frames, else 24."""
    width_px: int | None = None
    """Width in pixels, at most the photographs' own, by area averaging; the height follows. MP4 and WebM need even
    sizes: an odd last row or column is cut."""
    tone_mapping: ToneMapping | None = None
    """How HDR outputs are brought to the display. Default: reinhard."""

    def open_run(self) -> LearnedCapture:
        """Loads the run, if videos can be made of it as they are asked for.

        Raises:
            NeucamError: As of `ExportCommand.open_run`, or an output is not to be had.
        """
        run = super().open_run()
        check_display_outputs(run, self.rendered_output_names)
        return run

    def frame_rate_of(self, capture: Capture, path_frame_rate: float | None = None) -> float:
        """Pictures a second, of the capture or of a camera path.

        Raises:
            NeucamError: It lies beyond `FRAME_RATES`.
        """
        least, most = FRAME_RATES
        if self.frame_rate is not None and not least <= self.frame_rate <= most:
            raise NeucamError(f"--frame-rate {self.frame_rate:g}: expected more than 0, from {least:g} to {most:g}.")
        rate = self.frame_rate or path_frame_rate or capture.frame_rate or DEFAULT_FRAME_RATE
        if self.video_format != "frames" and not least <= rate <= most:
            whose = "capture" if path_frame_rate is None else "camera path"
            raise NeucamError(
                f"The {whose} has {rate:g} frames a second: give --frame-rate, from {least:g} to {most:g}."
            )
        return rate


def write_videos(
    command: VideoCommand,
    run: LearnedCapture,
    shots: Sequence[CameraSettings],
    frame_rate: float,
    prefix: str,
    views: Sequence[View] | None = None,
    frame: int | None = None,
) -> None:
    """Renders pictures one after the other, and adds each to the videos of its outputs.

    Args:
        command: What the user has asked for.
        run: What to render.
        shots: How each picture is taken, in order.
        frame_rate: Pictures a second.
        prefix: Of the files' names, before the output's.
        views: What each picture shows; by default all show the view of a frame.
        frame: That frame, by its index in the capture; by default the reference frame.
    """
    if command.video_format == "gif" and not math.isclose(gif_frame_rate(frame_rate), frame_rate):
        say(f"A GIF shows {gif_frame_rate(frame_rate):.4g} pictures a second, not {frame_rate:.4g}.")
    is_folder, as_taken = command.video_format == "frames", CameraSettings()
    names: dict[TurnedDial, str] = {"focus": "focus_position", "aperture": "aperture", "exposure": "exposure_stops"}
    turned: list[TurnedDial] = [
        dial for dial, name in names.items() if any(getattr(shot, name) != getattr(as_taken, name) for shot in shots)
    ]
    index = run.capture.reference_index if frame is None else frame
    kept = kept_metadata(run.capture, index, command.width_px, turned, is_elsewhere=views is not None)
    seen = [run.view_of_frame(index)] * len(shots) if views is None else views
    suffix = "" if is_folder else f".{command.video_format}"
    add_picture: dict[str, Callable[[Picture], None]] = {}
    with ExitStack() as files:
        advance = files.enter_context(
            progress(f"Rendering {len(shots)} pictures", len(shots) * num_strips(run, seen[0]))
        )
        for name in dict.fromkeys(command.rendered_output_names):
            path = files.enter_context(announced(command.output_path / f"{prefix}{name}{suffix}"))
            colours = profile_of_output(run, name, kept.icc_profile)
            of_frame = PhotographMetadata(colours, kept.exif)
            video = frame_folder(path, of_frame) if is_folder else video_file(path, frame_rate, colours)
            add_picture[name] = files.enter_context(video)
        for shot, view in zip(shots, seen, strict=True):
            settings = replace(shot, display=Display(command.tone_mapping or "reinhard", shot.display.exposure_stops))
            for name, picture in render(run, tuple(add_picture), settings, advance, view=view).items():
                add_picture[name](reduced(picture, command.width_px))
