"""`capture.json`: the manifest of a capture as a file that a user can read and edit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neucam_nerfstudio.capture.manifest import NOTHING, Capture, Frame, MapRows, Told
from neucam_nerfstudio.capture.pixels.source import SourceKind
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings, ExposureSource, LearnMode, ranks
from neucam_nerfstudio.capture.settings.focus import FocusSettings, FocusSource, spread_evenly
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.photometry import WHITE_LEVEL

VERSION = 1
LINE_LENGTH = 120
ADVICE = "Correct it, or take the file away to scan the photographs anew."

Value = TypeVar("Value")
AtLeastOne = Annotated[int, Field(ge=1)]
Use = Literal["training", "evaluation", "training and evaluation"]


class _Entry(BaseModel):
    """Part of the file: keys that are not known, and text for numbers, are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ToldEntry(_Entry, Generic[Value]):
    """What counts, what the scan found, and what told it."""

    value: Value
    found: Value
    evidence: str


class FrameEntry(_Entry):
    """A frame. Paths are relative to the capture's folder where they lie in it; what there is none of is left out."""

    file: str
    used_for: Use
    exposure_stops: ToldEntry[float | None]
    exposure_setting: int
    focus_setting: ToldEntry[int]
    time: ToldEntry[Annotated[float, Field(ge=0, le=1)]] | None = None
    alignment: ToldEntry[MapRows | None]
    border_from: str | None = None
    radiance_truth: str | None = None
    sharp_truth: str | None = None
    mask: str | None = None
    depth: str | None = None


class ExposuresEntry(_Entry):
    """How exposures are treated, and what told them."""

    source: ExposureSource
    mode: LearnMode
    dealt: str | None


class FocusesEntry(_Entry):
    """How focus positions are treated, what told the settings, and where each of them is."""

    source: FocusSource
    mode: LearnMode
    positions: ToldEntry[tuple[float, ...]]


class Document(_Entry):
    """The whole file."""

    version: Literal[1]
    kind: SourceKind
    data: str
    data_found: str
    width: AtLeastOne
    height: AtLeastOne
    downscale_factor: AtLeastOne
    number_type: Literal["uint8", "uint16", "float32"]
    white_level: AtLeastOne
    white_balance: tuple[float, float, float, float] | None
    linear_light: bool
    moves: bool
    frame_rate: float | None
    reference: ToldEntry[str]
    exposures: ExposuresEntry
    focuses: FocusesEntry
    frames: Annotated[list[FrameEntry], Field(min_length=2)]
    flow: list[tuple[str, str]] = []
    notes: list[str]


def write_manifest(capture: Capture, path: Path) -> None:
    """Writes a capture's manifest as indented JSON, whole or not at all; missing folders are made."""
    home, folder = Path(os.path.abspath(path)).parent, Path(os.path.abspath(capture.folder))

    def inside(file: Path | None, root: Path) -> str | None:
        """A path relative to a folder that it lies in, else as a whole."""
        if file is None:
            return None
        whole = Path(os.path.abspath(file))
        return (whole.relative_to(root) if whole.is_relative_to(root) else whole).as_posix()

    def told(value: Told) -> dict[str, Any]:
        return {"value": value.value, "found": value.found, "evidence": value.evidence}

    maps = capture.side_maps
    of_train = {name: dict(zip(capture.train_indices, paths, strict=False)) for name, paths in maps.by_frame().items()}
    frames = []
    for index, frame in enumerate(capture.frames):
        uses = {"training": capture.train_indices, "evaluation": capture.eval_indices}
        files = {
            "radiance_truth": capture.radiance_truth[index],
            "sharp_truth": capture.sharp_truth[index],
            **{name: paths.get(index) for name, paths in of_train.items()},
        }
        border = None if frame.border_from is None else capture.frames[frame.border_from].name
        optional = {"border_from": border, **{name: inside(file, folder) for name, file in files.items()}}
        frames.append(
            {
                "file": inside(frame.path, folder),
                "used_for": " and ".join(use for use, indices in uses.items() if index in indices),
                "exposure_stops": told(frame.exposure),
                "exposure_setting": frame.exposure_index,
                "focus_setting": told(frame.focus),
                **({"time": told(frame.time)} if capture.moves else {}),
                "alignment": told(frame.alignment),
                **{key: value for key, value in optional.items() if value is not None},
            }
        )
    exposures, focuses = capture.exposures, capture.focuses
    positions = Told(focuses.positions, focuses.found or focuses.positions, f"focus settings by {focuses.source}")
    document = {
        "version": VERSION,
        "kind": capture.kind,
        "data": inside(capture.data, home),
        "data_found": inside(capture.data_found, home),
        "width": capture.width,
        "height": capture.height,
        "downscale_factor": capture.downscale_factor,
        "number_type": capture.number_type.name,
        "white_level": capture.white_level,
        "white_balance": capture.white_balance,
        "linear_light": capture.linear_light,
        "moves": capture.moves,
        "frame_rate": capture.frame_rate,
        "reference": told(capture.reference),
        "exposures": {"source": exposures.source, "mode": exposures.mode, "dealt": exposures.dealt},
        "focuses": {"source": focuses.source, "mode": focuses.mode, "positions": told(positions)},
        "frames": frames,
        "flow": [[inside(file, folder) for file in pair] for pair in maps.flow_paths],
        "notes": capture.scan_notes,
    }
    with written_whole(path) as temporary:
        temporary.write_text(_laid_out(document) + "\n", encoding="utf-8")


def read_manifest(path: Path, data: Path | None = None) -> Capture:
    """Reads a manifest. Looks at no photograph.

    Args:
        path: The file.
        data: Where the photographs are now, if not where it says.

    Raises:
        NeucamError: The file is not there, is no manifest of this version, or says what cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        version = json.loads(text).get("version")
        if version != VERSION:
            raise NeucamError(
                f"{path}: version {version!r} of the file, this program reads {VERSION}. Use the program that wrote it,"
                " or take the file away to scan the photographs anew."
            )
        return _Reader(path, Document.model_validate_json(text), data).capture()
    except json.JSONDecodeError as error:
        raise NeucamError(f"{path}, line {error.lineno}: not JSON ({error.msg}). {ADVICE}") from error
    except ValidationError as error:
        raise NeucamError(_said_of(path, error)) from error
    except (OSError, UnicodeDecodeError, AttributeError) as error:
        raise NeucamError(f"{path}: not the manifest of a capture ({error}). Give one that was saved.") from error


class _Reader:
    """Makes a capture of a file whose parts are each of the right kind.

    Args:
        path: The file.
        document: What it says.
        data: Where the photographs are now, if not where it says.
    """

    def __init__(self, path: Path, document: Document, data: Path | None) -> None:
        self.path, self.document, self.frames = path, document, document.frames
        home = Path(os.path.abspath(path)).parent
        self.data, self.data_found = data or home / document.data, home / document.data_found
        self.folder = self.data if document.kind == "photographs" else self.data.parent
        self.names = [Path(frame.file).stem for frame in self.frames]

    def capture(self) -> Capture:
        """The capture, with settings as the values say.

        Raises:
            NeucamError: Values contradict one another.
        """
        document, frames = self.document, self.frames
        if len(set(self.names)) < len(self.names):
            self.refuse("frames", self.names, "frames of different names")
        train = tuple(index for index, frame in enumerate(frames) if "training" in frame.used_for)
        evaluation = tuple(index for index, frame in enumerate(frames) if "evaluation" in frame.used_for)
        if len(train) < 2:
            self.refuse("used_for", f"{len(train)} training frames", "at least two")
        reference = self.index_of("reference.value", document.reference.value)
        if reference not in train:
            self.refuse("reference.value", document.reference.value, "the name of a training frame")
        exposure_indices, exposures = self.exposures()
        focus_indices, focuses = self.focuses()
        times = self.times()
        borders = self.borders()
        number_type = np.dtype(document.number_type)
        largest = WHITE_LEVEL[number_type]
        if document.white_level != largest and (document.number_type != "uint16" or document.white_level > largest):
            self.refuse("white_level", document.white_level, f"{largest}, or less of 16-bit files")
        return Capture(
            kind=document.kind,
            data=self.data,
            data_found=self.data_found,
            folder=self.folder,
            frames=tuple(
                Frame(
                    path=self.folder / frame.file,
                    focus_index=focus_indices[index],
                    exposure_index=exposure_indices[index],
                    exposure=_told(frame.exposure_stops),
                    focus=_told(frame.focus_setting),
                    time=NOTHING if frame.time is None else _told(frame.time),
                    alignment=self.alignment(index),
                    border_from=borders[index],
                )
                for index, frame in enumerate(frames)
            ),
            train_indices=train,
            eval_indices=evaluation or train,
            exposures=exposures,
            focuses=focuses,
            height=document.height,
            width=document.width,
            downscale_factor=document.downscale_factor,
            number_type=number_type,
            white_level=document.white_level,
            white_balance=document.white_balance,
            linear_light=document.linear_light,
            reference_index=reference,
            reference=_told(document.reference),
            moves=document.moves,
            times=times,
            frame_rate=document.frame_rate,
            radiance_truth=self.files("radiance_truth"),
            sharp_truth=self.files("sharp_truth"),
            side_maps=self.side_maps(train),
            scan_notes=tuple(document.notes),
            manifest_file=self.path,
        )

    def exposures(self) -> tuple[list[int], ExposureSettings]:
        """Exposure setting of each frame: as found; or where a value is edited, one for each value."""
        told, stated = [frame.exposure_stops for frame in self.frames], self.document.exposures
        stops = [frame.value for frame in told]
        settings, source, mode = [frame.exposure_setting for frame in self.frames], stated.source, stated.mode
        known = [value for value in stops if value is not None]
        if len(known) not in (0, len(stops)):
            missing = stops.index(None)
            self.refuse(
                f"frames[{missing}].exposure_stops.value", None, "a number, as other frames have: give all or none"
            )
        if any(frame.value != frame.found for frame in told):
            settings = ranks(known) if known else list(range(len(stops)))
            mode = ("fix" if known else "learn") if source != "edited" else mode
            source = "edited" if known else "unknown"
        indices = ranks(settings)
        of_setting = dict(zip(indices, stops, strict=True))
        for index, setting in enumerate(indices):
            if stops[index] != of_setting[setting]:
                key = f"frames[{index}].exposure_setting"
                self.refuse(key, settings[index], "the same setting only for frames of one exposure")
        values = tuple(of_setting[setting] or 0.0 for setting in sorted(of_setting))
        return indices, ExposureSettings(values, source, mode, stated.dealt)

    def focuses(self) -> tuple[list[int], FocusSettings]:
        """Focus setting of each frame: one for each number; positions are spread evenly if it is a new count."""
        stated, told = self.document.focuses, [frame.focus_setting for frame in self.frames]
        indices = ranks([frame.value for frame in told])
        num_settings, positions = max(indices) + 1, stated.positions.value
        if len(positions) != num_settings:
            if positions != stated.positions.found:
                self.refuse("focuses.positions.value", list(positions), f"{num_settings} numbers, one a focus setting")
            positions = spread_evenly(num_settings)
        edited = positions != stated.positions.found or any(frame.value != frame.found for frame in told)
        source: FocusSource = "edited" if edited else stated.source
        return indices, FocusSettings(positions, source, stated.mode, stated.positions.found)

    def times(self) -> tuple[float, ...]:
        """Time of each frame."""
        if not self.document.moves:
            return (0.0,) * len(self.frames)
        times = [frame.time.value for frame in self.frames if frame.time is not None]
        if len(times) < len(self.frames) or any(a >= b for a, b in zip(times, times[1:], strict=False)):
            self.refuse("frames: time", times, "a time for each frame of a scene that moves, rising")
        return tuple(times)

    def alignment(self, index: int) -> Told[MapRows | None]:
        """The map of a frame."""
        told = _told(self.frames[index].alignment)
        if told.value is not None and (told.value[2] != (0, 0, 1) or not np.linalg.det(np.array(told.value)) > 0):
            expected = "rows of an affine map that does not mirror, the last of them 0, 0, 1; or null"
            self.refuse(f"frames[{index}].alignment.value", told.value, expected)
        return told

    def borders(self) -> list[int | None]:
        """The frame that each shows beyond its border."""
        borders = [
            None if frame.border_from is None else self.index_of(f"frames[{index}].border_from", frame.border_from)
            for index, frame in enumerate(self.frames)
        ]
        for index in range(len(borders)):
            step, seen = borders[index], {index}
            while step is not None:
                if step in seen:
                    self.refuse(f"frames[{index}].border_from", self.frames[index].border_from, "no circle of frames")
                seen.add(step)
                step = borders[step]
        return borders

    def side_maps(self, train: Sequence[int]) -> SideMaps:
        """Files of masks, depth and flow."""
        of_train = {}
        for name in ("mask", "depth"):
            paths = [path for path in (self.files(name)[index] for index in train) if path is not None]
            if len(paths) not in (0, len(train)):
                self.refuse(
                    f"frames: {name}", f"{len(paths)} files", f"one for each of the {len(train)} training frames"
                )
            of_train[name] = tuple(paths)
        flow = tuple((self.folder / forward, self.folder / backward) for forward, backward in self.document.flow)
        if len(flow) not in (0, len(self.frames) - 1):
            self.refuse("flow", f"{len(flow)} pairs of files", f"{len(self.frames) - 1}, one for each two frames")
        return SideMaps(of_train["mask"], of_train["depth"], flow, self.document.downscale_factor)

    def files(self, key: str) -> tuple[Path | None, ...]:
        """A file of each frame."""
        files = (getattr(frame, key) for frame in self.frames)
        return tuple(None if file is None else self.folder / file for file in files)

    def index_of(self, key: str, name: str) -> int:
        """The frame of a name."""
        if name not in self.names:
            self.refuse(key, name, f"the name of a frame, such as {self.names[0]}")
        return self.names.index(name)

    def refuse(self, key: str, found: object, expected: str) -> NoReturn:
        raise NeucamError(f"{self.path}: {key}: found {_json(found)}, expected {expected}. {ADVICE}")


def _told(entry: ToldEntry[Value]) -> Told[Value]:
    return Told(entry.value, entry.found, entry.evidence)


def _said_of(path: Path, error: ValidationError) -> str:
    """The first thing that is wrong with a file."""
    first = error.errors()[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    if first["type"] == "missing":
        return f"{path}: {key}: is missing. {ADVICE}"
    if first["type"] == "extra_forbidden":
        return f"{path}: {key}: no such key is known. {ADVICE}"
    said = first["msg"].replace("Input should be ", "expected ").replace("List should have", "expected")
    return f"{path}: {key}: found {_json(first['input'])}, {said}. {ADVICE}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _laid_out(value: object, indent: int = 0, key: str = "") -> str:
    """JSON in which what fits into a line stands in one, but for the whole."""
    line = _json(value)
    if indent + len(key) + len(line) < LINE_LENGTH and not (
        isinstance(value, Mapping) and indent < 6 and "file" in value
    ):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, Mapping):
        parts: Iterable[str] = (f"{_json(k)}: {_laid_out(v, indent + 2, _json(k))}" for k, v in value.items())
        return "{\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = (_laid_out(item, indent + 2) for item in value)
        return "[\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + "]"
    return line
