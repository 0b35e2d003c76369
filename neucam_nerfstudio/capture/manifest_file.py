"""`capture.json`: the manifest of a capture as a file that a user can read and edit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neucam_nerfstudio.capture.manifest import AS_WRITTEN, Capture, MapRows, Numbers3, Told
from neucam_nerfstudio.capture.pixels.source import SourceKind
from neucam_nerfstudio.capture.settings.exposures import ExposureSource, LearnMode
from neucam_nerfstudio.capture.settings.focus import FocusSource
from neucam_nerfstudio.imaging.file_writing import written_whole

VERSION = 1
LINE_LENGTH = 120
PLAIN = tuple("kind width height downscale_factor white_level white_balance linear_light moves frame_rate".split())
"""What the file says as the manifest does."""
ADVICE = "Correct it, or take the file away to scan the photographs anew."

AtLeastOne = Annotated[int, Field(ge=1)]
Use = Literal["training", "evaluation", "training and evaluation"]


class _Entry(BaseModel):
    model_config = ConfigDict(**AS_WRITTEN)


class FrameEntry(_Entry):
    """A frame. Paths are relative to the capture's folder where they lie in it; what there is none of is left out."""

    file: str
    used_for: Use
    exposure_stops: Told[float | None]
    exposure_setting: int
    focus_setting: Told[int]
    time: Told[Annotated[float, Field(ge=0, le=1)]] | None = None
    alignment: Told[MapRows | None]
    epipole: Numbers3 | None = None
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
    positions: Told[tuple[float, ...]]


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
    reference: Told[str]
    exposures: ExposuresEntry
    focuses: FocusesEntry
    frames: Annotated[list[FrameEntry], Field(min_length=2)]
    flow: list[tuple[str, str]] = []
    nearness: str | None = None
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

    maps, train = capture.side_maps, capture.train_indices
    mask, depth = (dict(zip(train, paths, strict=False)) for paths in (maps.mask_paths, maps.depth_paths))
    uses = {"training": capture.train_indices, "evaluation": capture.eval_indices}
    frames = []
    for index, frame in enumerate(capture.frames):
        entry = {
            "file": inside(frame.path, folder),
            "used_for": " and ".join(use for use, indices in uses.items() if index in indices),
            "exposure_stops": asdict(frame.exposure),
            "exposure_setting": frame.exposure_index,
            "focus_setting": asdict(frame.focus),
            "time": asdict(frame.time) if capture.moves else None,
            "alignment": asdict(frame.alignment),
            "epipole": frame.epipole,
            "radiance_truth": inside(capture.radiance_truth[index], folder),
            "sharp_truth": inside(capture.sharp_truth[index], folder),
            "mask": inside(mask.get(index), folder),
            "depth": inside(depth.get(index), folder),
        }
        frames.append({key: value for key, value in entry.items() if value is not None})
    exposures, focuses = capture.exposures, capture.focuses
    positions = Told(focuses.positions, focuses.found or focuses.positions, f"focus settings by {focuses.source}")
    document = {
        "version": VERSION,
        "data": inside(capture.data, home),
        "data_found": inside(capture.data_found, home),
        "number_type": capture.number_type.name,
        **{name: getattr(capture, name) for name in PLAIN},
        "reference": asdict(capture.reference),
        "exposures": {"source": exposures.source, "mode": exposures.mode, "dealt": exposures.dealt},
        "focuses": {"source": focuses.source, "mode": focuses.mode, "positions": asdict(positions)},
        "frames": frames,
        "flow": [[inside(file, folder) for file in pair] for pair in maps.flow_paths],
        "notes": capture.scan_notes,
    }
    if capture.nearness is not None:
        nearness_path = path.with_name(f"{path.stem}_nearness.npy")
        document["nearness"] = nearness_path.name
        with written_whole(nearness_path) as temporary, temporary.open("wb") as file:
            np.save(file, capture.nearness)
    with written_whole(path) as temporary:
        temporary.write_text(_laid_out(document) + "\n", encoding="utf-8")


def one_line(value: object) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _laid_out(value: object, indent: int = 0, key: str = "") -> str:
    """JSON in which what fits into a line stands in one, but for the whole."""
    line = one_line(value)
    is_frame = isinstance(value, Mapping) and indent < 6 and "file" in value
    if isinstance(value, str) or (indent + len(key) + len(line) < LINE_LENGTH and not is_frame):
        return line
    if isinstance(value, Mapping):
        parts = [f"{one_line(k)}: {_laid_out(v, indent + 2, one_line(k))}" for k, v in value.items()]
    elif isinstance(value, Sequence):
        parts = [_laid_out(item, indent + 2) for item in value]
    else:
        return line
    margin = " " * indent
    inner = ",\n".join(f"{margin}  {part}" for part in parts)
    return f"{line[0]}\n{inner}\n{margin}{line[-1]}"
