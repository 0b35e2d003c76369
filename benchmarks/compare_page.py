"""One HTML page, all in one file, with every method's picture of a capture and the same crops of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import jinja2
import numpy as np
from jaxtyping import Float

from benchmarks.results_table import Column, Result, machine
from neucam_nerfstudio.evaluation.fusion_metrics import grey
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.imaging.image_files import quantised

TEMPLATE = Path(__file__).with_name("compare_page.html.j2")
NUM_CROPS = 3
LARGEST_CROP_PX = 160
OVERVIEW_WIDTH_PX = 480

Picture = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Crop:
    """A square of the picture, in pixels."""

    left: int
    top: int
    size: int

    def of(self, picture: Picture) -> Picture:
        """The square cut out."""
        return picture[self.top : self.top + self.size, self.left : self.left + self.size]


@dataclass(frozen=True)
class Line:
    """A line of the page.

    Attributes:
        title: Method, or what else is shown.
        cells: Title and text of each number.
        overview: The whole picture, as the address of an embedded PNG; None if there is none.
        crops: Its crops, likewise.
    """

    title: str
    cells: tuple[tuple[str, str], ...]
    overview: str | None
    crops: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A capture on the page.

    Attributes:
        title: Its name.
        lines: A photograph, ground truth and all methods.
        notes: What else has to be said.
    """

    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def choose_crops(photographs: Float[np.ndarray, "frames height width 3"]) -> tuple[Crop, ...]:
    """The squares, which do not overlap, with the most detail in any photograph: no method has a say in it.

    Args:
        photographs: Display values in [0, 1].

    Returns:
        Three, or fewer if there is no room.
    """
    height, width = photographs.shape[1:3]
    size = min(LARGEST_CROP_PX, height // 3, width // 3)
    detail = np.max([np.abs(cv2.Laplacian(grey(photograph), cv2.CV_64F)) for photograph in photographs], axis=0)
    sums = np.pad(detail.cumsum(0).cumsum(1), [(1, 0), (1, 0)])
    in_square = sums[size:, size:] - sums[size:, :-size] - sums[:-size, size:] + sums[:-size, :-size]
    crops = []
    while len(crops) < NUM_CROPS and np.isfinite(in_square).any():
        top, left = np.unravel_index(np.where(np.isfinite(in_square), in_square, -1).argmax(), in_square.shape)
        crops.append(Crop(int(left), int(top), size))
        in_square[max(0, top - size + 1) : top + size, max(0, left - size + 1) : left + size] = np.inf
    return tuple(crops)


def picture_line(title: str, picture: Picture, crops: Sequence[Crop]) -> Line:
    """A line without numbers."""
    return Line(title, (), embedded(_overview(picture)), tuple(embedded(crop.of(picture)) for crop in crops))


def result_line(result: Result, picture: Picture | None, crops: Sequence[Crop], columns: Sequence[Column]) -> Line:
    """A method's line; without pictures if it did not run."""
    cells = tuple((column.title, column.cell(result)) for column in columns if column.cell(result))
    if picture is None:
        return Line(result.method, cells, None, ())
    drawn = picture_line(result.method, picture, crops)
    return Line(result.method, cells, drawn.overview, drawn.crops)


def write_page(path: Path, sections: Sequence[Section]) -> None:
    """Writes the page, whole or not at all."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text("utf8")).render(sections=sections, machine=machine())
    with written_whole(path) as temporary:
        temporary.write_text(page, "utf8")


def embedded(picture: Picture) -> str:
    """A picture as the `data:` address of a PNG."""
    _, png = cv2.imencode(".png", np.ascontiguousarray(quantised(picture, 8)[..., ::-1]))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _overview(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if width <= OVERVIEW_WIDTH_PX:
        return picture
    size = (OVERVIEW_WIDTH_PX, round(height * OVERVIEW_WIDTH_PX / width))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
