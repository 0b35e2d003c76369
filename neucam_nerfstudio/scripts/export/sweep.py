"""`neucam-export sweep`: a video in which focus, aperture or exposure is turned, time goes by, or the camera moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photograph_metadata import TurnedDial
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.path_settings import LensSettings
from neucam_nerfstudio.scripts.export.camera_path import CameraPath, read_camera_path
from neucam_nerfstudio.scripts.export.dials import (
    DIAL_OF_OPTION,
    OTHER_UNIT,
    check_dials,
    said_of_keyframes,
    typed,
)
from neucam_nerfstudio.scripts.export.options import check_size, checked_time, frame_numbers
from neucam_nerfstudio.scripts.export.trained_run import learned_frames
from neucam_nerfstudio.scripts.export.videos import VideoCommand, write_videos
from neucam_nerfstudio.scripts.run_command import say

SWEEP_SECONDS = 3.0
"""How long a video of a still scene is, unless told."""

FIRST_TO_LAST = (0.0, 1.0)
"""Times that a video of a scene that moves passes, unless told."""

ONE_EXPOSURE_SWEEP_STOPS = 2.0
"""How far an exposure sweep goes to either side of the only exposure there is."""


@dataclass
class ExportSweep(VideoCommand):
    """Writes a video in which dials turn, one alone or several together; where the scene moves, time goes by as well.

    A focus pull through all captured settings:

        neucam-export sweep --load-config RUN/config.yml --output-path videos --dials focus

    Focus from one end to the other and back, while the exposure rises by four stops:

        neucam-export sweep ... --focus-position -1 1 -1 --exposure-stops -2 2

    The video of a scene that moves, sharp and with all its light:

        neucam-export sweep ... --rendered-output-names all_in_focus_hdr

    A focus pull through a volume, from 1.5 to 4 metres, at f/2; the same along a path, for as long as that goes on:

        neucam-export sweep ... --focus-distance-m 1.5 4 --f-number 2 --camera-path path.json
    """

    dials: tuple[TurnedDial, ...] = ()
    """Dials to turn through all that was captured: focus from the nearest to the farthest setting, aperture from 0 to
    1, exposure from the shortest to the longest."""
    focus_position: tuple[float, ...] = ()
    """Instead: focus positions to pass, at even distances in the video. One position holds for the whole of it."""
    focus_distance_m: tuple[float, ...] = ()
    """The same of many views, in metres (inf for infinity); the focus goes evenly in 1/m."""
    aperture: tuple[float, ...] = ()
    """Instead: apertures to pass (0 all in focus, 1 as captured), or one to hold."""
    f_number: tuple[float, ...] = ()
    """The same of many views, as f-numbers; evenly in stops."""
    exposure_stops: tuple[float, ...] = ()
    """Instead: exposures to pass, in stops, or one to hold."""
    time: tuple[float, ...] = ()
    """Of a scene that moves: times to pass, from 0 (first frame) to 1 (last frame); one time stops the motion.
    Default: from the first frame to the last."""
    num_pictures: int | None = None
    """Length of the video in pictures. Default: as many as a moving scene has frames, or a path cameras; 3 seconds of a
    still one."""
    frame: str | None = None
    """Of many views: the frame, by name or number, whose view and settings the pictures have. Default: the reference
    frame."""
    camera_path: Path | None = None
    """Instead, of many views: a picture for each camera of this path, at its size. The viewer's Render tab writes such
    a file; its "neucam" may have keyframes of focus_distance_m, f_number and exposure_stops."""

    def main(self) -> None:
        """Renders the sweep and writes a video of each output."""
        run = self.open_run()
        frame, path = self._own_frame(run), self._path(run)
        frame_rate = self.frame_rate_of(run.capture, None if path is None else path.frame_rate)
        shots = self._shots(run, frame_rate, frame, path)
        check_size(run.capture if path is None else path.views[0], self.width_px, self.video_format)
        views = None if path is None else path.views
        write_videos(self, run, shots, frame_rate, prefix="sweep_", views=views, frame=frame)

    def _own_frame(self, run: LearnedCapture) -> int | None:
        """The frame that the user names."""
        if self.frame is None:
            return None
        if run.capture.views is None:
            raise NeucamError(f"--frame {self.frame}: all frames of this run have one view. Leave it out.")
        if self.camera_path is not None:
            raise NeucamError(f"--frame {self.frame} and --camera-path: a path has views of its own. Leave one out.")
        found = frame_numbers(run.capture, (self.frame,), "frame")
        if len(found) > 1:
            raise NeucamError(f"--frame {self.frame}: {len(found)} frames have such a name. Give that of one.")
        return found[0]

    def _path(self, run: LearnedCapture) -> CameraPath | None:
        """The camera path that the user names."""
        path = None if self.camera_path is None else read_camera_path(run, self.camera_path)
        if path is not None and self.num_pictures is not None:
            raise NeucamError(
                f"--num-pictures {self.num_pictures}: the path has {len(path.views)} cameras. Leave it out."
            )
        return path

    def _shots(
        self, run: LearnedCapture, frame_rate: float, frame: int | None = None, path: CameraPath | None = None
    ) -> list[CameraSettings]:
        """How each picture is taken, if the dials that turn change something that physics allows."""
        way_points = self._way_points(run)
        if path is None and not any(len(points) > 1 for points in way_points.values()):
            raise NeucamError("Nothing changes in this sweep. Name dials to turn: --dials focus, aperture or exposure.")
        given = {name: points for name, points in way_points.items() if name in DIAL_OF_OPTION}
        options: dict[TurnedDial, str] = {DIAL_OF_OPTION[name]: self._typed(name) for name in given}
        apertures = given.get("f_number") or given.get("aperture", (1.0,))
        check_dials(run, self.rendered_output_names, given, options, apertures)
        if path is not None:
            idle = said_of_keyframes(run, path.settings, self.rendered_output_names, max(apertures))
            if idle is not None:
                say(idle)
        count = self._num_pictures(run, frame_rate) if path is None else len(path.views)
        lens = [LensSettings()] * count if path is None else path.settings
        passed = [dict(zip(way_points, turn, strict=True)) for turn in zip(*_passed(way_points, count), strict=True)]
        return [_shot(run, turned, keyed, frame) for turned, keyed in zip(passed or [{}] * count, lens, strict=True)]

    def _typed(self, option: str) -> str:
        """What turns a dial, as it was typed: its own option, or its name among the dials."""
        own = getattr(self, option)
        return typed(option, *own) if own else f"--dials {DIAL_OF_OPTION[option]}"

    def _way_points(self, run: LearnedCapture) -> dict[str, Sequence[float]]:
        """What each setting passes, by the name of its option; settings that are left alone are left out."""
        passed = {option: getattr(self, option) for option in DIAL_OF_OPTION}
        metric = OTHER_UNIT if run.capture.views is not None else {}
        through_captured = {
            "focus": (metric.get("focus_position", "focus_position"), captured_focus),
            "aperture": ("aperture", lambda run: (0.0, 1.0)),
            "exposure": ("exposure_stops", captured_exposures),
        }
        for dial in self.dials:
            option, captured = through_captured[dial]
            if not any(passed[name] for name, turned in DIAL_OF_OPTION.items() if turned == dial):
                passed[option] = captured(run)
        passed["time"] = tuple(checked_time(run.capture, time) for time in self.time)
        if run.capture.moves:
            passed["time"] = passed["time"] or FIRST_TO_LAST
        return {name: points for name, points in passed.items() if points}

    def _num_pictures(self, run: LearnedCapture, frame_rate: float) -> int:
        if self.num_pictures is not None and self.num_pictures < 2:
            raise NeucamError(f"--num-pictures {self.num_pictures}: expected 2 or more.")
        default = len(run.capture.frames) if run.capture.moves else round(SWEEP_SECONDS * frame_rate)
        return self.num_pictures or max(2, default)


def _passed(way_points: dict[str, Sequence[float]], count: int) -> list[list[float]]:
    """The values that each setting passes: evenly in 1/m, in the logarithm of f-numbers, and else in its own number."""
    passed = []
    for name, points in way_points.items():
        if name == "focus_distance_m":
            nearness = along([1 / metres for metres in points], count)
            passed.append([math.inf if per_metre == 0 else 1 / per_metre for per_metre in nearness])
        elif name == "f_number":
            passed.append([2.0**stops for stops in along([math.log2(number) for number in points], count)])
        else:
            passed.append(along(points, count))
    return passed


def _shot(run: LearnedCapture, passed: dict[str, float], keyed: LensSettings, frame: int | None) -> CameraSettings:
    own = LensSettings(*(passed.pop(name, None) for name in LensSettings._fields))
    return run.turned_to(replace(CameraSettings(frame=frame), **passed), own.over(keyed))


def along(way_points: Sequence[float], count: int) -> list[float]:
    """Values on straight lines from each way point to the next: the first and last are those of the way points."""
    places = np.linspace(0, len(way_points) - 1, count)
    return np.interp(places, np.arange(len(way_points)), way_points).tolist()


def captured_focus(run: LearnedCapture) -> tuple[float, float]:
    """The learned focus positions that lie farthest apart; of many views the nearest and farthest distance, in metres.

    Raises:
        NeucamError: There is one, or focus makes no difference.
    """
    if not run.camera.has_focus:
        raise NeucamError("--dials focus: the camera of this run has no blur that depends on focus. Turn another dial.")
    frames = learned_frames(run)
    has_metres = run.capture.views is not None
    positions = {frame.focus_distance_m if has_metres else frame.focus_position for frame in frames}
    known = {position for position in positions if position is not None}
    if len(known) < 2:
        raise NeucamError("--dials focus: the frames have one focus setting. Turn another dial.")
    return min(known), max(known)


def captured_exposures(run: LearnedCapture) -> tuple[float, float]:
    """The shortest and longest learned exposure in stops; two stops to either side of the only one."""
    stops = [frame.exposure_stops for frame in learned_frames(run)]
    least, most = min(stops), max(stops)
    margin = ONE_EXPOSURE_SWEEP_STOPS if most == least else 0.0
    return least - margin, most + margin
