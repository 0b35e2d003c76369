"""`neucam-export sweep`: a video in which focus, aperture or exposure is turned, or time goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photograph_metadata import TurnedDial
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scripts.export.options import SETTINGS, check_dials, checked_time, typed
from neucam_nerfstudio.scripts.export.trained_run import learned_frames
from neucam_nerfstudio.scripts.export.videos import VideoCommand, write_videos

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
    """

    dials: tuple[TurnedDial, ...] = ()
    """Dials to turn through all that was captured: focus from the nearest to the farthest setting, aperture from 0 to
    1, exposure from the shortest to the longest."""
    focus_position: tuple[float, ...] = ()
    """Instead: focus positions to pass, at even distances in the video. One position holds for the whole of it."""
    aperture: tuple[float, ...] = ()
    """Instead: apertures to pass (0 all in focus, 1 as captured), or one to hold."""
    exposure_stops: tuple[float, ...] = ()
    """Instead: exposures to pass, in stops, or one to hold."""
    time: tuple[float, ...] = ()
    """Of a scene that moves: times to pass, from 0 (first frame) to 1 (last frame); one time stops the motion.
    Default: from the first frame to the last."""
    num_pictures: int | None = None
    """Length of the video in pictures. Default: as many as a moving scene has frames; 3 seconds of a still one."""

    def main(self) -> None:
        """Renders the sweep and writes a video of each output."""
        run = self.open_run()
        frame_rate = self.frame_rate_of(run.capture)
        write_videos(self, run, self._shots(run, frame_rate), frame_rate, prefix="sweep_")

    def _shots(self, run: LearnedCapture, frame_rate: float) -> list[CameraSettings]:
        """How each picture is taken, if the dials that turn change something that physics allows."""
        way_points = self._way_points(run)
        if not any(len(points) > 1 for points in way_points.values()):
            raise NeucamError("Nothing changes in this sweep. Name dials to turn: --dials focus, aperture or exposure.")
        turned: dict[TurnedDial, Sequence[float]] = {
            dial: way_points[setting] for dial, setting in SETTINGS.items() if setting in way_points
        }
        options: dict[TurnedDial, str] = {
            dial: typed(dial, *own) if (own := getattr(self, SETTINGS[dial])) else f"--dials {dial}" for dial in turned
        }
        check_dials(run, self.rendered_output_names, turned, options, way_points.get("aperture", (1.0,)))
        count = self._num_pictures(run, frame_rate)
        paths = [along(points, count) for points in way_points.values()]
        return [_shot(run, dict(zip(way_points, passed, strict=True))) for passed in zip(*paths, strict=True)]

    def _way_points(self, run: LearnedCapture) -> dict[str, Sequence[float]]:
        """What each setting passes, by its name in `CameraSettings`; settings that are left alone are left out."""
        through_captured = {"focus": captured_focus, "aperture": lambda run: (0.0, 1.0), "exposure": captured_exposures}
        passed = {setting: getattr(self, setting) for setting in SETTINGS.values()}
        for dial in self.dials:
            passed[SETTINGS[dial]] = passed[SETTINGS[dial]] or through_captured[dial](run)
        passed["time"] = tuple(checked_time(run.capture, time) for time in self.time)
        if run.capture.moves:
            passed["time"] = passed["time"] or FIRST_TO_LAST
        return {name: points for name, points in passed.items() if points}

    def _num_pictures(self, run: LearnedCapture, frame_rate: float) -> int:
        if self.num_pictures is not None and self.num_pictures < 2:
            raise NeucamError(f"--num-pictures {self.num_pictures}: expected 2 or more.")
        default = len(run.capture.frames) if run.capture.moves else round(SWEEP_SECONDS * frame_rate)
        return self.num_pictures or max(2, default)


def _shot(run: LearnedCapture, passed: dict[str, float]) -> CameraSettings:
    stops = passed.pop("exposure_stops", None)
    settings = replace(CameraSettings(), **passed)
    return settings if stops is None else run.exposed_at(settings, stops)


def along(way_points: Sequence[float], count: int) -> list[float]:
    """Values on straight lines from each way point to the next: the first and last are those of the way points."""
    places = np.linspace(0, len(way_points) - 1, count)
    return np.interp(places, np.arange(len(way_points)), way_points).tolist()


def captured_focus(run: LearnedCapture) -> tuple[float, float]:
    """The learned focus positions that lie farthest apart.

    Raises:
        NeucamError: There is one, or focus makes no difference.
    """
    if not run.camera.has_focus:
        raise NeucamError("--dials focus: the camera of this run has no blur that depends on focus. Turn another dial.")
    positions = {frame.focus_position for frame in learned_frames(run) if frame.focus_position is not None}
    if len(positions) < 2:
        raise NeucamError("--dials focus: the frames have one focus setting. Turn another dial.")
    return min(positions), max(positions)


def captured_exposures(run: LearnedCapture) -> tuple[float, float]:
    """The shortest and longest learned exposure in stops; two stops to either side of the only one."""
    stops = [frame.exposure_stops for frame in learned_frames(run)]
    least, most = min(stops), max(stops)
    margin = ONE_EXPOSURE_SWEEP_STOPS if most == least else 0.0
    return least - margin, most + margin
