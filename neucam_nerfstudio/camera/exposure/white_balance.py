"""White balance a frame: gains of red and blue, of cameras that balanced each photograph by themselves."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import Part

WhiteBalanceKind = Literal["none", "frame"]
"""Whether all photographs have one white balance, or each training frame has learned gains."""


class FrameWhiteBalance(Part):
    """Gains of the light on the sensor, of each training frame: green has 1, red and blue start there.

    Over the training frames the gains' logarithms have zero mean in each channel, so scene and camera cannot drift
    apart. A frame that was held out has no gains: nothing tells them but its own photograph, which is not looked at. It
    is taken at the mean balance and scored so, and where its camera chose another one that counts as an error.

    Args:
        capture: The photographs, of many views.

    Raises:
        NeucamError: They are of one view.
    """

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        if capture.views is None:
            raise NeucamError(
                f"{capture.folder}: found photographs of one view, expected many views with poses (neucam-3d), of which"
                " alone a white balance a frame is learned. Develop or take these with one white balance."
            )
        if capture.white_balance is not None:
            self.notes = (
                "--pipeline.model.white-balance frame: RAW files are developed with one white balance, so what is"
                " learned is light that changes its colour from frame to frame.",
            )
        self._number_of_frame = {index: number for number, index in enumerate(capture.train_indices)}
        self.learned_log_gains = nn.Parameter(torch.zeros(len(capture.train_indices), 2))

    @property
    def log_gains(self) -> Float[Tensor, "train 3"]:
        """Natural logarithms of the gains of red, green and blue, of each training frame."""
        red, blue = (self.learned_log_gains - self.learned_log_gains.mean(0)).unbind(-1)
        return torch.stack([red, torch.zeros_like(red), blue], -1)

    def forward(self, frame_index: Int[Tensor, " rays"]) -> Float[Tensor, "rays 3"]:
        """Log gains of training frames, counted among these."""
        return self.log_gains[frame_index]

    def of_frame(self, index: int | None) -> Float[Tensor, "1 3"] | None:
        """Log gains of a frame, by its index in the capture; None where it was not trained on, or is none."""
        number = None if index is None else self._number_of_frame.get(index)
        return None if number is None else self.log_gains[number : number + 1]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of them are learned at one rate."""
        return {"white_balance": list(self.parameters())}
