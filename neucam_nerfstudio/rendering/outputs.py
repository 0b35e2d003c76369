"""Every output of a picture, as a function of what reaches the film. Only what is asked for is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from neucam_nerfstudio.camera.image_formation import develop, sensor_radiance
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.settings import CameraSettings, of_rays
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, display_anchors, tonemap
from neucam_nerfstudio.rendering.local_tonemapping import LOCAL_LONGER_SIDE, local_curves, tonemap_locally
from neucam_nerfstudio.rendering.view import View
from neucam_nerfstudio.scene.scene import March, Rays, Scene, VolumetricScene

ANCHOR_SAMPLES_PER_SIDE = 128
"""The display's grey and white are taken from a lattice of this many places each way."""

SMALLEST_RADIUS_PX = 1e-3
"""Defocus is a share of at least this: one focus setting tells nothing of depth, and the largest radius is 0."""

FARTHEST = 100.0
"""The viewer is told no greater distance than this, in world units."""

RAYS_AT_ONCE = 1 << 15
"""Rays rendered at a time: with the taps of a lens some 50 MB."""

VOLUME_RAYS_AT_ONCE = 1 << 11
"""The same into a volume: a ray out of focus looks through a hundred places of the lens, at some fifty samples each. On
a processor, as many sharp rays are faster than 32 thousand, too: 88 against 73 thousand a second."""


class Film:
    """What reaches the film along some rays. Each quantity is computed when it is first asked for, and once.

    Args:
        renderer: Scene, camera and display.
        rays: The rays.
        settings: How they are taken.
    """

    def __init__(self, renderer: Renderer, rays: Rays, settings: CameraSettings) -> None:
        self.scene, self.camera, self._renderer, self._rays = renderer.scene, renderer.camera, renderer, rays
        self.settings = self.camera.resolved(settings, rays.times)
        self.places, self.inside = self.scene.meet(rays)

    @cached_property
    def sharp(self) -> Float[Tensor, "rays 3"]:
        """Linear radiance without blur; of photographs that the scene does not explain, as they were filmed."""
        return self.scene.seen(self.places) if self._march is None else self._march.radiance

    @cached_property
    def modelled(self) -> Float[Tensor, "rays 3"]:
        """Linear radiance of the scene that the lens and the open shutter let through."""
        return sensor_radiance(self.scene, self.camera.blur, self.places, self.settings)[0]

    @cached_property
    def blurred(self) -> Float[Tensor, "rays 3"]:
        """The same, and of photographs that the scene does not explain, as they were filmed."""
        filmed = self.scene.filmed(self.places)
        return self.modelled if filmed is None else filmed.over(self.modelled)

    @property
    def distance(self) -> Float[Tensor, "rays 1"]:
        """How far along each ray the scene is."""
        return self.scene.distance(self._rays) if self._march is None else self._march.distance

    @cached_property
    def _march(self) -> March | None:
        """What the rays see of a volume, where one pass along them tells both; None of a picture."""
        return self.scene.march(self._rays) if isinstance(self.scene, VolumetricScene) else None

    def developed(self, radiance: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
        """Pixel values in [0, 1] of radiance at the exposure of the rays, and balanced as the frame named."""
        camera, settings = self.camera, self.settings
        log_gains = None if camera.white_balance is None else camera.white_balance.of_frame(settings.frame)
        response = camera.response if settings.developed else None
        return develop(response, radiance, of_rays(settings.exposure_stops), log_gains)[:, 0]

    def extra(self, name: str) -> Float[Tensor, "rays channels"]:
        """What the scene shows besides, see `Scene.extra_outputs`."""
        return self.scene.extra_outputs()[name](self.places, self.tonemapped)

    def defocus(self) -> Float[Tensor, "rays 1"]:
        """Blur radius at the captured aperture, whatever the settings say, as a share of the largest, [0, 1]; 0 where
        the camera has no blur."""
        if self.camera.blur is None:
            return self.blur_radius_px
        return (self.blur_radius_px / self.camera.blur.largest_radius_px.clamp(min=SMALLEST_RADIUS_PX)).clamp(0, 1)

    @cached_property
    def blur_radius_px(self) -> Float[Tensor, "rays 1"]:
        """Blur radius at the captured aperture, whatever the settings say, in pixels of the photographs."""
        blur = self.camera.blur
        if blur is None:
            return torch.zeros_like(self._rays.times)
        return blur.radius_px(self.places, blur(self.places, replace(self.settings, aperture=1.0)))

    def tonemapped(self, radiance: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
        """Linear radiance for display, [0, 1]."""
        display = self.settings.display
        if display.tone_mapping == "local":
            uv = self.scene.reference_uv(self.places)
            return tonemap_locally(radiance, self._renderer.local_curves(), uv, display.exposure_stops)
        return tonemap(radiance, display.tone_mapping, self._renderer.anchors(), display.exposure_stops)


Output = Callable[[Film], Float[Tensor, "rays channels"]]

OUTPUTS: dict[str, Output] = {
    "all_in_focus_hdr": lambda film: film.tonemapped(film.sharp),
    "rgb": lambda film: film.developed(film.blurred),
    "all_in_focus": lambda film: film.developed(film.sharp),
    "hdr": lambda film: film.sharp,
    "hdr_defocused": lambda film: film.blurred,
    "defocus": Film.defocus,
    "accumulation": lambda film: film.inside.float(),
    "depth": lambda film: film.distance.clamp(max=FARTHEST),
}
"""Outputs by name: `all_in_focus_hdr` sharp radiance, tone mapped for display, [0, 1]; `rgb` the photograph: blurred,
exposed, developed, [0, 1]; `all_in_focus` sharp, exposed, developed, [0, 1]; `hdr`, `hdr_defocused` linear radiance,
sharp and blurred, unbounded; `defocus` where there is a blur generator; `accumulation` 1 on the picture, 0 beside it;
`depth` the distance along the ray. A scene may have more, see `Scene.extra_outputs`."""

WHEREVER_RAYS_GO = ("accumulation", "depth")
"""Outputs that say something beside the picture, too; the others are black there."""


class Renderer:
    """Renders pictures of a scene through a camera: for viewer, `ns-render`, exports, evaluation and Python alike.

    Args:
        scene: What is photographed.
        camera: What photographs it.
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        reference_time: Of the reference frame, [0, 1].
    """

    def __init__(self, scene: Scene, camera: ImplicitCamera, height: int, width: int, reference_time: float) -> None:
        self.scene, self.camera, self.reference_time = scene, camera, reference_time
        self._height, self._width = height, width
        self.local_curves = ParameterMemo(scene, self._local_curves_of_picture)
        self._anchors = ParameterMemo(scene, self._anchors_of_picture)
        self.fixed_anchors: DisplayAnchors | None = None

    def anchors(self) -> DisplayAnchors:
        """Middle grey and white that suit the all-in-focus picture of the reference frame, unless they are fixed."""
        return self._anchors() if self.fixed_anchors is None else self.fixed_anchors

    @torch.no_grad()
    def _anchors_of_picture(self) -> DisplayAnchors:
        side = ANCHOR_SAMPLES_PER_SIDE
        return display_anchors(self.scene.seen(self.scene.reference_places(side, side)).reshape(-1, 3))

    @torch.no_grad()
    def _local_curves_of_picture(self) -> Float[Tensor, "1 2 height width"]:
        """Curves of the reference frame's picture. They move with what they show, so nothing flickers."""
        scale = LOCAL_LONGER_SIDE / max(self._height, self._width)
        height, width = (max(1, round(scale * side)) for side in (self._height, self._width))
        # Means of two places each way: a single one may fall on a glint.
        radiance = self.scene.seen(self.scene.reference_places(2 * height, 2 * width))
        return local_curves(F.avg_pool2d(radiance.permute(2, 0, 1), 2).permute(1, 2, 0))

    def output_names(self) -> tuple[str, ...]:
        """The outputs there are, in the order in which they are listed."""
        extra = tuple(self.scene.extra_outputs())
        ours = [name for name in OUTPUTS if name not in WHEREVER_RAYS_GO]
        if self.camera.blur is None:
            ours.remove("defocus")
        return (*ours, *extra, *WHEREVER_RAYS_GO)

    @torch.no_grad()
    def render(
        self,
        view: View,
        settings: CameraSettings,
        outputs: Sequence[str] | Mapping[str, Output],
        kept: Callable[[Tensor], Tensor] = lambda strip: strip,
        advance: Callable[[], None] = lambda: None,
    ) -> dict[str, Shaped[Tensor, "height width channels"]]:
        """A picture of each of the outputs named; nothing else is computed.

        Args:
            view: Which rays.
            settings: How they are taken and shown.
            outputs: Names, see `OUTPUTS` and `output_names`; or outputs of your own by name.
            kept: What is kept of a strip of rows, so that what becomes of a picture can need less memory than it.
            advance: Called after each strip.
        """
        if not isinstance(outputs, Mapping):
            extra = {name: (lambda film, name=name: film.extra(name)) for name in self.scene.extra_outputs()}
            outputs = {name: (OUTPUTS | extra)[name] for name in outputs}
        time = self.time_of(settings)
        pictures: dict[str, Tensor] = {}
        for rows in self.strips(view):
            film = Film(self, view.rays(rows, time), settings)
            for name, output in outputs.items():
                values = output(film)
                if name not in WHEREVER_RAYS_GO:
                    values = torch.where(film.inside, values, 0)
                strip = kept(values.view(-1, view.width, values.shape[-1]))
                if name not in pictures:
                    pictures[name] = strip.new_empty(view.height, *strip.shape[1:])
                pictures[name][rows] = strip
            advance()
        return pictures

    def strips(self, view: View) -> list[slice]:
        """The rows of each strip that a picture is rendered in."""
        at_once = VOLUME_RAYS_AT_ONCE if isinstance(self.scene, VolumetricScene) else RAYS_AT_ONCE
        height = max(1, at_once // view.width)
        return [slice(top, min(top + height, view.height)) for top in range(0, view.height, height)]

    def time_of(self, settings: CameraSettings) -> float:
        """When a picture is taken, [0, 1]."""
        if settings.time is not None:
            return float(settings.time)
        return self.reference_time if settings.frame is None else self.camera.time_of_frame(settings.frame)
