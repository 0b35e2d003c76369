"""What file names, `exposure.txt` and EXIF tell about the settings of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from neucam_nerfstudio.capture.exif_check import contradiction_by_names, contradiction_by_pictures
from neucam_nerfstudio.capture.exposure_file import EXPOSURE_FILE_NAME, read_exposure_values, stops_of_frames
from neucam_nerfstudio.capture.frame_names import settings_from_names
from neucam_nerfstudio.capture.frame_source import FrameSource
from neucam_nerfstudio.capture.settings import ExposureLevels, ExposureSource, LearnChoice
from neucam_nerfstudio.capture.still_pictures import StillPictures
from neucam_nerfstudio.imaging.exif import exposure_stops, focus_dioptres, unread_note

Value = TypeVar("Value")


class SettingsEvidence(NamedTuple):
    """One value a frame, in name order; None where nothing tells.

    Attributes:
        focus_numbers: The i of `F<i>` in the names.
        exposure_numbers: The j of `E<j>` in the names.
        stops: Exposures, +1 is twice the light.
        stops_source: What told the exposures.
        dioptres: Focus distances in 1/m.
        notes: What was found and not used, a sentence each.
        dealt: How the values of `exposure.txt` were dealt out, in words.
    """

    focus_numbers: list[int] | None
    exposure_numbers: list[int] | None
    stops: list[float] | None
    stops_source: ExposureSource
    dioptres: list[float] | None
    notes: tuple[str, ...] = ()
    dealt: str | None = None

    def of_frames(self, indices: Sequence[int]) -> SettingsEvidence:
        """The evidence for some of the frames."""

        def pick(values: list[Value] | None) -> list[Value] | None:
            return None if values is None else [values[index] for index in indices]

        return self._replace(
            focus_numbers=pick(self.focus_numbers),
            exposure_numbers=pick(self.exposure_numbers),
            stops=pick(self.stops),
            dioptres=pick(self.dioptres),
        )

    def with_checked_exif(self, names: Sequence[str], pictures: StillPictures | None) -> SettingsEvidence:
        """Without EXIF exposures that cannot be true.

        Args:
            names: Of the frames.
            pictures: Of the frames of a still scene; None for one that moves, where brightness changes with the view.
        """
        if self.stops is None or self.stops_source != "EXIF":
            return self
        wrong = None
        if self.exposure_numbers is not None:
            wrong = contradiction_by_names(self.stops, self.exposure_numbers, names)
        if wrong is None and pictures is not None:
            wrong = contradiction_by_pictures(self.stops, pictures, names)
        if wrong is None:
            return self
        note = f"EXIF exposures are not used: {wrong}. Write exposure.txt if you know the exposures."
        return self._replace(stops=None, stops_source="unknown", notes=(*self.notes, note))

    def with_equal_exposures(self, levels: ExposureLevels, choice: LearnChoice) -> SettingsEvidence:
        """Unknown exposures that do not differ as one of 0 stops, unless they are to be learned or refined a frame."""
        if self.stops is not None or choice in ("learn", "refine") or max(levels.numbers) > 0:
            return self
        stops = [0.0] * len(levels.numbers)
        if levels.told_by == "names":
            return self._replace(stops=stops, stops_source="names")
        note = "Frames are equally bright: taken as one exposure. Give --exposures learn if they are not."
        return self._replace(stops=stops, stops_source="brightness", notes=(*self.notes, note))


def gather_evidence(frames: FrameSource, moves: bool) -> SettingsEvidence:
    """Reads names, `exposure.txt` and, for what these leave open, EXIF.

    Args:
        frames: All of them, in order; the values of `exposure.txt` are counted off over them.
        moves: Whether they are moments of a scene that moves.

    Raises:
        NeucamError: Names are inconsistent, or `exposure.txt` is unusable.
    """
    focus_numbers, exposure_numbers, names_note = settings_from_names(frames.paths)
    exposure_file = frames.folder / EXPOSURE_FILE_NAME
    dealt = None
    if exposure_file.exists():
        values, source = read_exposure_values(exposure_file), "exposure.txt"
        in_one_file = frames.data != frames.folder
        stops, dealt = stops_of_frames(
            values, exposure_numbers, len(frames.paths), exposure_file, may_break_off=moves or in_one_file
        )
        exif = frames.exif() if focus_numbers is None else []
    else:
        exif = frames.exif()
        stops, source = exposure_stops(exif), "EXIF"
    dioptres = focus_dioptres(exif) if exif and focus_numbers is None else None
    exif_note = None
    if stops is None:
        source = "unknown"
        some_told = any(settings.exposure_time_s is not None for settings in exif)
        partly = "EXIF tells the exposure of some frames only, so it is not used."
        exif_note = partly if some_told else unread_note(frames.paths, exif)
    notes = tuple(filter(None, (names_note, exif_note)))
    return SettingsEvidence(focus_numbers, exposure_numbers, stops, source, dioptres, notes, dealt)
