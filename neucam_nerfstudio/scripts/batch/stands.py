"""Captures from one stand under several lights: which they are, and what they share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.exposure_numbers import EXPOSURE_FILE_NAME
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.large_pictures import in_strips
from neucam_nerfstudio.imaging.photographs import find_photographs, one_file_per_frame, read_photograph
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.scripts.batch.captures import FoundCapture
from neucam_nerfstudio.scripts.fuse import FuseOptions

STAND_RULE = """\
With --share-alignment, one stand: captures whose folders lie side by side in one folder, with as many photographs,
named alike but for numbers. Their first photographs belong together, and their second, and so on."""
"""The rule of `find_stands`, as the help shows it."""


@dataclass(frozen=True)
class StandJob:
    """A stand to be found out.

    Attributes:
        lights: The folders of its captures.
        unfinished: Folder to write it to.
        options: How photographs are fused.
        budget_bytes: As of `fuse`.
    """

    lights: tuple[Path, ...]
    unfinished: Path
    options: FuseOptions
    budget_bytes: int | None


def find_stands(captures: Sequence[FoundCapture]) -> dict[str, list[FoundCapture]]:
    """Captures from one stand under several lights, by the name that their results share: by `STAND_RULE`.

    A capture with a manifest is left out: that says already how its photographs lie.
    """
    folders = [capture for capture in captures if capture.data.is_dir()]
    stands: dict[str, list[FoundCapture]] = {}
    for _, beside in groupby(sorted(folders, key=_parent), key=_parent):
        alike: dict[tuple[str, ...], list[FoundCapture]] = {}
        for capture in beside:
            alike.setdefault(_names_without_numbers(capture.data), []).append(capture)
        several = [group for group in alike.values() if len(group) > 1]
        for number, group in enumerate(several, 1):
            name = Path(group[0].name).parent.as_posix()
            stands[name if len(several) == 1 else f"{name} ({number})"] = group
    return stands


def find_stand(job: StandJob) -> None:
    """Finds alignment and focus on the mean of all lights, and writes them.

    Each light shows detail that others leave in the shade or in a reflection: their mean shows it all, evenly lit.

    Raises:
        NeucamError: The photographs cannot be used, or do not belong together.
    """
    with _mean_of_lights(job) as folder:
        options = replace(job.options, reference=None, downscale_factor=None)
        fused = options.fused(folder, lambda share_done: None, job.budget_bytes)
        fused.stand.save(job.unfinished)


@contextmanager
def _mean_of_lights(job: StandJob) -> Iterator[Path]:
    """A folder with the means, which is removed. Names and `exposure.txt` tell the settings of the first light."""
    first, _ = open_capture(
        job.lights[0],
        frames=job.options.frames,
        downscale_factor=job.options.downscale_factor,
        reference=job.options.reference,
        align="off",
        budget_bytes=0,
    )
    if first.moves:
        raise NeucamError(f"{job.lights[0]}: --share-alignment is for still scenes. Leave --frames moments out.")
    lights = [one_file_per_frame(find_photographs(light))[0] for light in job.lights]
    job.unfinished.mkdir(parents=True)
    with TemporaryDirectory(dir=job.unfinished) as scratch:  # goes with the folder if this process is killed
        folder = Path(scratch)
        for index, (frame, *photographs) in enumerate(zip(first.frames, *lights, strict=True)):
            settings = f"F{frame.focus_index}E{frame.exposure_index}"
            write_image(folder / f"{index:05}_{settings}.tif", _mean(photographs, first.downscale_factor), 16)
        if first.exposures.source != "unknown" and len(first.exposures.stops) > 1:
            stops = [first.exposure_stops(index) for index in range(len(first.frames))]
            (folder / EXPOSURE_FILE_NAME).write_text("".join(f"{value:.4f}\n" for value in stops))
        yield folder


def _mean(photographs: Sequence[Path], downscale_factor: int) -> Float[np.ndarray, "height width 3"]:
    """The mean of photographs of one size: pixel values in [0, 1]."""
    total = np.zeros((), np.float32)
    for path in photographs:
        pixels = read_photograph(path, downscale_factor)
        share = np.float32(1 / (len(photographs) * WHITE_LEVEL[pixels.dtype]))
        if total.ndim and total.shape != pixels.shape:
            raise NeucamError(f"{path}: of another size than {photographs[0]}. Those of one stand are of one size.")
        total = total + in_strips(pixels, lambda rows, share=share: rows * share)
    return np.minimum(total, 1)


def _parent(capture: FoundCapture) -> str:
    return str(capture.data.parent)


def _names_without_numbers(folder: Path) -> tuple[str, ...]:
    return tuple(re.sub(r"\d+", "#", path.name.lower()) for path in find_photographs(folder))
