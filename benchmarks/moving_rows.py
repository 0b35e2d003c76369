"""Which moving captures the moving table measures, and a long video made from a short one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.imaging.image_files import write_image

EXPOSURE_FILE = "exposure.txt"

Scored = Literal["reference", "frames", "sharp"]
"""What is scored: `reference` the reference frame's radiance, `frames` that of every frame, `sharp` every frame as a
photograph without blur."""


@dataclass(frozen=True)
class Row:
    """One experiment on a capture with ground truth.

    Attributes:
        name: To choose it by.
        title: What it is, for the table.
        capture: Folder under the data root.
        asked: What is asked of our method.
        method: Ours; the published method is its `-paper` twin.
        scored_on: Which pictures are scored.
    """

    name: str
    title: str
    capture: str
    asked: str
    method: str
    scored_on: Scored


@dataclass(frozen=True)
class LongRow:
    """Memory of training on a long video, made from a short capture; a few steps, as memory does not grow with them.

    Attributes:
        name: To choose it by.
        title: What it is, for the table.
        capture: Folder under the data root.
        asked: What is asked of our method.
        method: Ours.
        num_frames: Of the long video.
        width: Of its frames in pixels.
        height: Of its frames in pixels.
        iterations: Training steps.
    """

    name: str
    title: str
    capture: str
    asked: str
    method: str
    num_frames: int = 80
    width: int = 640
    height: int = 360
    iterations: int = 20


ROWS = (
    Row(
        "bracket",
        "DeskHandheld, 3 frames",
        "ME-dynamic/DeskHandheld",
        ">= 40.5 dB in <= 150 s",
        "neucam-hdr",
        "reference",
    ),
    Row(
        "hdr-video",
        "GalleryWalk, 16 frames",
        "Video-hdr/GalleryWalk",
        ">= 32.0 dB, worst >= 29.5 dB, in <= 300 s",
        "neucam-hdr-video",
        "frames",
    ),
    Row(
        "deblur",
        "DeskShake, 12 frames",
        "Video-deblur/DeskShake",
        ">= 33.3 dB, blurred >= +4 dB, worst >= -1 dB, in <= 300 s",
        "neucam-deblur",
        "sharp",
    ),
    LongRow("long-hdr-video", "80 frames of 640x360, HDR", "Video-hdr/GalleryWalk", "< 4 GB", "neucam-hdr-video"),
    LongRow("long-deblur", "80 frames of 640x360, deblurring", "Video-deblur/DeskShake", "< 4 GB", "neucam-deblur"),
)
"""In the order of the table."""


def there_and_back(num_frames: int, length: int) -> list[int]:
    """Frame numbers of a clip that is played forwards, then backwards, and so on: 0 1 2 1 0 1 ... for three."""
    period = max(1, 2 * (num_frames - 1))
    return [min(position % period, period - position % period) for position in range(length)]


def write_long_video(capture_folder: Path, folder: Path, row: LongRow) -> None:
    """Writes a capture's frames there and back, scaled up, each with its own line in exposure.txt if it has any."""
    capture = open_capture(capture_folder, frames="moments")[0]
    order = there_and_back(len(capture.frames), row.num_frames)
    store, white = PixelStore(capture), np.iinfo(capture.number_type).max
    for position, index in enumerate(order):
        frame = cv2.resize(store.whole(index), (row.width, row.height), interpolation=cv2.INTER_CUBIC)
        write_image(folder / f"frame_{position:03d}.png", frame / white, bits=8 * frame.itemsize)
    if (capture_folder / EXPOSURE_FILE).is_file():
        stops = "".join(f"{capture.exposure_stops(index)}\n" for index in order)
        (folder / EXPOSURE_FILE).write_text(stops)
