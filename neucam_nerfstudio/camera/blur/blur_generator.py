"""What every blur generator is: places and settings -> the taps that a pixel collects its light from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.parts import Part, PartConfig
from neucam_nerfstudio.scene.scene import Places, PlanePlaces, Scene


@dataclass(frozen=True)
class Taps(Generic[Places]):
    """Where a blurred pixel collects its light from.

    Attributes:
        places: `[rays, taps]`, in the scene's own terms.
        weights: Share of each, summing to 1 over the taps.
    """

    places: Places
    weights: Float[Tensor, "rays taps"]


@dataclass
class BlurConfig(PartConfig["BlurGenerator | None"]):
    """Configuration of a blur generator, which is set up for a `capture` and the `scene` that it blurs."""

    group: ClassVar[str] = "neucam_nerfstudio.blur"
    may_be_left_out: ClassVar[bool] = True


class BlurGenerator(Part, ABC, Generic[Places]):
    """Spreads each pixel over the taps that it collects light from, through its lens and while its shutter is open.

    Attributes:
        depends_on_focus: Whether the focus position makes a difference.
        is_of_volumes: Whether its taps are rays into a volume; else places on a picture.
        shutter_open_share: Share of the time from frame to frame that the shutter is open; None unless motion blurs.
    """

    depends_on_focus: bool = True
    is_of_volumes: bool = False
    shutter_open_share: Float[Tensor, ""] | None = None

    @abstractmethod
    def forward(self, places: Places, settings: CameraSettings) -> Taps[Places]:
        """Taps of the pixels that look at `[rays]` places, at a focus position a ray and one aperture."""

    @abstractmethod
    def radius_px(self, places: Places, taps: Taps[Places]) -> Float[Tensor, "rays 1"]:
        """Radius in pixels of the even disc that spreads light as far, in the mean square, as these taps do."""

    @property
    @abstractmethod
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Blur radius at the captured aperture that nothing exceeds while the focus is on something seen."""

    def spread(
        self, scene: Scene[Places], places: Places, settings: CameraSettings
    ) -> tuple[Float[Tensor, "rays 3"], Taps[Places] | None]:
        """Linear radiance that pixels collect, and their taps; None where these differ in number among pixels."""
        taps = self(places, settings)
        return self.gather(scene, taps), taps

    def gather(self, scene: Scene[Places], taps: Taps[Places]) -> Float[Tensor, "rays 3"]:
        """Linear radiance that taps collect. A lens sums light."""
        return mix_light(scene.radiance(taps.places), taps.weights)

    def sharp_focus_position(self, places: Places) -> Float[Tensor, "*batch 1"] | None:
        """Focus position at which each place is sharp; None where the generator does not know."""
        return None

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"blur": list(self.parameters())}


def planar_radius_px(
    uv: Float[Tensor, "rays 2"], taps: Taps[PlanePlaces], picture_size_px: Float[Tensor, " 2"]
) -> Float[Tensor, "rays 1"]:
    """`BlurGenerator.radius_px` of taps on the image plane.

    Args:
        uv: Places of the pixels, [0, 1].
        taps: Their taps, places on the image plane.
        picture_size_px: Width and height of the picture.
    """
    square_distance_px = ((taps.places.uv - uv[:, None]) * picture_size_px).square().sum(-1)
    return (2 * (taps.weights * square_distance_px).sum(-1, keepdim=True)).sqrt()


def mix_light(
    radiance: Float[Tensor, "*batch taps 3"], weights: Float[Tensor, "*batch taps"]
) -> Float[Tensor, "*batch 3"]:
    """Sums light, as a lens does: weighted mean of linear radiance."""
    return torch.einsum("...kc,...k->...c", radiance, weights)


def mix_log_light(
    log_radiance: Float[Tensor, "*batch taps 3"], weights: Float[Tensor, "*batch taps"]
) -> Float[Tensor, "*batch 3"]:
    """Sums logarithms of light, as the published model does (paper, section 3.2): weighted mean of log radiance."""
    return torch.einsum("...kc,...k->...c", log_radiance, weights)
