"""The viewpoints of a shoot: which photographs were taken from one place, and the light that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.api import fuse
from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.capture.pixels.source import in_order, open_source
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.capture.settings.evidence import gather_evidence
from neucam_nerfstudio.capture.settings.exposures import ExposureSource
from neucam_nerfstudio.capture.settings.pictures import StillPictures, mean_brightness, thumbnail
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.imaging.exif import ExifSettings, exposure_stops, read_exif
from neucam_nerfstudio.imaging.photographs import PHOTOGRAPH_SUFFIXES, find_photographs, natural_order, read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.imaging.raw_files import is_raw
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb
from neucam_nerfstudio.scripts.batch.captures import FoundCapture, find_captures
from neucam_nerfstudio.scripts.batch.told_settings import glance_at_settings, size_by_header
from neucam_nerfstudio.scripts.fusion_record import recorded_files, write_record

RADIANCE_NAME = "hdr.exr"
MIDDLE_PIXEL_VALUE = 0.5
"""The pixel value that stands for radiance 1 at 0 stops, in all pictures alike."""


@dataclass(frozen=True)
class Viewpoint:
    """Photographs from one place.

    Attributes:
        name: Of its picture, with `/` where it lies in folders.
        frames: The photographs.
        reference: The one whose place is the viewpoint's.
        stops: Exposure of each photograph, +1 is twice the light, from a zero of its own; None where nothing tells.
        told_by: What tells exposures.
        radiance_file: Of the photographs fused into one; None where there is one, which needs no fusing.
        zero_stops: Exposure at which `radiance_file` has its middle pixel value.
    """

    name: str
    frames: tuple[Path, ...]
    reference: Path
    stops: tuple[float, ...] | None
    told_by: ExposureSource
    radiance_file: Path | None = None
    zero_stops: float = 0.0

    @cached_property
    def exif(self) -> list[ExifSettings]:
        """What the photographs' files tell of their settings."""
        return list(in_order(read_exif, self.frames))

    @property
    def inputs(self) -> list[Path]:
        """The files that its picture is made from."""
        return [self.reference] if self.radiance_file is None else [self.radiance_file]

    def radiance(self) -> Float[np.ndarray, "height width 3"]:
        """Linear radiance: 1 is what has a middle pixel value at 0 stops, of whatever zero the exposures have.

        Raises:
            NeucamError: The photograph cannot be read.
        """
        if self.radiance_file is not None:
            return read_radiance(self.radiance_file) * np.float32(2.0**-self.zero_stops)
        pixels = read_photograph(self.reference)
        values = pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype])
        is_linear = is_raw(self.reference)
        light = values if is_linear else decode_srgb(values).astype(np.float32)
        middle = MIDDLE_PIXEL_VALUE if is_linear else float(decode_srgb(np.float64(MIDDLE_PIXEL_VALUE)))
        return light * np.float32(2.0 ** -(self.stops or (0.0,))[0] / middle)


def find_viewpoints(
    folders: Sequence[Path], output: Path, single_frames: bool
) -> tuple[list[FoundCapture | Path], list[str]]:
    """Captures in folders, each of which is a viewpoint, and photographs that are one each, in natural order.

    Args:
        folders: To search, by the rules of `neucam-batch`.
        output: Where results go, which is not searched.
        single_frames: Whether every photograph is a viewpoint; so are those of a folder that is the only capture.

    Returns:
        The viewpoints; and what is to be said of them.

    Raises:
        NeucamError: There are none, or photographs are frames of a video.
    """
    captures, passed = find_captures(folders, output)
    alone = [each.path for each in passed if each.path.suffix.lower() in PHOTOGRAPH_SUFFIXES and each.path.is_file()]
    notes = [f"Not taken: {each.path} ({each.reason})." for each in passed if each.path not in alone]
    for capture in captures:
        if capture.data.is_file() and capture.data.name != MANIFEST_NAME:
            raise NeucamError(
                f"{capture.data}: is no folder of photographs. Give folders, one for each place that the camera stood"
                " at; photographs of a video can be extracted into one folder."
            )
    if single_frames or (len(captures) == 1 and not alone):
        for capture in captures:
            num_frames = len(find_photographs(capture.folder))
            notes.append(f"{capture.folder}: each of its {num_frames} photographs is taken for a viewpoint.")
        of_folders = [path for capture in captures for path in open_source(capture.folder).paths]
        return [*of_folders, *alone], notes
    by_place: dict[Path, FoundCapture | Path] = {each.data: each for each in captures} | {path: path for path in alone}
    return [by_place[place] for place in sorted(by_place, key=_in_order)] if alone else [*captures], notes


def _in_order(place: Path) -> list[list[tuple[int, int, str]]]:
    return [natural_order(Path(part)) for part in place.parts]


def check_sizes(found: Sequence[FoundCapture | Path], frames: FrameKind) -> None:
    """Checks, before the work, that all photographs have one size.

    Raises:
        NeucamError: They do not, or a capture cannot be used.
    """
    first: tuple[Path, int, int] | None = None
    for each in found:
        path = each if isinstance(each, Path) else each.data
        if isinstance(each, Path):
            width, height = size_by_header(each) or read_photograph(each).shape[1::-1]
        else:
            told = glance_at_settings(each.data, frames)
            height, width = told.height, told.width
        first = first or (path, width, height)
        if (width, height) != first[1:]:
            raise NeucamError(
                f"{path}: {width}x{height} pixels, but {first[0]} has {first[1]}x{first[2]}. All viewpoints are seen"
                " through one camera at one size: leave the others out, or crop and scale none of them."
            )


def fused_viewpoint(
    capture: FoundCapture,
    folder: Path,
    frames: FrameKind,
    align: AlignChoice,
    budget_bytes: int | None,
    report: Callable[[float], None],
) -> tuple[Viewpoint, FusedPhotographs | None]:
    """A capture fused into one picture, which is not made again if the folder holds it.

    Args:
        capture: The photographs.
        folder: For the picture's radiance and the manifest.
        frames: As of `fuse`.
        align: As of `fuse`.
        budget_bytes: As of `fuse`.
        report: As of `fuse`.

    Returns:
        The viewpoint; and what fusing has found, None if it was there already.

    Raises:
        NeucamError: The photographs cannot be used; the message says why and what to do.
    """
    options, fused = {"frames": frames, "align": align}, None
    if not recorded_files(folder, capture.data, options):
        fused = _at_middle(fuse(capture.data, frames=frames, align=align, budget_bytes=budget_bytes, report=report))
        writers = fused.writers(folder, ("hdr",))
        folder.mkdir(parents=True, exist_ok=True)
        for file, write in writers.items():
            write(file)
        write_record(folder, capture.data, options, writers)
    made = Capture.load(folder / MANIFEST_NAME)
    known = made.known_train_stops
    viewpoint = Viewpoint(
        name=capture.name,
        frames=tuple(frame.path for frame in made.train_frames),
        reference=made.frames[made.reference_index].path,
        stops=None if known is None else tuple(known),
        told_by=made.exposures.source,
        radiance_file=folder / RADIANCE_NAME,
    )
    return viewpoint, fused


def _at_middle(fused: FusedPhotographs) -> FusedPhotographs:
    """With radiance 1 where the green pixel value is in the middle at 0 stops: fusions estimate responses or take the
    standard's, whose zeros differ."""
    middle = fused.response.inverse(np.array([MIDDLE_PIXEL_VALUE]))[0, 1]
    radiance = np.multiply(fused.radiance, np.float32(np.exp(-middle)))
    return replace(fused, radiance=radiance, response=fused.response.shifted(-float(middle)))


def single_viewpoints(photographs: Sequence[Path]) -> tuple[list[Viewpoint], list[str]]:
    """Photographs that are a viewpoint each, with what names, lists and EXIF tell of their exposures.

    Returns:
        The viewpoints; and what is to be said of them.

    Raises:
        NeucamError: Photographs cannot be read, or an `exposure.txt` cannot be true.
    """
    folders = list(dict.fromkeys(path.parent for path in photographs))
    viewpoints, notes = [], []
    for folder in folders:
        wanted = [path for path in photographs if path.parent == folder]
        source = open_source(folder)
        names = [path.stem for path in source.paths]
        small = [thumbnail(read_photograph(path)).copy() for path in source.paths]
        pictures = StillPictures(small, [mean_brightness(pixels) for pixels in small], is_raw(source.paths[0]))
        evidence = gather_evidence(source, moves=True).with_checked_exposures(names, pictures, moves=True)
        notes += [note for note in (*source.notes, *evidence.notes) if note]
        for index, path in enumerate(source.paths):
            if path in wanted:
                stops = None if evidence.stops is None else (evidence.stops[index],)
                name = path.stem if len(folders) == 1 else f"{folder.name}/{path.stem}"
                viewpoints.append(Viewpoint(name, (path,), path, stops, evidence.stops_source))
    return viewpoints, notes


def with_comparable_exposures(viewpoints: Sequence[Viewpoint]) -> tuple[list[Viewpoint], str]:
    """Brings the exposures of all viewpoints to one zero.

    EXIF tells them of all photographs of a shoot; numbers of `exposure.txt` are taken for such, too. Other numbers
    count from the middle of their own folder.

    Returns:
        The viewpoints, without exposures where they cannot be compared; and what was done, in a sentence.
    """
    sources = {viewpoint.told_by for viewpoint in viewpoints}
    is_told = all(viewpoint.stops is not None for viewpoint in viewpoints)
    if is_told and sources == {"EXIF"}:
        of_all = exposure_stops([settings for viewpoint in viewpoints for settings in viewpoint.exif])
        if of_all is not None:
            told = iter(of_all)
            return [_moved(each, told) for each in viewpoints], "Exposures of all viewpoints are compared by EXIF."
    of_one_list = all(each.radiance_file is None for each in viewpoints) and len(sources) == 1
    of_one_list = of_one_list and len({viewpoint.reference.parent for viewpoint in viewpoints}) == 1
    if is_told and (sources == {"exposure.txt"} or of_one_list):
        return list(viewpoints), f"Exposures of all viewpoints are compared by {sources.pop()}."
    return [replace(viewpoint, stops=None) for viewpoint in viewpoints], (
        "Nothing tells how viewpoints are exposed beside one another: their pictures are made equally bright, and"
        " exposures are left out of transforms.json. EXIF, or an exposure.txt in every folder, would tell."
    )


def _moved(viewpoint: Viewpoint, told: Iterator[float]) -> Viewpoint:
    """A viewpoint with the zero of `told`, exposures of all photographs, of which it takes its own."""
    own = viewpoint.stops or ()
    zero = float(np.median([next(told) - stops for stops in own]))
    return replace(viewpoint, stops=tuple(round(stops + zero, 3) for stops in own), zero_stops=zero)
