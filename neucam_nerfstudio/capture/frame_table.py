"""The frames of a capture and their settings as a table for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from neucam_nerfstudio.capture.capture import Capture


def frame_table(capture: Capture) -> Table:
    """One row a frame: name, focus setting, exposure, where both come from, and what the frame is used for."""
    name = escape(capture.folder.resolve().name)
    title = f"{name}: {len(capture.frames)} frames, {capture.width}x{capture.height}, {capture.train_pixels.dtype}"
    table = Table(title=title, caption=_how_settings_are_treated(capture))
    for heading in ("frame", "focus setting", "exposure in stops", "used for"):
        table.add_column(heading)
    for index, frame in enumerate(capture.frames):
        cells = (cell(capture, index) for cell in (_focus_cell, _exposure_cell, _use_cell))
        table.add_row(escape(frame.name), *cells)
    return table


def _how_settings_are_treated(capture: Capture) -> str:
    words = {"fix": "fixed", "refine": "refined", "learn": "learned"}
    focus = "" if capture.focuses.source == "single" else f", focus positions are {words[capture.focuses.mode]}"
    return f"exposures are {words[capture.exposures.mode]}{focus}"


def _focus_cell(capture: Capture, index: int) -> str:
    if capture.focuses.source == "single":
        return "one for all"
    return f"{capture.frames[index].focus_index} (by {capture.focuses.source})"


def _exposure_cell(capture: Capture, index: int) -> str:
    if capture.exposures.source == "unknown":
        return f"unknown, setting {capture.frames[index].exposure_index}"
    return f"{capture.exposure_stops(index):+.2f} ({capture.exposures.source})"


def _use_cell(capture: Capture, index: int) -> str:
    uses = {
        "train": index in capture.train_indices,
        "eval": index in capture.eval_indices,
        "reference": index == capture.reference_index,
    }
    return ", ".join(use for use, applies in uses.items() if applies)
