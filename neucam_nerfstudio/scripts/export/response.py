"""`neucam-export response`: what has been learned of the camera, as plot and tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from rich.markup import escape
from rich.table import Table

from neucam_nerfstudio.camera.image_formation import DARKNESS, develop
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.imaging.exif import exposure_stops, read_exif
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.rendering.response_plot import CHANNELS, ResponseTable, draw_response
from neucam_nerfstudio.scripts.export.options import ExportCommand
from neucam_nerfstudio.scripts.export.trained_run import NOT_GIVEN, exposure_source, learned_frames
from neucam_nerfstudio.scripts.run_command import CONSOLE, announced

LEAST_LOG_EXPOSURE, GREATEST_LOG_EXPOSURE = -10.0, 10.0
"""Between which the published code writes its curves; a captured range that goes beyond them widens the table."""
KNOTS_A_UNIT = 20

CAPTURED_QUANTILES = (0.001, 0.999)
"""Of the scene's radiance, between which its range counts as captured: what lies beyond is a few pixels."""
LATTICE_PLACES_PER_SIDE = 256

MOMENTS = 8
"""Times at which the radiance of a scene that moves is sampled."""

Row = Sequence[str | int | float]

NUMBER_FORMAT = ".5g"


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
    ldr = developed(camera.response, log_exposure.to(camera.focus_of_frame.device, torch.float32))
    return ResponseTable(log_exposure.numpy(), ldr.double().cpu().numpy(), captured.cpu().numpy())


def developed(response: CameraResponse | None, log_exposure: Float[torch.Tensor, " knots"]) -> torch.Tensor:
    """Pixel values `[knots, 3]` of light of these log exposures."""
    radiance = (log_exposure.exp() - DARKNESS).clamp(min=0)[:, None].expand(-1, 3)
    return develop(response, radiance, torch.zeros_like(radiance[:, :1]))[:, 0]


@torch.no_grad()
def captured_log_exposure(run: LearnedCapture) -> Float[torch.Tensor, "2 3"]:
    """The least and the greatest log exposure that the photographs hold, channel by channel.

    The range of the scene's radiance, but for the darkest and brightest thousandth, at the least and at the greatest of
    the frames' exposures.
    """
    side, scene, times = LATTICE_PLACES_PER_SIDE, run.scene, run.capture.times
    places = scene.reference_places(side, side)
    every = math.ceil(len(times) / MOMENTS) if run.capture.moves else len(times)
    moments = [scene.radiance(places._replace(times=torch.full_like(places.times, t))) for t in times[::every]]
    light = torch.cat(moments).reshape(-1, 3).clamp(min=DARKNESS).log()
    ranks = [max(1, round(quantile * len(light))) for quantile in CAPTURED_QUANTILES]
    stops = run.camera.exposures.stops
    return torch.stack(
        [light.kthvalue(rank, 0).values + LN2 * stop for rank, stop in zip(ranks, stops.aminmax(), strict=True)]
    )


def response_rows(table: ResponseTable) -> list[Row]:
    """Header and rows of response.csv."""
    is_captured = (table.log_exposure[:, None] >= table.captured[0]) & (
        table.log_exposure[:, None] <= table.captured[1]
    )
    header = ["ln_exposure", *CHANNELS, *(f"{name}_captured" for name in CHANNELS)]
    rows = zip(table.log_exposure, table.ldr, is_captured, strict=True)
    return [header, *([float(knot), *map(float, ldr), *map(int, inside)] for knot, ldr, inside in rows)]


def settings_rows(run: LearnedCapture) -> list[Row]:
    """Header and a row a frame: what was learned, what training started from, and what EXIF says; empty if unknown."""
    capture = run.capture
    header = ["frame", "exposure_stops", "start_exposure_stops", "exposure_source", "focus_position"]
    rows = [
        [
            frame.name,
            frame.exposure_stops,
            "" if exposure_source(run) in NOT_GIVEN else capture.exposure_stops(index),
            exposure_source(run),
            "" if frame.focus_position is None else frame.focus_position,
        ]
        for index, frame in enumerate(learned_frames(run))
    ]
    exif = exif_rows(capture)
    return [[*header, *exif[0]], *([*row, *known] for row, known in zip(rows, exif[1:], strict=True))]


def exif_rows(capture: Capture) -> list[Row]:
    """Header and a row a frame of what EXIF says; stops are relative to the middle exposure."""
    settings = [read_exif(frame.path) for frame in capture.frames]
    stops: Iterable[float | str] = exposure_stops(settings) or [""] * len(settings)
    header = ["exif_exposure_stops", "exif_exposure_time_s", "exif_f_number", "exif_iso", "exif_focus_distance_m"]
    names = ("exposure_time_s", "f_number", "iso", "focus_distance_m")
    known = [["" if (value := getattr(frame, name)) is None else value for name in names] for frame in settings]
    return [header, *([stop, *values] for stop, values in zip(stops, known, strict=True))]


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
