"""What every blur generator is: (place, time, focus position, aperture) -> taps."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.taps import Taps


class BlurGenerator(nn.Module, ABC):
    """Spreads each pixel over the taps that it collects light from, through its lens and while its shutter is open.

    Attributes:
        picture_size_px: Width and height of the photographs.
        depends_on_focus: Whether the focus position makes a difference.
    """

    picture_size_px: Float[Tensor, " 2"]
    depends_on_focus: bool = True

    @abstractmethod
    def forward(
        self,
        uv: Float[Tensor, "rays 2"],
        times: Float[Tensor, "rays 1"],
        focus_position: Float[Tensor, "rays 1"],
        aperture: float,
    ) -> Taps:
        """Taps of the pixels at `uv` at `times` (both [0, 1]) for a unitless focus position and an aperture: a factor
        on the blur, 0 none, 1 as captured."""

    @property
    @abstractmethod
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Blur radius at the captured aperture that nothing exceeds while the focus is on something seen."""
