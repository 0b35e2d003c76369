"""The frames of a capture as a nerfstudio dataset that keeps every bit."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from torch import Tensor

from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.photometry import WHITE_LEVEL


class CaptureDataset(InputDataset):
    """Serves the pixels that the dataparser decoded; they are held once, in the files' own number type.

    Args:
        dataparser_outputs: Outputs of `NeucamDataParser`.
        scale_factor: Size factor of the cameras, which nerfstudio gives; 1, for pixels keep their size.
    """

    def __init__(self, dataparser_outputs: DataparserOutputs, scale_factor: float = 1.0):
        super().__init__(dataparser_outputs, scale_factor)
        capture: Capture = dataparser_outputs.metadata["capture"]
        self._pixels = _pixels_of(capture, dataparser_outputs)

    def frames_native(self) -> Shaped[Tensor, "frames height width 3"]:
        """All frames as uint8, uint16 or float32 in [0, 1]. Shares memory with the capture: not to be written to."""
        return torch.from_numpy(self._pixels)

    def get_image_float32(self, image_idx: int) -> Float[Tensor, "height width 3"]:
        """One frame in [0, 1], as exact as its file."""
        pixels = self._pixels[image_idx]
        return torch.from_numpy(pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype]))

    def get_numpy_image(self, image_idx: int) -> np.ndarray:
        """One frame in 8 bit, for thumbnails."""
        if self._pixels.dtype == np.uint8:
            return self._pixels[image_idx]
        return np.round(self.get_image_float32(image_idx).numpy() * 255).astype(np.uint8)

    def get_image_uint8(self, image_idx: int) -> UInt8[Tensor, "height width 3"]:
        """One frame in 8 bit."""
        return torch.from_numpy(self.get_numpy_image(image_idx))


def _pixels_of(capture: Capture, outputs: DataparserOutputs) -> np.ndarray:
    """The array with the pixels of the split that these outputs describe."""
    trained = [capture.frames[index].path for index in capture.train_indices]
    return capture.train_pixels if outputs.image_filenames == trained else capture.eval_pixels
