"""The implicit camera: what lies between the scene's radiance and a photograph's pixel values."""

from __future__ import annotations

from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.response.camera_response import CameraResponse

Mixing = Literal["light", "log-light"]
"""Whether blur sums light, as a lens does, or its logarithm, as the published model does."""


class CameraSettings(NamedTuple):
    """How rays are taken.

    Attributes:
        focus_position: Focus position of each ray, unitless.
        exposure_stops: Exposures of each ray: one light, developed as often as there are exposures.
        aperture: Factor on the blur: 0 none, 1 as captured.
    """

    focus_position: Float[Tensor, "rays 1"]
    exposure_stops: Float[Tensor, "rays exposures"]
    aperture: float = 1.0


class ImplicitCamera(nn.Module):
    """Learned camera parts, in the order light meets them. Parts that are None are left out.

    Args:
        focus: Focus position of each focus setting.
        blur: Spreads a pixel over taps; None: everything is sharp.
        exposures: Stops of each exposure setting.
        response: Develops light into pixel values; None: pixel values are linear, clipped at 1.
        mixing: How blur sums the taps.
    """

    def __init__(
        self,
        focus: FocusPositions,
        blur: BlurGenerator | None,
        exposures: ExposureTable,
        response: CameraResponse | None,
        mixing: Mixing = "light",
    ) -> None:
        super().__init__()
        self.focus = focus
        self.blur = blur
        self.exposures = exposures
        self.response = response
        self.mixing: Mixing = mixing

    @property
    def has_focus(self) -> bool:
        """Whether the focus position makes a difference to what the camera sees."""
        return self.blur is not None and self.blur.depends_on_focus
