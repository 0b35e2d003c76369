"""What photographs tell of their camera before any training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.response_table import ResponseTable


@dataclass(frozen=True)
class CameraEstimate:
    """Response and exposures, on one zero of log exposure.

    Attributes:
        log_exposure_knots: Knots of the response, evenly spaced: natural log radiance + ln 2 * stops.
        response_values: Pixel values in [0, 1] at the knots, rising.
        exposure_stops: Exposure of each frame: as given, or estimated with the middle one 0.
    """

    log_exposure_knots: Float[np.ndarray, " knots"]
    response_values: Float[np.ndarray, "knots 3"]
    exposure_stops: Float[np.ndarray, " frames"]

    @property
    def response(self) -> ResponseTable:
        """Of the camera."""
        return ResponseTable(self.log_exposure_knots, self.response_values)
