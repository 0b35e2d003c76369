"""Exposures: the stops of each exposure setting, as the capture gives them, or learned around a start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
import tyro
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.exposure_estimation import exposure_of_photograph
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import Dial, Kind, Part, PartConfig, Start, TrainingRays

DIAL_MARGIN_STOPS = 6.0
"""How far the exposure dial goes beyond the captured exposures, at least."""

REFINEMENT_STOPS = 0.1
"""How far given exposures are expected to be off: a shutter's and an iris's tolerance."""


@dataclass
class ExposureConfig(PartConfig["ExposureTable"]):
    """Configuration of an exposure table, which is set up for a `capture`."""

    group: ClassVar[str] = "neucam_nerfstudio.exposures"


class ExposureTable(Part, ABC):
    """Holds one value per exposure *setting*: all frames taken with a setting share it.

    Attributes:
        follows_capture: Whether exposures that the capture tells are where the table starts from.
    """

    follows_capture: bool = True

    @property
    @abstractmethod
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops; +1 doubles the light."""

    def forward(self, exposure_index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Exposure in stops of the settings with these indices."""
        return self.stops[exposure_index]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of them are learned at one rate."""
        return {"exposures": list(self.parameters())}

    def start(self, start: Start) -> str | None:
        """Names held-out frames whose exposure nothing tells, so that it cannot be learned."""
        names = ", ".join(start.capture.frames[index].name for index in self._untold_frames(start.capture))
        return (
            f"No training frame has the exposure of {names}: it cannot be learned and stays as it starts."
            if names
            else None
        )

    def _untold_frames(self, capture: Capture) -> list[int]:
        """Held-out frames whose exposure neither the capture tells, where the table follows it, nor training."""
        if self.follows_capture and capture.exposures.source != "unknown":
            return []
        trained = {capture.frames[index].exposure_index for index in capture.train_indices}
        return [index for index in capture.eval_indices if capture.frames[index].exposure_index not in trained]

    def dials(self) -> tuple[Dial, ...]:
        """The exposure, on the capture's scale."""
        stops = self.stops.detach()
        ends = float(stops.min()) - DIAL_MARGIN_STOPS, float(stops.max()) + DIAL_MARGIN_STOPS
        return (Dial("exposure_stops", "Exposure (stops)", "One stop more doubles the light.", ends, step=0.1),)


@dataclass
class SettingExposuresConfig(ExposureConfig):
    """Our exposures."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: SettingExposures)
    """The exposure table."""
    kind: Kind = "settings"
    """Exposures: settings (ours: as the capture gives them), bounded (published: learned from 0 within 3 stops), or
    module:Class."""
    prior_mult: float = 1e-4
    """On how far refined exposures stray from the given ones."""


class SettingExposures(ExposureTable):
    """Stops = start + what is learned, with the reference setting held at its start, which fixes the radiance's scale.

    Of many views it is the mean over the training frames that is held: scene and camera cannot drift apart, and one
    frame that is off takes along no other. That mean is 0 where nothing tells exposures.

    The capture's mode tells whether nothing is learned (`fix`), little (`refine`, see `losses`), or freely (`learn`).

    Args:
        config: Weight of the prior.
        capture: The photographs.
    """

    start_stops: Float[Tensor, " settings"]
    held: Float[Tensor, " settings"]

    def __init__(self, config: SettingExposuresConfig, capture: Capture) -> None:
        super().__init__()
        given = capture.exposures
        self.config = config
        self.mode = given.mode
        self.register_buffer("start_stops", torch.tensor(given.stops, dtype=torch.float32))
        of_frames = [capture.reference_index] if capture.views is None else capture.train_indices
        settings = torch.tensor([capture.frames[index].exposure_index for index in of_frames])
        held = torch.bincount(settings, minlength=len(given.stops)) / len(of_frames)
        self.register_buffer("held", held.to(torch.float32), persistent=False)
        self.learned_stops = nn.Parameter(torch.zeros(len(given.stops)), requires_grad=given.mode != "fix")

    @property
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops; +1 doubles the light."""
        return self.start_stops + self.learned_stops - self.held @ self.learned_stops

    @torch.no_grad()
    def start(self, start: Start) -> str | None:
        """Takes exposures that were estimated; of held-out frames, one number each from their own photograph."""
        capture, estimate = start.capture, start.estimate
        if estimate is None:
            return super().start(start)
        said = []
        if capture.exposures.source == "unknown":
            names = [capture.frames[index].name for index in capture.train_indices]
            for index, stops in zip(capture.train_indices, estimate.exposure_stops, strict=True):
                self.start_stops[capture.frames[index].exposure_index] = float(stops)
            found = ", ".join(
                f"{name} {stops:+.2f}" for name, stops in zip(names, estimate.exposure_stops, strict=True)
            )
            said.append(f"Exposures in stops: {found}.")
        if start.light_of is not None and (untold := self._untold_frames(capture)):
            said.append(self._start_held_out(start, estimate.response, start.light_of, untold))
        return " ".join(said) or None

    def _start_held_out(
        self,
        start: Start,
        response: ResponseTable,
        light_of: Callable[[int], Float[np.ndarray, "height width 3"]],
        frames: Sequence[int],
    ) -> str:
        """Each is one number, from the held-out photograph beside the light that the training frames tell. Nothing else
        of that photograph is looked at."""
        stops = np.array(
            [exposure_of_photograph(start.photograph(index), light_of(index), response) for index in frames]
        )
        settings = np.array([start.capture.frames[index].exposure_index for index in frames])
        for setting in np.unique(settings):
            self.start_stops[setting] = float(stops[settings == setting].mean())
        names = (start.capture.frames[index].name for index in frames)
        found = ", ".join(f"{name} {self.start_stops[i]:+.2f}" for name, i in zip(names, settings, strict=True))
        return f"Exposures of held-out frames, of each one number from its own photograph: {found}."

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`exposure_prior`: mean squared departure from the start in units of `REFINEMENT_STOPS`, where refined."""
        if self.mode != "refine" or self.config.prior_mult == 0:
            return {}
        departure = ((self.stops - self.start_stops) / REFINEMENT_STOPS).square().mean()
        return {"exposure_prior": self.config.prior_mult * departure}


def exposures_differ(capture: Capture) -> bool:
    """Whether the training frames may have been exposed differently, without which no response can be learned."""
    settings = {capture.frames[index].exposure_index for index in capture.train_indices}
    return len({capture.exposures.stops[setting] for setting in settings}) > 1 or capture.exposures.mode == "learn"


def check_bracket(capture: Capture) -> None:
    """Checks that a method for high dynamic range has exposures to make it from.

    Raises:
        NeucamError: All training frames have one known exposure.
    """
    if exposures_differ(capture):
        return
    stops = capture.exposure_stops(capture.train_indices[0])
    raise NeucamError(
        f"{capture.folder}: all {len(capture.train_indices)} training frames have one exposure ({stops:+g} stops by "
        f"{capture.exposures.source}); expected at least two, for high dynamic range comes from those. Use "
        "neucam-deblur for a video and neucam-multifocus for a focus stack, or correct the exposures."
    )
