"""`capture.json` read: what the user has written in it is checked, and counts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from pydantic import ValidationError

from neucam_nerfstudio.capture.manifest import NOTHING, Capture, Frame
from neucam_nerfstudio.capture.manifest_file import ADVICE, PLAIN, VERSION, Document, one_line
from neucam_nerfstudio.capture.pixels.warp import Nearness
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings, ranks
from neucam_nerfstudio.capture.settings.focus import FocusSettings, FocusSource, spread_evenly
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.photometry import WHITE_LEVEL


def read_manifest(path: Path, data: Path | None = None) -> Capture:
    """Reads a manifest, see `Capture.load`."""
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
    """Makes a capture of a file whose parts are each of the right kind."""

    def __init__(self, path: Path, document: Document, data: Path | None) -> None:
        self.path, self.document, self.frames = path, document, document.frames
        home = Path(os.path.abspath(path)).parent
        self.data, self.data_found = data or home / document.data, home / document.data_found
        self.folder = self.data if document.kind == "photographs" else self.data.parent
        self.names = [Path(frame.file).stem for frame in self.frames]

    def capture(self) -> Capture:
        """The capture, with settings as the values say; refuses values that contradict one another."""
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
        number_type = np.dtype(document.number_type)
        largest = WHITE_LEVEL[number_type]
        if document.white_level != largest and (document.number_type != "uint16" or document.white_level > largest):
            self.refuse("white_level", document.white_level, f"{largest}, or less of 16-bit files")
        self.check_alignments()
        return Capture(
            **{name: getattr(document, name) for name in PLAIN},
            data=self.data,
            data_found=self.data_found,
            folder=self.folder,
            frames=tuple(
                Frame(
                    path=self.folder / frame.file,
                    focus_index=focus_indices[index],
                    exposure_index=exposure_indices[index],
                    exposure=frame.exposure_stops,
                    focus=frame.focus_setting,
                    time=frame.time or NOTHING,
                    alignment=frame.alignment,
                    epipole=frame.epipole,
                )
                for index, frame in enumerate(frames)
            ),
            train_indices=train,
            eval_indices=evaluation or train,
            exposures=exposures,
            focuses=focuses,
            number_type=number_type,
            reference_index=reference,
            reference=document.reference,
            times=times,
            radiance_truth=self.files("radiance_truth"),
            sharp_truth=self.files("sharp_truth"),
            side_maps=self.side_maps(train),
            nearness=self.nearness(),
            scan_notes=tuple(document.notes),
            manifest_file=self.path,
        )

    def exposures(self) -> tuple[list[int], ExposureSettings]:
        """Exposure setting of each frame: as found; or where a value is edited, one for each value."""
        stated, stops = self.document.exposures, [frame.exposure_stops.value for frame in self.frames]
        settings, source, mode = [frame.exposure_setting for frame in self.frames], stated.source, stated.mode
        known = [value for value in stops if value is not None]
        if len(known) not in (0, len(stops)):
            missing = stops.index(None)
            expected = "a number, as other frames have: give all or none"
            self.refuse(f"frames[{missing}].exposure_stops.value", None, expected)
        if any(frame.exposure_stops.is_edited for frame in self.frames):
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
        stated = self.document.focuses
        indices = ranks([frame.focus_setting.value for frame in self.frames])
        num_settings, positions = max(indices) + 1, stated.positions.value
        if len(positions) != num_settings:
            if stated.positions.is_edited:
                self.refuse("focuses.positions.value", list(positions), f"{num_settings} numbers, one a focus setting")
            positions = spread_evenly(num_settings)
        edited = positions != stated.positions.found or any(frame.focus_setting.is_edited for frame in self.frames)
        source: FocusSource = "edited" if edited else stated.source
        return indices, FocusSettings(positions, source, stated.mode, stated.positions.found)

    def times(self) -> tuple[float, ...]:
        times = [frame.time.value for frame in self.frames if frame.time is not None]
        if not self.document.moves:
            if times:
                self.refuse("frames: time", times, "none, for the scene stands still (`moves` is false)")
            return (0.0,) * len(self.frames)
        if len(times) < len(self.frames) or any(a >= b for a, b in zip(times, times[1:], strict=False)):
            self.refuse("frames: time", times, "a time for each frame of a scene that moves, rising")
        return tuple(times)

    def check_alignments(self) -> None:
        for index, frame in enumerate(self.frames):
            rows = frame.alignment.value
            if rows is not None and (rows[2][2] != 1 or not np.linalg.det(np.array(rows)) > 0):
                expected = "rows of a map that does not mirror, the last number 1; or null"
                self.refuse(f"frames[{index}].alignment.value", rows, expected)

    def nearness(self) -> Nearness | None:
        """The map of nearness, which frames with an epipole need."""
        name, needed = self.document.nearness, any(frame.epipole is not None for frame in self.frames)
        if not needed:
            return None
        if name is None:
            self.refuse("nearness", None, "the file of nearness, for frames have an epipole")
        path = self.path.parent / name
        try:
            nearness = np.load(path, mmap_mode="r")
            if nearness.ndim != 2 or nearness.dtype != np.float32:
                raise ValueError(f"{nearness.dtype} {list(nearness.shape)}, expected float32 [height, width]")
        except (OSError, ValueError, EOFError) as error:
            raise NeucamError(
                f"{path}: cannot be read ({error}). It tells how near things are, which photographs are aligned by:"
                f" copy it here from where {self.path.name} was written, or scan the photographs anew."
            ) from error
        return nearness

    def side_maps(self, train: Sequence[int]) -> SideMaps:
        def of_train(name: str) -> tuple[Path, ...]:
            files = self.files(name)
            paths = tuple(path for path in (files[index] for index in train) if path is not None)
            if len(paths) not in (0, len(train)):
                expected = f"one for each of the {len(train)} training frames"
                self.refuse(f"frames: {name}", f"{len(paths)} files", expected)
            return paths

        masks, depths = of_train("mask"), of_train("depth")
        flow = tuple((self.folder / forward, self.folder / backward) for forward, backward in self.document.flow)
        if len(flow) not in (0, len(self.frames) - 1):
            self.refuse("flow", f"{len(flow)} pairs of files", f"{len(self.frames) - 1}, one for each two frames")
        return SideMaps(masks, depths, flow, self.document.downscale_factor)

    def files(self, key: str) -> tuple[Path | None, ...]:
        """A file of each frame."""
        files = (getattr(frame, key) for frame in self.frames)
        return tuple(None if file is None else self.folder / file for file in files)

    def index_of(self, key: str, name: str) -> int:
        if name not in self.names:
            self.refuse(key, name, f"the name of a frame, such as {self.names[0]}")
        return self.names.index(name)

    def refuse(self, key: str, found: object, expected: str) -> NoReturn:
        raise NeucamError(f"{self.path}: {key}: found {one_line(found)}, expected {expected}. {ADVICE}")


def _said_of(path: Path, error: ValidationError) -> str:
    """The first thing that is wrong with a file."""
    first = error.errors()[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    if first["type"] == "missing":
        return f"{path}: {key}: is missing. {ADVICE}"
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{path}: {key}: no such key is known. {ADVICE}"
    said = first["msg"].replace("Input should be ", "expected ").replace("List should have", "expected")
    return f"{path}: {key}: found {one_line(first['input'])}, {said}. {ADVICE}"
