"""Camera responses: log exposure -> pixel value, one curve a colour channel; those of standards and of sensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import ResponseTable, linear_response, srgb_response
from neucam_nerfstudio.parts import Dial, Kind, Part, PartConfig, Start
from neucam_nerfstudio.photometry import LN2, encode_srgb

STOPS_BELOW_WHITE = 2.0
"""Where radiance 1 starts below a fixed response's white at the longest exposure, if nothing tells it: what is clipped
learns nothing."""


@dataclass
class ResponseConfig(PartConfig["CameraResponse"]):
    """Configuration of a camera response, which is set up for a `capture`; the kind `none` is a sensor's."""

    group: ClassVar[str] = "neucam_nerfstudio.response"

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: LinearResponse)
    """The response."""


class CameraResponse(Part, ABC):
    """Develops light into pixel values."""

    @abstractmethod
    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] for log exposure = ln radiance + ln 2 * exposure_stops."""

    def known_table(self, capture: Capture) -> ResponseTable | None:
        """The response that photographs are decoded with at the start; None if they have to tell it."""
        return linear_response(half_step(capture.number_type)) if capture.linear_light else None

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"response": list(self.parameters())}

    def dials(self) -> tuple[Dial, ...]:
        """Whether photographs are developed."""
        return (Dial("developed", "Response", "Off: the photograph is linear light, clipped at 1."),)


class FixedResponse(CameraResponse):
    """A known curve from the light, relative to white, to the pixel value. Learns nothing.

    Args:
        config: Of the part.
        capture: The photographs.
        note: Why the camera has this response, if the user has asked for another.
    """

    log_white: Float[Tensor, ""]

    def __init__(self, config: ResponseConfig, capture: Capture, note: str | None = None) -> None:
        super().__init__()
        self.notes = (note,) if note else ()
        self.register_buffer("log_white", torch.zeros(()))

    @abstractmethod
    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] of linear light, clipped at white, which is 1."""

    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] for log exposure = ln radiance + ln 2 * exposure_stops; `log_white` is white."""
        return self.encode(torch.exp(log_exposure - self.log_white))

    def start(self, start: Start) -> str | None:
        """Moves white to where the estimate has it, or above all light that a scene starts with: its scale is free."""
        if start.estimate is not None:
            self.log_white.fill_(float(start.estimate.response.log_exposure[-1]))
        else:
            self.log_white.fill_(LN2 * (start.longest_stops + STOPS_BELOW_WHITE))
        return None


class LinearResponse(FixedResponse):
    """The response of a sensor: pixel values are light, clipped at white."""

    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Light, clipped to [0, 1]."""
        return linear.clamp(0, 1)

    def known_table(self, capture: Capture) -> ResponseTable:
        """That of a sensor."""
        return linear_response(half_step(capture.number_type))

    def dials(self) -> tuple[Dial, ...]:
        """None: there is nothing to switch off."""
        return ()


@dataclass
class SrgbResponseConfig(ResponseConfig):
    """The response of the sRGB standard."""

    kind: Kind = "srgb"
    """Response: monotone (ours, learned), srgb, neural-curve (published), none (linear photographs) or module:Class."""

    _target: tyro.conf.Suppress[Callable[..., FixedResponse]] = field(default_factory=lambda: srgb_or_linear)
    """The response."""


class SrgbResponse(FixedResponse):
    """sRGB, clipped at white: for photographs that cannot tell their camera's, as those of one exposure."""

    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """sRGB values of light, clipped to [0, 1]."""
        return encode_srgb(linear)

    def known_table(self, capture: Capture) -> ResponseTable:
        """That of the standard."""
        return srgb_response(half_step(capture.number_type))


def srgb_or_linear(config: ResponseConfig, capture: Capture, because: str = "") -> FixedResponse:
    """The response of photographs that cannot tell it: of RAW files that of a sensor, of others the sRGB standard's.

    Args:
        config: Of the part.
        capture: The photographs.
        because: Why they cannot tell it, in a sentence.
    """
    if capture.linear_light:
        note = "RAW files are developed to linear light: the camera has no response to learn."
        return LinearResponse(config, capture, note)
    notes = [because]
    if capture.number_type != np.uint8:
        notes.append("Pixel values are read as sRGB; --pipeline.model.response none takes them for linear light.")
    return SrgbResponse(config, capture, " ".join(filter(None, notes)) or None)
