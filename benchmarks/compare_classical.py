"""One classical way to a picture, in a process of its own, so that its time and memory can be measured.

python -m benchmarks.compare_classical photographs.npz mertens picture.npy
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro
from jaxtyping import Float, Int, UInt8

from benchmarks import moving_classical
from benchmarks.classical import HDR_MERGES, HdrMerge, classical_hdr, laplacian_fusion

Picture = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Photographs:
    """What a classical way is given.

    Attributes:
        pixels: Photographs of one view, RGB.
        focus_index: Focus setting of each.
        exposure_stops: Exposure of each, +1 is twice the light.
        reference: Number of the photograph whose moment counts, where something moves.
    """

    pixels: UInt8[np.ndarray, "frames height width 3"]
    focus_index: Int[np.ndarray, " frames"]
    exposure_stops: Float[np.ndarray, " frames"]
    reference: int

    @property
    def seconds(self) -> Float[np.ndarray, " frames"]:
        """Exposure times, up to a factor."""
        return np.exp2(self.exposure_stops).astype(np.float32)

    def save(self, path: Path) -> None:
        """Writes them to an `.npz` file."""
        np.savez(path, **vars(self))


def load_photographs(path: Path) -> Photographs:
    """Reads what `Photographs.save` wrote."""
    with np.load(path) as file:
        return Photographs(file["pixels"], file["focus_index"], file["exposure_stops"], int(file["reference"]))


def merged(photographs: Photographs, merge: HdrMerge) -> Picture:
    """Linear radiance of a still scene: merged for each focus, then fused."""
    return classical_hdr(photographs.pixels, photographs.focus_index, photographs.exposure_stops, merge)


def shifted_and_merged(photographs: Photographs, merge: HdrMerge) -> Picture:
    """Linear radiance of a hand-held bracket: shifted onto its middle frame, then merged."""
    aligned = moving_classical.shifted(photographs.pixels)
    calibration, merging = HDR_MERGES[merge]
    return merging().process(aligned, photographs.seconds, calibration().process(aligned, photographs.seconds))


def exposure_fusion(photographs: Photographs) -> Picture:
    """Display values: each focus's bracket shifted onto its middle frame and fused (Mertens et al. 2007), then fused.

    OpenCV gives values a little outside of [0, 1], which are clipped.
    """
    brackets = [photographs.pixels[photographs.focus_index == index] for index in np.unique(photographs.focus_index)]
    fused = [cv2.createMergeMertens().process(moving_classical.shifted(bracket)) for bracket in brackets]
    return focus_fusion(fused)


def focus_fusion(stack: Sequence[Picture]) -> Picture:
    """Display values of a focus stack fused by its Laplacian pyramids."""
    return np.clip(laplacian_fusion(stack), 0, 1) if len(stack) > 1 else np.clip(stack[0], 0, 1)


WAYS: dict[str, Callable[[Photographs], Picture]] = {
    "debevec": lambda photographs: merged(photographs, "debevec"),
    "robertson": lambda photographs: merged(photographs, "robertson"),
    "mtb-debevec": lambda photographs: shifted_and_merged(photographs, "debevec"),
    "mtb-robertson": lambda photographs: shifted_and_merged(photographs, "robertson"),
    "flow-debevec": lambda photographs: moving_classical.merge_flowed(
        photographs.pixels, photographs.seconds, photographs.reference
    ),
    "mertens": exposure_fusion,
    "focus-fusion": lambda photographs: focus_fusion(photographs.pixels / np.float32(255)),
}


def main(photographs: tyro.conf.Positional[Path], way: tyro.conf.Positional[str], picture: tyro.conf.Positional[Path]):
    """Makes one picture of photographs.

    Args:
        photographs: File that `Photographs.save` wrote.
        way: Which of `WAYS`.
        picture: The `.npy` file to write.
    """
    np.save(picture, WAYS[way](load_photographs(photographs)).astype(np.float32))


if __name__ == "__main__":
    tyro.cli(main)
