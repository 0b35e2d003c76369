"""A capture: photographs of one view or many, or a video, and all that is known of them but their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from neucam_nerfstudio.capture.pixels.source import SourceKind
from neucam_nerfstudio.capture.pixels.warp import Nearness, ViewMap
from neucam_nerfstudio.capture.settings.exposures import NOT_GIVEN, ExposureSettings
from neucam_nerfstudio.capture.settings.focus import FocusSettings
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.imaging.raw_files import WhiteBalance

MANIFEST_NAME = "capture.json"
Value_co = TypeVar("Value_co", covariant=True)
Numbers3 = tuple[float, float, float]
MapRows = tuple[Numbers3, Numbers3, Numbers3]
"""A map of pixels [3, 3], by rows."""
AS_WRITTEN = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How pydantic reads the file: keys that are not known, and text for numbers, are refused."""


@dataclass(frozen=True)
class Told(Generic[Value_co]):
    """Something that is known of a frame.

    Attributes:
        value: As it counts: as found, unless the user has edited it. None where nothing tells.
        found: As the scan of the photographs found it.
        evidence: What told it, in words.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = AS_WRITTEN
    value: Value_co
    found: Value_co
    evidence: str

    @property
    def is_edited(self) -> bool:
        """Whether the user has put another value."""
        return self.value != self.found


def found(value: Value_co, evidence: str) -> Told[Value_co]:
    """What a scan has found, and what told it."""
    return Told(value, value, evidence)


NOTHING = found(None, "")


@dataclass(frozen=True)
class Frame:
    """One photograph and the settings it was taken at.

    Attributes:
        path: Its file; of a frame of a video or array, a name of its own beside the file.
        focus_index: Its focus setting, an index into those of the capture.
        exposure_index: Its exposure setting, an index into those of the capture.
        exposure: In stops, +1 is twice the light.
        focus: Number of the focus setting.
        time: From 0, the first frame, to 1, the last; nothing for a still scene.
        alignment: The map [3, 3] to where it shows what the reference frame shows; None where it needs none.
        epipole: What a unit of nearness adds to a place that the map has found; None where the camera only turned.
    """

    path: Path
    focus_index: int
    exposure_index: int
    exposure: Told[float | None] = NOTHING
    focus: Told[int | None] = NOTHING
    time: Told[float | None] = NOTHING
    alignment: Told[MapRows | None] = NOTHING
    epipole: Numbers3 | None = None

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.path.stem


@dataclass(frozen=True)
class Capture:
    """Photographs of one view or many, and what is known of their settings: the manifest, which never changes.

    Attributes:
        kind: Whether frames are photographs in a folder, or come out of a video or an array.
        data: The folder of photographs, or the file that holds the frames.
        data_found: Where that was when it was scanned.
        folder: Where it lies, and beside it `exposure.txt` and ground truth.
        frames: All used frames in order.
        train_indices: Frames to train on.
        eval_indices: Frames held out for evaluation; all frames when none is held out.
        exposures: Exposure settings, by `Frame.exposure_index`.
        focuses: Focus settings, by `Frame.focus_index`.
        height: Of every frame in pixels, after downscaling.
        width: Of every frame in pixels, after downscaling.
        downscale_factor: Size divisor that is applied.
        number_type: Of pixels: uint8, uint16 or float32.
        white_level: The value of files that is white.
        white_balance: Gains that RAW files are developed with; None for each one's own, or daylight.
        linear_light: Whether pixel values are known to be linear light, clipped at white; else a response made them.
        reference_index: The training frame that others are seen from: the middle exposure of the middle focus, or the
            middle one of a scene that moves, unless the user names it.
        reference: Its name.
        moves: Whether frames are moments of a scene or camera that moves; else settings of one still scene.
        times: Of each frame, from 0, the first, to 1, the last: i / (N - 1) where they are evenly spaced; all 0 for a
            still scene.
        frame_rate: Frames a second, on average: of these frames where the scene moves, else of the file that they come
            from; None for photographs.
        radiance_truth: Of each frame, the file with the scene's linear radiance; None where there is none.
        sharp_truth: Of each frame, the photograph without blur; None where there is none.
        side_maps: Masks, depth and optical flow that lie beside the frames.
        nearness: How near things are that the reference shows, in a unit of its own, small; None where no frame has an
            epipole.
        scan_notes: Choices that the scan made for the user, a sentence each.
        manifest_file: Where this was read from; None if the photographs were scanned.
        views: Where each frame was taken from, of a capture of many views; None of one view. Focus positions are
            dioptres (1/m) then.
    """

    kind: SourceKind
    data: Path
    data_found: Path
    folder: Path
    frames: tuple[Frame, ...]
    train_indices: tuple[int, ...]
    eval_indices: tuple[int, ...]
    exposures: ExposureSettings
    focuses: FocusSettings
    height: int
    width: int
    downscale_factor: int
    number_type: np.dtype
    white_level: int
    white_balance: WhiteBalance | None
    linear_light: bool
    reference_index: int
    reference: Told[str]
    moves: bool
    times: tuple[float, ...]
    frame_rate: float | None
    radiance_truth: tuple[Path | None, ...]
    sharp_truth: tuple[Path | None, ...]
    side_maps: SideMaps
    scan_notes: tuple[str, ...]
    nearness: Nearness | None = field(default=None, compare=False)
    manifest_file: Path | None = field(default=None, compare=False)
    views: Views | None = field(default=None, compare=False)

    def __deepcopy__(self, memo: dict) -> Capture:
        """nerfstudio deep-copies what a dataset is given; side maps must not be held twice."""
        return self

    @staticmethod
    def load(path: Path, data: Path | None = None) -> Capture:
        """Reads a manifest; values that the user has edited in it win. Looks at no photograph.

        Args:
            path: The file.
            data: Where the photographs are now, if not where it says.

        Raises:
            NeucamError: The file is not there, is no manifest of this version, or says what cannot be.
        """
        from neucam_nerfstudio.capture.manifest_reading import read_manifest

        return read_manifest(path, data)

    def save(self, path: Path) -> None:
        """Writes the manifest as JSON, whole or not at all; missing folders are made."""
        from neucam_nerfstudio.capture.manifest_file import write_manifest

        write_manifest(self, path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen for the user, and what the user has edited, a sentence each."""
        return (*self.scan_notes, *self._edits())

    @property
    def held_out(self) -> bool:
        """Whether evaluation frames are other frames than those trained on."""
        return self.eval_indices != self.train_indices

    @property
    def reference_position(self) -> int:
        """The reference frame's place among the training frames."""
        return self.train_indices.index(self.reference_index)

    @property
    def train_frames(self) -> list[Frame]:
        """The frames to train on."""
        return [self.frames[index] for index in self.train_indices]

    @property
    def known_train_stops(self) -> list[float] | None:
        """Exposure of each training frame, +1 is twice the light; None where nothing tells."""
        known = self.exposures.source != "unknown"
        return [self.exposure_stops(index) for index in self.train_indices] if known else None

    def train_index_nearest(self, time: float) -> int:
        """The training frame nearest to a time in [0, 1], by its index in the capture."""
        return min(self.train_indices, key=lambda index: abs(self.times[index] - time))

    def exposure_stops(self, frame_index: int) -> float:
        """Start value of a frame's exposure, +1 is twice the light."""
        return self.exposures.stops[self.frames[frame_index].exposure_index]

    def exposure_reference(self, source: str | None = None) -> str:
        """One line that says which exposure radiance is relative to.

        Args:
            source: What tells exposures: the capture's own source, or `learned` where a camera does not follow that.
        """
        source, name = source or self.exposures.source, self.frames[self.reference_index].path.name
        if source in NOT_GIVEN:
            return f"Exposures were {NOT_GIVEN[source]} from the photographs (reference {name})."
        stops = self.exposure_stops(self.reference_index)
        return f"Radiance at 0 stops; photograph {name} has {stops:+g} stops ({source})."

    def view_map(self, frame_index: int) -> ViewMap | None:
        """Where a frame shows what the reference shows; None where it is not aligned."""
        frame = self.frames[frame_index]
        if frame.alignment.value is None:
            return None
        if frame.epipole is None:
            return ViewMap(np.array(frame.alignment.value))
        return ViewMap(np.array(frame.alignment.value), np.array(frame.epipole), self.nearness)

    def focus_position(self, frame_index: int) -> float:
        """Start value of a frame's focus position, unitless in [-1, 1]."""
        return self.focuses.positions[self.frames[frame_index].focus_index]

    def _edits(self) -> Iterator[str]:
        edited = f"as edited in {(self.manifest_file or Path(MANIFEST_NAME)).name}"

        def had(told: Told) -> str:
            if told.found is None:
                return f"({told.evidence})"
            return f"({told.evidence} had {told.found:g})" if told.evidence else f"(found: {told.found:g})"

        if self.data != self.data_found:
            yield f"Photographs are read from {self.data}, {edited} or given; they were scanned in {self.data_found}."
        if self.reference.is_edited:
            yield f"Reference frame: {self.reference.value}, {edited} ({self.reference.found} before)."
        for frame in self.frames:
            if frame.exposure.is_edited:
                stops = "unknown" if frame.exposure.value is None else f"{frame.exposure.value:+g} stops"
                yield f"{frame.name}: exposure {stops} {edited} {had(frame.exposure)}."
            if frame.focus.is_edited:
                yield f"{frame.name}: focus setting {frame.focus.value} {edited} {had(frame.focus)}."
            if frame.time.is_edited:
                yield f"{frame.name}: time {frame.time.value:g} {edited} {had(frame.time)}."
            if frame.alignment.is_edited:
                yield f"{frame.name}: alignment {edited}."
        if self.focuses.found not in (None, self.focuses.positions):
            now, before = (", ".join(f"{x:g}" for x in of) for of in (self.focuses.positions, self.focuses.found))
            yield f"Focus positions: {now}, {edited} ({before} before)."
