"""What every scene is: whoever asks along rays is told radiance and distance. The plane is the first of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.parts import Part, PartConfig, Start
from neucam_nerfstudio.scene.image_plane import ImagePlane, pixel_lattice
from neucam_nerfstudio.scene.motion_colours import largest_motion, motion_colours, plane_motion
from neucam_nerfstudio.scene.plane_field import PlaneField

Tonemap = Callable[[Float[Tensor, "*batch 3"]], Float[Tensor, "*batch 3"]]
"""Shows linear radiance, [0, 1]."""


class Rays(NamedTuple):
    """Rays into a scene.

    Attributes:
        origins: Where they start, world units.
        directions: Unit vectors.
        times: When they look, [0, 1].
        axes: Optical axes of the cameras that look along them, unit vectors; None where no lens asks for them, or each
            ray is an axis of its own.
    """

    origins: Float[Tensor, "*batch 3"]
    directions: Float[Tensor, "*batch 3"]
    times: Float[Tensor, "*batch 1"]
    axes: Float[Tensor, "*batch 3"] | None = None


class Filmed(NamedTuple):
    """What a photograph shows at some places of its moment, to be seen instead of what is known of the scene.

    Attributes:
        radiance: Linear radiance that it tells.
        share: How much of it is to be seen, [0, 1].
    """

    radiance: Float[Tensor, "*batch 3"]
    share: Float[Tensor, "*batch 1"]

    def over(self, radiance: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """What is to be seen where the scene alone has this linear radiance."""
        return torch.lerp(radiance, self.radiance, self.share)


Places = TypeVar("Places", bound=tuple)
"""Where rays look, in a scene's own terms: places of a picture, or the rays themselves."""

ExtraOutput = Callable[[Any, Tonemap], Float[Tensor, "rays channels"]]
"""What a scene shows besides, at places, in [0, 1]."""


@dataclass
class SceneConfig(PartConfig["Scene"]):
    """Configuration of a scene, which is set up for a `capture`."""

    group: ClassVar[str] = "neucam_nerfstudio.scene"


class Scene(Part, ABC, Generic[Places]):
    """Sharp, high-dynamic-range radiance along rays.

    A camera asks in two steps, so that its blur can look at many places around one: `meet` says once where rays look,
    in terms that the blur generators of this kind of scene understand, and `radiance` answers for as many places as it
    is asked.

    Attributes:
        is_looked_up: Whether light is read from grids, in operations that are short beside those of a network.
        keeps_frames: Whether it has a picture of each training frame to show, see `filmed`.
    """

    is_looked_up: bool = False
    keeps_frames: bool = False

    @abstractmethod
    def meet(self, rays: Rays) -> tuple[Places, Bool[Tensor, "*batch 1"]]:
        """Where rays look, and which of them meet the scene at all."""

    @abstractmethod
    def radiance(self, places: Places) -> Float[Tensor, "*batch 3"]:
        """Linear radiance, > 0."""

    def log_radiance(self, places: Places) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance."""
        return self.radiance(places).log()

    @abstractmethod
    def distance(self, rays: Rays) -> Float[Tensor, "*batch 1"]:
        """How far along each ray, in world units, what it sees is."""

    @abstractmethod
    def reference_places(self, height: int, width: int) -> Places:
        """Places `[height, width]` spread evenly over the picture of the reference frame."""

    @abstractmethod
    def reference_uv(self, places: Places) -> Float[Tensor, "*batch 2"]:
        """(u, v) in [0, 1] of what is seen at places, in the picture of the reference frame."""

    def extra_outputs(self) -> Mapping[str, ExtraOutput]:
        """What the scene shows beside its radiance, by the name of the output."""
        return {}

    def filmed(self, places: Places) -> Filmed | None:
        """What photographs show where nothing that the scene knows explains them; None if it keeps no photographs."""
        return None

    def show_as_filmed(self, frame: int, share: Float[Tensor, "height width"]) -> None:
        """Sets how much of a training frame `filmed` is to show, [0, 1]. Only for a scene that keeps photographs.

        Args:
            frame: Counted among the training frames.
            share: At places that are spread evenly over it.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no photographs")

    def seen(self, places: Places) -> Float[Tensor, "*batch 3"]:
        """Linear radiance without blur, as pictures show it: photographs where `filmed` says so."""
        radiance, filmed = self.radiance(places), self.filmed(places)
        return radiance if filmed is None else filmed.over(radiance)

    def estimate(self, known: Start, response: ResponseTable | None) -> Start:
        """What classical methods tell of the photographs, added to what is known; nothing unless a scene can use it.

        Args:
            known: The photographs.
            response: Of the camera; None if the photographs tell it.
        """
        return known


class March(NamedTuple):
    """What rays through a volume see.

    Attributes:
        radiance: Linear, > 0.
        distance: How far along each ray, world units, that comes from on average.
    """

    radiance: Float[Tensor, "*batch 3"]
    distance: Float[Tensor, "*batch 1"]


class VolumetricScene(Scene[Rays]):
    """A scene that is looked at from many places: where rays look are the rays themselves."""

    def meet(self, rays: Rays) -> tuple[Rays, Bool[Tensor, "*batch 1"]]:
        """The rays themselves; all go into the scene."""
        return rays, torch.ones_like(rays.times, dtype=torch.bool)

    @abstractmethod
    def march(self, rays: Rays) -> March:
        """Radiance and distance at once, which one pass along a ray finds."""

    def radiance(self, places: Rays) -> Float[Tensor, "*batch 3"]:
        """Linear radiance, > 0."""
        return self.march(places).radiance

    def distance(self, rays: Rays) -> Float[Tensor, "*batch 1"]:
        """How far along each ray, in world units, what it sees is."""
        return self.march(rays).distance


class PlanePlaces(NamedTuple):
    """Places on the image plane.

    Attributes:
        uv: u to the right and v down, [0, 1] on the picture.
        times: When they are looked at, [0, 1].
    """

    uv: Float[Tensor, "*batch 2"]
    times: Float[Tensor, "*batch 1"]


class PlanarScene(Scene[PlanePlaces]):
    """A field on the image plane.

    Args:
        field: Radiance at (u, v) and times.
        capture: The photographs, whose picture just fills the plane.
    """

    def __init__(self, field: PlaneField, capture: Capture) -> None:
        super().__init__()
        self.field = field
        self.plane = ImagePlane(capture.height, capture.width)
        self.reference_time = capture.times[capture.reference_index]
        self._times = capture.times
        self._largest_motion = ParameterMemo(field, self._find_largest_motion)

    def meet(self, rays: Rays) -> tuple[PlanePlaces, Bool[Tensor, "*batch 1"]]:
        """Where rays meet the picture, and which do, from its front."""
        uv, _, inside = self.plane.intersect(rays.origins, rays.directions)
        return PlanePlaces(uv, rays.times), inside

    def radiance(self, places: PlanePlaces) -> Float[Tensor, "*batch 3"]:
        """Linear radiance, > 0."""
        return self.field.radiance(*places)

    def log_radiance(self, places: PlanePlaces) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance."""
        return self.field.log_radiance(*places)

    def distance(self, rays: Rays) -> Float[Tensor, "*batch 1"]:
        """Distance along each ray to the plane, world units."""
        return self.plane.intersect(rays.origins, rays.directions)[1]

    def reference_places(self, height: int, width: int) -> PlanePlaces:
        """A lattice over the picture, at the time of the reference frame."""
        uv = pixel_lattice(height, width, next(self.parameters()).device)
        return PlanePlaces(uv, torch.full_like(uv[..., :1], self.reference_time))

    def reference_uv(self, places: PlanePlaces) -> Float[Tensor, "*batch 2"]:
        """(u, v) of the reference frame that what is seen has moved from."""
        return places.uv - self._moved_uv(places) if self.field.moves else places.uv

    def _moved_uv(self, places: PlanePlaces) -> Float[Tensor, "*batch 2"]:
        return self.field.motion_uv(*places, torch.full_like(places.times, self.reference_time))

    def _find_largest_motion(self) -> Float[Tensor, ""]:
        return largest_motion(self.field, self.plane, self._times, self.reference_time)

    def extra_outputs(self) -> Mapping[str, ExtraOutput]:
        """The layers of the field, tone mapped; and where things move, as `motion`, how far they have moved since the
        reference frame: hue tells the direction, saturation the distance."""
        outputs: dict[str, ExtraOutput] = dict(self.field.extra_outputs())
        if self.field.moves:
            outputs["motion"] = lambda places, tonemap: motion_colours(
                plane_motion(self._moved_uv(places), self.plane), self._largest_motion()
            )
        return outputs
