"""Draws camera responses: pixel value over log exposure, one curve a channel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.file_writing import written_whole

CHANNELS = ("red", "green", "blue")
COLOURS = ("#c8322b", "#2e8b3d", "#2b5fc8")
LINE_WIDTHS = (3.6, 2.2, 0.9)
"""Curves that coincide stay visible, one on the other."""

FULL_SCALE = 255
"""Pixel values are drawn on the scale of 8-bit files."""


class ResponseTable(NamedTuple):
    """A camera response at log exposures.

    Attributes:
        log_exposure: ln radiance + ln 2 * stops, rising.
        ldr: Pixel values in [0, 1] at them.
        captured: The least and the greatest log exposure that the photographs hold.
    """

    log_exposure: Float[np.ndarray, " knots"]
    ldr: Float[np.ndarray, "knots 3"]
    captured: Float[np.ndarray, "2 3"]


def draw_response(path: Path, table: ResponseTable, title: str) -> None:
    """Draws the curves, with the captured range of each as its solid part.

    Args:
        path: `.png`, `.svg` or `.pdf`, written whole or not at all.
        table: The response.
        title: What stands above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot(
        title=title, xlabel="ln exposure  (ln radiance + ln 2 · stops)", ylabel=f"pixel value (0 ... {FULL_SCALE})"
    )
    styles = zip(CHANNELS, COLOURS, LINE_WIDTHS, table.ldr.T, table.captured.T, strict=True)
    for name, colour, line_width, values, (least, greatest) in styles:
        is_captured = (table.log_exposure >= least) & (table.log_exposure <= greatest)
        axes.plot(table.log_exposure, values * FULL_SCALE, color=colour, linestyle=":", linewidth=1)
        inside = np.where(is_captured, values * FULL_SCALE, np.nan)
        axes.plot(table.log_exposure, inside, color=colour, linewidth=line_width, label=name)
    axes.axvspan(table.captured[0].min(), table.captured[1].max(), color="0.93", label="captured", zorder=0)
    axes.set_xlim(table.log_exposure[0], table.log_exposure[-1])
    axes.grid(color="0.85", linewidth=0.5)
    axes.legend(loc="upper left")
    with written_whole(path) as temporary:
        figure.savefig(temporary)
