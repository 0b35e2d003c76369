"""The frames of a capture as a nerfstudio dataset that keeps every bit, and decodes none before it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped, UInt8
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.imaging.photographs import downscale
from neucam_nerfstudio.parts import shared_tensor
from neucam_nerfstudio.photometry import WHITE_LEVEL


class CaptureDataset(InputDataset):
    """Serves the pixels of the frames that a split has, from the store of its capture.

    Args:
        dataparser_outputs: Outputs of `NeucamDataParser`.
        scale_factor: Size factor of the cameras, which nerfstudio gives; 1, for pixels keep their size.
    """

    def __init__(self, dataparser_outputs: DataparserOutputs, scale_factor: float = 1.0):
        super().__init__(dataparser_outputs, scale_factor)
        self.capture: Capture = dataparser_outputs.metadata["capture"]
        self._store: PixelStore = dataparser_outputs.metadata["pixels"]
        index_of = {frame.path: index for index, frame in enumerate(self.capture.frames)}
        self.frame_indices = [index_of[path] for path in dataparser_outputs.image_filenames]
        self._reduction = self.capture.height // int(self.cameras.height[0])

    def frames_native(self) -> Shaped[Tensor, "frames height width 3"]:
        """All frames as uint8, uint16 or float32 in [0, 1]. Shares memory with the store: not to be written to."""
        return shared_tensor(self._store.stack(self.frame_indices))

    def frames_covered(self) -> Bool[np.ndarray, "frames height width"] | None:
        """Which pixels of each frame show something; None if all do."""
        return self._store.coverages(self.frame_indices)

    def get_data(self, image_idx: int, image_type: str = "float32") -> dict[str, Any]:
        """One frame, which is decoded when somebody looks at it: who renders for other outputs need not have it."""
        read = {"float32": self.get_image_float32, "uint8": self.get_image_uint8}[image_type]
        return {"image_idx": image_idx, "image": LazyImage(lambda: read(image_idx))}

    def get_image_float32(self, image_idx: int) -> Float[Tensor, "height width 3"]:
        """One frame in [0, 1], as exact as its file."""
        index = self.frame_indices[image_idx]
        pixels = np.asarray(self._store[index])
        share = pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype])
        return torch.from_numpy(downscale(share, self._reduction, self.capture.frames[index].path))

    def get_numpy_image(self, image_idx: int) -> np.ndarray:
        """One frame in 8 bit, for thumbnails."""
        if self.capture.number_type == np.uint8 and self._reduction == 1:
            return np.asarray(self._store[self.frame_indices[image_idx]])
        return np.round(self.get_image_float32(image_idx).numpy() * 255).astype(np.uint8)

    def get_image_uint8(self, image_idx: int) -> UInt8[Tensor, "height width 3"]:
        """One frame in 8 bit."""
        return torch.tensor(self.get_numpy_image(image_idx))


class LazyImage:
    """A picture that becomes a tensor when it is used as one: by an attribute, an operator or a function of torch."""

    def __init__(self, read: Callable[[], Tensor]) -> None:
        self._read = read

    @cached_property
    def tensor(self) -> Tensor:
        """The picture."""
        return self._read()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tensor, name)

    def __getitem__(self, place: Any) -> Tensor:
        return self.tensor[place]

    def __mul__(self, factor: int | float) -> Tensor:
        return self.tensor * factor

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: tuple, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        def tensors(value: Any) -> Any:
            if isinstance(value, LazyImage):
                return value.tensor
            return type(value)(map(tensors, value)) if isinstance(value, list | tuple) else value

        return function(*tensors(args), **{name: tensors(value) for name, value in (kwargs or {}).items()})
