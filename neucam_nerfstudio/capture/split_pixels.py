"""Pixels of the frames that train and of those that are held out, read at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.frame_pixels import mean_brightness
from neucam_nerfstudio.capture.frame_selection import FrameSelection, FrameSplit
from neucam_nerfstudio.capture.frame_source import FrameSource
from neucam_nerfstudio.capture.white_level import scale_to_white


class SplitPixels(NamedTuple):
    """Pixels in the source's own number type, white at its full scale.

    Attributes:
        train: Of the frames trained on.
        evaluation: Of the held-out frames; the very same array as `train` when none is held out.
        note: Which value was taken for white, in a sentence, where the number type does not tell.
    """

    train: Shaped[np.ndarray, "train height width 3"]
    evaluation: Shaped[np.ndarray, "eval height width 3"]
    note: str | None

    def by_frame(self, split: FrameSplit) -> list[tuple[int, Shaped[np.ndarray, "height width 3"]]]:
        """Index and pixels of every frame; twice where it trains and is held out, too. Pixels are views, writable."""
        by_frame = list(zip(split.train, self.train, strict=True))
        return (
            by_frame
            if self.evaluation is self.train
            else [*by_frame, *zip(split.held_out, self.evaluation, strict=True)]
        )

    def brightness(self, split: FrameSplit) -> list[float]:
        """Mean pixel value of every frame, in the frames' order, [0, 1]."""
        brightness = dict(zip(split.train, mean_brightness(self.train).tolist(), strict=True))
        if split.held_out:
            brightness.update(zip(split.held_out, mean_brightness(self.evaluation).tolist(), strict=True))
        return [brightness[index] for index in sorted(brightness)]


def read_pixels(source: FrameSource, selection: FrameSelection, downscale_factor: int) -> SplitPixels:
    """Reads the selected frames.

    Raises:
        NeucamError: A frame cannot be decoded, or frames differ in size or number type.
    """
    train, held_out = selection.split
    shared = held_out in ((), train)
    wanted = train if shared else (*train, *held_out)
    pixels = source.read([selection.kept[index] for index in wanted], downscale_factor)
    note = scale_to_white(pixels, source)
    train_pixels = pixels[: len(train)]
    return SplitPixels(train_pixels, train_pixels if shared else pixels[len(train) :], note)
