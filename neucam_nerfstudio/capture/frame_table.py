"""The frames of a capture and their settings as a table for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from neucam_nerfstudio.capture.manifest import Capture, Told

MAX_ROWS, FIRST_ROWS, LAST_ROWS = 20, 6, 3
"""Of more frames than the first number only the first and last few are shown."""


def frame_table(capture: Capture) -> Table:
    """One row a frame: name, focus setting, exposure, where both come from, and what the frame is used for."""
    table = Table(title=_title(capture), caption=_how_settings_are_treated(capture))
    for heading in ("frame", "focus setting", "exposure in stops", "used for"):
        table.add_column(heading)
    num_frames = len(capture.frames)
    left_out = range(FIRST_ROWS, num_frames - LAST_ROWS) if num_frames > MAX_ROWS else range(0)
    for index, frame in enumerate(capture.frames):
        if index not in left_out:
            cells = (cell(capture, index) for cell in (_focus_cell, _exposure_cell, _use_cell))
            table.add_row(escape(frame.name), *cells)
        elif index == FIRST_ROWS:
            table.add_row("...", f"{len(left_out)} more frames", "...", "...")
    return table


def _title(capture: Capture) -> str:
    num_held_out = len(capture.eval_indices) if capture.held_out else 0
    counts = f"{len(capture.frames)} frames" + (f" ({num_held_out} held out)" if num_held_out else "")
    rate = "" if capture.frame_rate is None else f" at {capture.frame_rate:.4g} frames/s"
    size = f"{capture.width}x{capture.height}, {capture.number_type}"
    return f"{escape(capture.data.resolve().name)}: {counts}{rate}, {size}"


def _how_settings_are_treated(capture: Capture) -> str:
    words = {"fix": "fixed", "refine": "refined", "learn": "learned"}
    focus = "" if capture.focuses.source == "single" else f", focus positions are {words[capture.focuses.mode]}"
    dealt = "" if capture.exposures.dealt is None else f"\nexposure.txt: {capture.exposures.dealt}"
    return f"exposures are {words[capture.exposures.mode]}{focus}{dealt}"


def _focus_cell(capture: Capture, index: int) -> str:
    if capture.focuses.source in ("single", "moments"):
        return {"single": "one for all", "moments": "its own"}[capture.focuses.source]
    return f"{capture.frames[index].focus_index} ({_evidence(capture.frames[index].focus)})"


def _exposure_cell(capture: Capture, index: int) -> str:
    frame = capture.frames[index]
    if capture.exposures.source == "unknown":
        return f"unknown, setting {frame.exposure_index}"
    return f"{capture.exposure_stops(index):+.2f} ({_evidence(frame.exposure)})"


def _evidence(told: Told) -> str:
    return "edited" if told.is_edited else escape(told.evidence)


def _use_cell(capture: Capture, index: int) -> str:
    uses = {"train": capture.train_indices, "eval": capture.eval_indices, "reference": (capture.reference_index,)}
    return ", ".join(use for use, indices in uses.items() if index in indices)
