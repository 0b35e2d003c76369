"""How a picture is taken and shown: one value, passed from whoever asks for the picture down to image formation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.errors import NeucamError

ToneMapping = Literal["reinhard", "filmic", "log", "gamma", "local"]
"""How radiance is shown: `reinhard` nearly keeps hues, `filmic` is a film's S-curve, `log` is the paper's preview,
`gamma` is one plain exposure, clipped, and `local` treats each part of the picture for itself."""


def of_rays(setting: float | Float[Tensor, "rays values"] | None) -> Float[Tensor, "rays values"]:
    """A setting that image formation needs, which has been looked up for every ray by now."""
    if not isinstance(setting, Tensor):
        raise TypeError(f"found {setting}, expected a tensor with a value a ray, see `ImplicitCamera.resolved`")
    return setting


@dataclass(frozen=True)
class Display:
    """How what has no pixel values of its own is shown."""

    tone_mapping: ToneMapping = "reinhard"
    """The operator."""
    exposure_stops: float = 0.0
    """Brightens what is tone mapped; +1 doubles the light."""


@dataclass(frozen=True)
class CameraSettings:
    """How a picture is taken and shown. What is None is as the frame was taken.

    Training gives a tensor where rays differ; everybody else gives one number for the whole picture. Only physics
    limits the values.

    Raises:
        NeucamError: A value is not finite, the aperture is negative, or the time lies outside [0, 1].
    """

    focus_position: float | Float[Tensor, "rays 1"] | None = None
    """Unitless, on the scale that was learned with the capture; of many views 1/m, 0 at infinity."""
    aperture: float | Float[Tensor, "rays 1"] = 1.0
    """Factor on the blur: 0 all in focus, 1 as captured."""
    exposure_stops: float | Float[Tensor, "rays exposures"] | None = None
    """On the scale of the capture, +1 doubles the light. Several make one light developed as often."""
    time: float | Float[Tensor, "rays 1"] | None = None
    """Of a scene that moves, from 0, the first frame, to 1, the last."""
    frame: int | None = None
    """The frame, by its index in the capture, that None stands for. Without one that is the reference frame, and of a
    scene that moves the frame nearest in time. A white balance a frame is that of the named frame alone."""
    developed: bool = True
    """Whether the response of the camera makes pixel values; else they are linear light, clipped at 1."""
    display: Display = Display()
    """How radiance is shown."""
    most_lens_rays: int | None = None
    """Of a volume, so many rays through the lens a pixel at most, 8 or more, for a quick look at what is out of focus;
    None: as many as its blur takes."""

    def __post_init__(self) -> None:
        for name in ("focus_position", "aperture", "exposure_stops", "time"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not math.isfinite(value):
                raise NeucamError(f"{name} {value}: expected a finite number.")
        if isinstance(self.aperture, int | float) and self.aperture < 0:
            raise NeucamError(f"aperture {self.aperture:g}: expected 0 (all in focus), 1 (as captured) or more.")
        if isinstance(self.time, int | float) and not 0 <= self.time <= 1:
            raise NeucamError(f"time {self.time:g}: expected from 0 (the first frame) to 1 (the last).")

    @property
    def is_sharp(self) -> bool:
        """Whether the lens is stopped down to nothing, for all rays."""
        return isinstance(self.aperture, int | float) and self.aperture == 0

    def exposed(self, stops: float, own_stops: float) -> CameraSettings:
        """The same at another exposure, which brightens what is tone mapped as much as photographs.

        Args:
            stops: The new exposure.
            own_stops: That of the frame, at which tone mapping shows the scene as it is.
        """
        brighter = replace(self.display, exposure_stops=self.display.exposure_stops + stops - own_stops)
        return replace(self, exposure_stops=stops, display=brighter)
