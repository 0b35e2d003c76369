"""`neucam-export response`: what has been learned of the camera, as plot and tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.markup import escape
from rich.table import Table

from neucam_nerfstudio.camera.image_formation import DARKNESS, develop
from neucam_nerfstudio.capture.settings.exposures import NOT_GIVEN
from neucam_nerfstudio.imaging.exif import exposure_stops, read_exif
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.scripts.export.options import ExportCommand
from neucam_nerfstudio.scripts.export.trained_run import exposure_source, learned_frames
from neucam_nerfstudio.scripts.run_command import CONSOLE, announced

LEAST_LOG_EXPOSURE, GREATEST_LOG_EXPOSURE = -10.0, 10.0
"""Between which the published code writes its curves; a captured range that goes beyond them widens the table."""
KNOTS_A_UNIT = 20

CAPTURED_QUANTILES = (0.001, 0.999)
"""Of the scene's radiance, between which its range counts as captured: what lies beyond is a few pixels."""
LATTICE_PLACES_PER_SIDE = 256
ROWS_AT_ONCE = 64
"""Of that lattice: rays through a volume take some hundred times the memory of places of a picture."""

MOMENTS = 8
"""Times at which the radiance of a scene that moves is sampled."""

CHANNELS = ("red", "green", "blue")
COLOURS = ("#c8322b", "#2e8b3d", "#2b5fc8")
LINE_WIDTHS = (3.6, 2.2, 0.9)
"""Curves that coincide stay visible, one on the other."""

FULL_SCALE = 255
"""Pixel values are drawn on the scale of 8-bit files."""

Row = Sequence[str | int | float]

NUMBER_FORMAT = ".5g"


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

    @property
    def is_captured(self) -> Bool[np.ndarray, "knots 3"]:
        """Whether the photographs hold light of these log exposures."""
        least, greatest = self.captured
        return (self.log_exposure[:, None] >= least) & (self.log_exposure[:, None] <= greatest)


@dataclass
class ExportResponse(ExportCommand):
    """Writes the learned camera: response curves (response.csv, response.png) and settings (settings.csv).

    response.csv has the pixel value of each channel at ln exposures from -10 to 10, and whether the photographs hold
    light of that exposure. settings.csv has each frame's exposure and focus position, as learned and as EXIF has them.
    """

    plot_format: Literal["png", "svg", "pdf"] = "png"
    """File type of the plot."""

    def main(self) -> None:
        """Tabulates and writes the files, and prints the settings."""
        run = self.open_run()
        table = response_table(run)
        with announced(self.output_path / "response.csv") as path:
            write_csv(path, response_rows(table))
        with announced(self.output_path / f"response.{self.plot_format}") as path:
            draw_response(path, table, f"Camera response of {run.capture.data.resolve().name}")
        rows = settings_rows(run)
        with announced(self.output_path / "settings.csv") as path:
            write_csv(path, rows)
        CONSOLE.print(printed_table(rows))


@torch.no_grad()
def response_table(run: LearnedCapture) -> ResponseTable:
    """The response of a run's camera, through image formation's own development."""
    camera, captured = run.camera, captured_log_exposure(run)
    least = math.floor(min(LEAST_LOG_EXPOSURE, float(captured.min())))
    greatest = math.ceil(max(GREATEST_LOG_EXPOSURE, float(captured.max())))
    log_exposure = torch.linspace(least, greatest, (greatest - least) * KNOTS_A_UNIT + 1, dtype=torch.float64)
    on_device = log_exposure.to(camera.focus_of_frame.device, torch.float32)
    radiance = (on_device.exp() - DARKNESS).clamp(min=0)[:, None].expand(-1, 3)
    ldr = develop(camera.response, radiance, torch.zeros_like(radiance[:, :1]))[:, 0]
    return ResponseTable(log_exposure.numpy(), ldr.double().cpu().numpy(), captured.cpu().numpy())


@torch.no_grad()
def captured_log_exposure(run: LearnedCapture) -> Float[torch.Tensor, "2 3"]:
    """The least and the greatest log exposure that the photographs hold, channel by channel.

    The range of the scene's radiance, but for the darkest and brightest thousandth, at the least and at the greatest of
    the frames' exposures.
    """
    side, scene, times = LATTICE_PLACES_PER_SIDE, run.scene, run.capture.times
    places = scene.reference_places(side, side)
    every = math.ceil(len(times) / MOMENTS) if run.capture.moves else len(times)
    moments = [
        scene.radiance(type(places)(*(None if part is None else part[top : top + ROWS_AT_ONCE] for part in at_time)))
        for time in times[::every]
        for at_time in (places._replace(times=torch.full_like(places.times, time)),)
        for top in range(0, side, ROWS_AT_ONCE)
    ]
    light = torch.cat(moments).reshape(-1, 3).clamp(min=DARKNESS).log()
    ranks = [max(1, round(quantile * len(light))) for quantile in CAPTURED_QUANTILES]
    stops = run.camera.exposures.stops
    return torch.stack(
        [light.kthvalue(rank, 0).values + LN2 * stop for rank, stop in zip(ranks, stops.aminmax(), strict=True)]
    )


def draw_response(path: Path, table: ResponseTable, title: str) -> None:
    """Draws pixel value over log exposure, one curve a channel, with its captured range as the solid part.

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
    values = table.ldr * FULL_SCALE
    captured_values = np.where(table.is_captured, values, np.nan)
    curves = zip(CHANNELS, COLOURS, LINE_WIDTHS, values.T, captured_values.T, strict=True)
    for name, colour, line_width, curve, captured_curve in curves:
        axes.plot(table.log_exposure, curve, color=colour, linestyle=":", linewidth=1)
        axes.plot(table.log_exposure, captured_curve, color=colour, linewidth=line_width, label=name)
    axes.axvspan(table.captured[0].min(), table.captured[1].max(), color="0.93", label="captured", zorder=0)
    axes.set_xlim(table.log_exposure[0], table.log_exposure[-1])
    axes.grid(color="0.85", linewidth=0.5)
    axes.legend(loc="upper left")
    with written_whole(path) as temporary:
        figure.savefig(temporary)


def response_rows(table: ResponseTable) -> list[Row]:
    """Header and rows of response.csv."""
    header = ["ln_exposure", *CHANNELS, *(f"{name}_captured" for name in CHANNELS)]
    rows = zip(table.log_exposure, table.ldr, table.is_captured, strict=True)
    return [header, *([float(knot), *map(float, ldr), *map(int, inside)] for knot, ldr, inside in rows)]


def settings_rows(run: LearnedCapture) -> list[Row]:
    """Header and a row a frame: what was learned, what training started from, and what EXIF says; empty if unknown.

    EXIF's stops are relative to the middle exposure. Many views have metres and f-numbers instead of focus positions,
    and where a white balance a frame is learned, its gains of red and blue.
    """
    balance = run.camera.white_balance
    of_lens = ["focus_position"] if run.capture.views is None else ["focus_distance_m", "f_number"]
    of_balance = [] if balance is None else ["red_gain", "blue_gain"]
    header = ["frame", "exposure_stops", "start_exposure_stops", "exposure_source", *of_lens, *of_balance]
    of_exif = ["exposure_time_s", "f_number", "iso", "focus_distance_m"]
    rows: list[Row] = [[*header, *(f"exif_{name}" for name in ["exposure_stops", *of_exif])]]
    exif, source = [read_exif(frame.path) for frame in run.capture.frames], exposure_source(run)
    exif_stops = exposure_stops(exif) or [None] * len(exif)
    for index, (frame, known) in enumerate(zip(learned_frames(run), exif, strict=True)):
        start_stops = None if source in NOT_GIVEN else run.capture.exposure_stops(index)
        learned = [frame.name, frame.exposure_stops, start_stops, source, *(getattr(frame, name) for name in of_lens)]
        if balance is not None:
            log_gains = balance.of_frame(index)
            learned += [None, None] if log_gains is None else log_gains[0, ::2].exp().tolist()
        row = [*learned, exif_stops[index], *(getattr(known, name) for name in of_exif)]
        rows.append(["" if value is None else value for value in row])
    return rows


def printed_table(rows: Sequence[Row]) -> Table:
    """The table for the terminal, without columns that are empty in all rows but the header."""
    table = Table()
    columns = [column for column in zip(*rows, strict=True) if any(value != "" for value in column[1:])]
    for header, *_ in columns:
        table.add_column(str(header).replace("_", " "))
    for row in list(zip(*columns, strict=True))[1:]:
        table.add_row(*(escape(_cell(value)) for value in row))
    return table


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Writes a table, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf8") as file:
        csv.writer(file, lineterminator="\n").writerows([map(_cell, row) for row in rows])


def _cell(value: str | int | float) -> str:
    return value if isinstance(value, str) else format(value, NUMBER_FORMAT)
