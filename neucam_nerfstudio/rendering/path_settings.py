"""Focus, f-number and exposure along a camera path, as photographers say them: keyframes, and what lies between."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neucam_nerfstudio.errors import NeucamError

SETTINGS_NAME = "camera_settings.json"
"""File in the folder of a capture of many views with keyframes for paths that tell nothing but poses and times, as
those that nerfstudio's own commands pass to a model."""

KEYFRAMES_KEY = "neucam"
"""Of the keyframes in a camera path or in `SETTINGS_NAME`."""


class LensSettings(NamedTuple):
    """How a picture is taken, in a photographer's units; None leaves a setting alone.

    Attributes:
        focus_distance_m: From the camera to the plane in focus, > 0; infinity allowed.
        f_number: Focal length over the diameter of the aperture, > 0.
        exposure_stops: +1 doubles the light.
    """

    focus_distance_m: float | None = None
    f_number: float | None = None
    exposure_stops: float | None = None

    def over(self, other: LensSettings) -> LensSettings:
        """These settings, and the other's where these are left alone."""
        return LensSettings(*(own if own is not None else its for own, its in zip(self, other, strict=True)))

    def check(self, option_of: dict[str, str] | None = None) -> None:
        """Refuses what no lens has.

        Args:
            option_of: What each setting is called where it was typed; its name if it is not there.

        Raises:
            NeucamError: A number is not finite, or not above 0.
        """
        for name, value in self._asdict().items():
            if value is None or (name == "focus_distance_m" and value == math.inf):
                continue
            typed = f"{(option_of or {}).get(name, name)} {value:g}"
            if name == "exposure_stops" and not math.isfinite(value):
                raise NeucamError(f"{typed}: expected a finite number.")
            if name == "focus_distance_m" and not value > 0:
                raise NeucamError(f"{typed}: expected metres, more than 0; inf for infinity.")
            if name == "f_number" and not 0 < value < math.inf:
                raise NeucamError(f"{typed}: expected more than 0, such as 2.8.")


@dataclass(frozen=True)
class SettingsTrack:
    """Settings that change along a path. Between keyframes the focus goes evenly in 1/m, the f-number in its logarithm
    and the exposure in stops; before the first and after the last, they hold.

    Attributes:
        places: Of the keyframes along the path, rising: times in [0, 1], or numbers of cameras.
        keyframes: What is set there. A keyframe that leaves a setting alone is passed over by it.
        by_frame: Whether places are numbers of cameras.
    """

    places: tuple[float, ...]
    keyframes: tuple[LensSettings, ...]
    by_frame: bool

    def at(self, place: float) -> LensSettings:
        """The settings at a place of the path."""
        focus, f_number, stops = (self._passed(name, place) for name in LensSettings._fields)
        distance_m = None if focus is None else math.inf if focus <= 0 else 1 / focus
        return LensSettings(distance_m, None if f_number is None else 2.0**f_number, stops)

    def of_cameras(self, times: Sequence[float] | None, num_cameras: int) -> list[LensSettings]:
        """The settings of each camera of a path.

        Args:
            times: When each takes its picture, if the path tells; else from 0, the first, to 1, the last.
            num_cameras: How many there are.
        """
        places = range(num_cameras) if self.by_frame else times
        return [self.at(place) for place in (np.linspace(0, 1, num_cameras).tolist() if places is None else places)]

    def _passed(self, name: str, place: float) -> float | None:
        places, values = self._curves.get(name, ((), ()))
        return float(np.interp(place, places, values)) if places else None

    @cached_property
    def _curves(self) -> dict[str, tuple[list[float], list[float]]]:
        """Places and values, in terms that change evenly, of the settings that any keyframe has."""
        evenly = {"focus_distance_m": lambda metres: 1 / metres, "f_number": math.log2}
        curves: dict[str, tuple[list[float], list[float]]] = {}
        for place, keyframe in zip(self.places, self.keyframes, strict=True):
            for name, value in keyframe._asdict().items():
                if value is not None:
                    places, values = curves.setdefault(name, ([], []))
                    places.append(place)
                    values.append(evenly.get(name, float)(value))
        return curves


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        NeucamError: There is no such file, or it holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NeucamError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise NeucamError(f"{path}: is no JSON ({error}).") from error
    if not isinstance(document, dict):
        raise NeucamError(f"{path}: found a {type(document).__name__}, expected a JSON object.")
    return document


def render_times(document: dict[str, Any]) -> list[float] | None:
    """When each camera of a camera path takes its picture, `render_time`; None unless all cameras tell."""
    cameras = document.get("camera_path") or []
    times = [camera.get("render_time") for camera in cameras]
    return None if not times or None in times else [float(time) for time in times]


def keyframed_settings(document: dict[str, Any], path: Path) -> SettingsTrack | None:
    """The keyframes in a camera path, or in a file of settings alone; None if it has none.

    Args:
        document: Its `neucam` is a list of objects: each has `time` or `frame`, and some of `focus_distance_m`,
            `f_number` and `exposure_stops`.
        path: The file, for messages.

    Raises:
        NeucamError: They are something else, or no lens can have them.
    """
    listed = document.get(KEYFRAMES_KEY)
    if listed is None:
        return None
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise NeucamError(f'{path}: "{KEYFRAMES_KEY}": expected a list of keyframes, such as {_EXAMPLE}.')
    kinds = {kind for entry in listed for kind in ("time", "frame") if kind in entry}
    if len(kinds) != 1 or not all(kinds & entry.keys() for entry in listed):
        raise NeucamError(f'{path}: "{KEYFRAMES_KEY}": expected a "time" in each keyframe, or a "frame" in each.')
    (kind,) = kinds
    keyed = [_keyframe(entry, kind, f'{path}: "{KEYFRAMES_KEY}" {number}') for number, entry in enumerate(listed)]
    keyed.sort(key=lambda keyframe: keyframe[0])
    places = tuple(place for place, _ in keyed)
    if len(set(places)) != len(places):
        raise NeucamError(f'{path}: "{KEYFRAMES_KEY}": two keyframes have the same {kind}. Keep one of them.')
    if kind == "frame" and "camera_path" in document and places[-1] > len(document["camera_path"]) - 1:
        last = len(document["camera_path"]) - 1
        raise NeucamError(f'{path}: "{KEYFRAMES_KEY}": "frame" {places[-1]:g}: the path has cameras 0 to {last}.')
    return SettingsTrack(places, tuple(settings for _, settings in keyed), by_frame=kind == "frame")


_EXAMPLE = '[{"time": 0, "focus_distance_m": 1.5}, {"time": 1, "focus_distance_m": 4, "exposure_stops": 1}]'


def _keyframe(entry: dict[str, Any], kind: str, where: str) -> tuple[float, LensSettings]:
    known = {kind, *LensSettings._fields}
    if unknown := sorted(entry.keys() - known):
        raise NeucamError(f"{where}: has {', '.join(unknown)}; expected {kind}, {', '.join(LensSettings._fields)}.")
    for name, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NeucamError(f"{where}: {name} {value!r}: expected a number.")
    place = float(entry[kind])
    if kind == "time" and not 0 <= place <= 1:
        raise NeucamError(f"{where}: time {place:g}: expected from 0 (the start of the path) to 1 (its end).")
    if kind == "frame" and not (place >= 0 and place.is_integer()):
        raise NeucamError(f"{where}: frame {place:g}: expected a whole number, counted from 0.")
    settings = LensSettings(**{name: float(value) for name, value in entry.items() if name != kind})
    if all(value is None for value in settings):
        raise NeucamError(f"{where}: sets nothing; expected some of {', '.join(LensSettings._fields)}.")
    try:
        settings.check()
    except NeucamError as error:
        raise NeucamError(f"{where}: {error}") from error
    return place, settings


def settings_beside(folder: Path) -> SettingsTrack | None:
    """The keyframes by time in `SETTINGS_NAME` of a capture's folder, if there is such a file.

    It may be a copy of a camera path. Keyframes of its frames are told apart by the times of its cameras then.

    Raises:
        NeucamError: It has no keyframes, or none that times tell apart.
    """
    path = folder / SETTINGS_NAME
    if not path.is_file():
        return None
    document = read_json_object(path)
    track = keyframed_settings(document, path)
    if track is None:
        raise NeucamError(f'{path}: has no "{KEYFRAMES_KEY}"; expected {{"{KEYFRAMES_KEY}": {_EXAMPLE}}}.')
    if not track.by_frame:
        return track
    times = render_times(document)
    if times is None or any(after <= before for before, after in zip(times, times[1:], strict=False)):
        raise NeucamError(
            f'{path}: its keyframes have a "frame", but nerfstudio tells a model no more than the time of a camera.'
            ' Give each keyframe a "time", or each camera of a path in this file a "render_time" that rises.'
        )
    return SettingsTrack(tuple(times), tuple(track.of_cameras(None, len(times))), by_frame=False)
