"""Our exposures: as the capture gives them, or learned around a start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable

REFINEMENT_STOPS = 0.1
"""How far given exposures are expected to be off: a shutter's and an iris's tolerance."""


class SettingExposures(ExposureTable):
    """Stops = start + what is learned, with the reference setting held at its start, which fixes the radiance's scale.

    Args:
        start_stops: Exposure of each setting in stops, +1 doubles the light.
        reference_index: The setting that keeps its start.
        mode: `fix` learns nothing, `refine` learns close to the start (see `prior`), `learn` learns freely.
    """

    start_stops: Float[Tensor, " settings"]

    def __init__(
        self, start_stops: Sequence[float], reference_index: int, mode: Literal["fix", "refine", "learn"]
    ) -> None:
        super().__init__()
        self.mode = mode
        self.reference_index = reference_index
        self.register_buffer("start_stops", torch.tensor(start_stops, dtype=torch.float32))
        self.learned_stops = nn.Parameter(torch.zeros(len(start_stops)), requires_grad=mode != "fix")

    @property
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops; +1 doubles the light."""
        return self.start_stops + self.learned_stops - self.learned_stops[self.reference_index]

    def prior(self) -> Float[Tensor, ""]:
        """Mean squared departure from the start in units of `REFINEMENT_STOPS`; 0 unless exposures are refined."""
        if self.mode != "refine":
            return self.start_stops.new_zeros(())
        return ((self.stops - self.start_stops) / REFINEMENT_STOPS).square().mean()
