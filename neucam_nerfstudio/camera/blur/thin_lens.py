"""The blur generator of volumes: a thin lens, whose rays start all over its aperture and meet in the plane in focus."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig, BlurGenerator, Taps
from neucam_nerfstudio.camera.blur.lens import APERTURE_DIAL, GOLDEN_ANGLE, disc_taps
from neucam_nerfstudio.camera.settings import CameraSettings, of_rays
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.parts import Dial, Kind
from neucam_nerfstudio.scene.scene import Rays, Scene, VolumetricScene

FIRST_RENDER_TAPS = 8
"""Every pixel of a picture looks through so many places of the lens, which tell whether it needs more."""

RENDER_TAPS = ((0.5, 32), (2.0, 96))
"""Places on the lens of a pixel where the widest blur that it has seen is at least so many pixels in radius. They stand
still, so that pictures have no grain."""

START_RADIUS_PX = 2.0
"""Where nothing tells the aperture: blur radius of what is half as far as it is focused, before anything is learned."""

MOST_OPENED, MOST_STOPPED_DOWN = 3.0, 16.0
"""How many times smaller and larger than as captured the dial's f-numbers go."""

LATTICE_SIDE = 64
"""The nearest and the farthest thing seen are looked for on so many places each way of the reference picture."""


@dataclass
class ThinLensBlurConfig(BlurConfig):
    """Our blur generator for many views."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: ThinLensBlur)
    """The blur generator."""
    kind: Kind = "thin-lens"
    """Blur: thin-lens (ours), none, or module:Class for a BlurConfig of your own."""
    train_taps: int = 8
    """Places on the lens that a training ray starts from, at random; a ray that is in focus has one."""
    blurred_share: float = 0.75
    """Share of a step's rays, those with the widest blur, that start from all these places."""


class ThinLensBlur(BlurGenerator[Rays]):
    """Rays from places on the aperture to where the pixel's own ray meets the plane in focus (Potmesil and Chakravarty
    1981; Cook et al. 1984). The focus position is the inverse of the distance in focus, along the axis: 1/m.

    Args:
        config: How many rays are spent on the blur.
        capture: Photographs of many views, which tell the aperture; where they do not, it is learned.
        scene: What is looked at.

    Raises:
        NeucamError: The capture has one view, or the scene is a picture.
    """

    is_of_volumes = True

    def __init__(self, config: ThinLensBlurConfig, capture: Capture, scene: Scene) -> None:
        super().__init__()
        if capture.views is None or not isinstance(scene, VolumetricScene):
            raise NeucamError(
                f"--pipeline.model.blur {config.kind}: looks through a lens into a volume, which takes many views with"
                " known poses (neucam-3d). For photographs of one view use lens, motion or none."
            )
        if config.train_taps < 1:
            raise NeucamError(f"--pipeline.model.blur.train-taps {config.train_taps}: expected 1 or more.")
        self.config, views = config, capture.views
        # What the scene does, and not the scene, whose parameters are not the lens's.
        self._march, self._reference_places = scene.march, scene.reference_places
        self.metres_per_unit = views.metres_per_unit
        self.focal_px = float(np.mean(views.focal_px))
        reference = views.aperture_radius_m[capture.reference_index]
        self.is_told = bool(np.isfinite(reference))
        self.f_number = float(views.f_number[capture.reference_index]) if self.is_told else None
        if not self.is_told:
            typical = np.median(capture.focuses.positions)
            reference = START_RADIUS_PX / (self.focal_px * max(float(typical), 1e-6))
        self.log_radius_m = nn.Parameter(torch.tensor(math.log(reference)), requires_grad=not self.is_told)
        for num_taps in (FIRST_RENDER_TAPS, *(taps for _, taps in RENDER_TAPS)):
            self.register_buffer(f"disc_{num_taps}", disc_taps(num_taps), persistent=False)
        self._ends = ParameterMemo(scene, self._nearest_and_farthest)

    def disc(self, num_taps: int) -> Float[Tensor, "taps 2"]:
        """The disc with so many places, kept on the device."""
        return self.get_buffer(f"disc_{num_taps}")

    @property
    def radius(self) -> Float[Tensor, ""]:
        """Of the aperture of the reference frame, world units."""
        return self.log_radius_m.exp() / self.metres_per_unit

    def through(self, places: Rays, settings: CameraSettings, on_lens: Float[Tensor, "rays taps 2"]) -> Rays:
        """Rays `[rays, taps]` of pixels through places of the lens.

        Args:
            places: The pixels' own rays, through the middle of the lens.
            settings: Focus position (1/m) and aperture of each.
            on_lens: On the unit disc.
        """
        axes = optical_axes(places)
        across, down = perpendiculars(axes)
        offset = self.radius * of_taps(settings.aperture) * on_lens
        moved = offset[..., :1] * across[:, None] + offset[..., 1:] * down[:, None]
        # To the plane in focus at 1/position along the axis, and so scaled that focus at infinity is nothing special.
        per_unit = of_rays(settings.focus_position) * self.metres_per_unit
        ahead = places.directions / slant(places)
        directions = F.normalize(ahead[:, None] - moved * per_unit[:, None], dim=-1)
        num_taps = on_lens.shape[1]
        times, axes = (along[:, None].expand(-1, num_taps, -1) for along in (places.times, axes))
        return Rays(places.origins[:, None] + moved, directions, times, axes)

    def forward(self, places: Rays, settings: CameraSettings) -> Taps[Rays]:
        """Rays through the lens: few at random while training, else many that stand still."""
        if self.training:
            on_lens = random_places(len(places.origins), self.config.train_taps, places.origins)
        else:
            disc = self.disc(RENDER_TAPS[-1][1])
            on_lens = disc.expand(len(places.origins), *disc.shape)
        rays = self.through(places, settings, on_lens)
        return Taps(rays, torch.full_like(rays.times[..., 0], 1 / on_lens.shape[1]))

    def spread(
        self, scene: VolumetricScene, places: Rays, settings: CameraSettings
    ) -> tuple[Float[Tensor, "rays 3"], Taps[Rays] | None]:
        """Linear radiance that pixels collect: of rays that are in focus with fewer places of the lens, see `_trained`
        and `_rendered`."""
        return (self._trained if self.training else self._rendered)(scene, places, settings), None

    def _trained(self, scene: VolumetricScene, places: Rays, settings: CameraSettings) -> Float[Tensor, "rays 3"]:
        """Rays look through one place of the lens, and those with the widest blur through all places: how far the
        pixels' own rays go tells which. As many each step, so that nothing waits for them to be counted; and all in one
        march, for what a gradient costs a grid is its size."""
        num_rays, num_taps = len(places.origins), self.config.train_taps
        on_lens = random_places(num_rays, num_taps, places.origins)
        first = self.through(places, settings, on_lens[:, :1])
        num_blurred = round(self.config.blurred_share * num_rays)
        if num_taps == 1 or num_blurred == 0:
            return scene.radiance(first)[:, 0]
        if num_blurred == num_rays:
            return scene.radiance(self.through(places, settings, on_lens)).mean(1)
        with torch.no_grad():
            middle = places.reshaped(num_rays, 1)
            radius_px = self._blur_px(middle, scene.march(middle).distance, settings)[:, 0, 0]
            blurred = radius_px.topk(num_blurred, sorted=False).indices
        further = self.through(some(places, blurred), some_settings(settings, blurred), on_lens[blurred, 1:])
        light = scene.radiance(one_after_the_other(first, further))
        mean = (light[blurred] + light[num_rays:].view(num_blurred, num_taps - 1, 3).sum(1)) / num_taps
        return light[:num_rays].index_copy(0, blurred, mean)

    def _rendered(self, scene: VolumetricScene, places: Rays, settings: CameraSettings) -> Float[Tensor, "rays 3"]:
        """All pixels look through a few places of the lens; those that see something out of focus through any of them,
        be it the blurred rim of what stands before, look through many. A graphics card does not wait for these to be
        counted, and looks through many at once."""
        most_taps = math.inf if settings.most_lens_rays is None else settings.most_lens_rays
        steps = [(least, num_taps) for least, num_taps in RENDER_TAPS if num_taps <= most_taps]
        if places.origins.device.type != "cpu":
            disc = self.disc(steps[-1][1] if steps else FIRST_RENDER_TAPS)
            return scene.radiance(self.through(places, settings, disc.expand(len(places.origins), *disc.shape))).mean(1)
        disc = self.disc(FIRST_RENDER_TAPS)
        first = self.through(places, settings, disc.expand(len(places.origins), *disc.shape))
        seen = scene.march(first)
        light, widest_px = seen.radiance.mean(1), self._blur_px(first, seen.distance, settings).amax((1, 2))
        limits = [*(least for least, _ in steps[1:]), math.inf]
        for (least, num_taps), most in zip(steps, limits[: len(steps)], strict=True):
            rays = ((widest_px >= least) & (widest_px < most)).nonzero()[:, 0]
            if len(rays) > 0:
                disc = self.disc(num_taps)
                through = self.through(
                    some(places, rays), some_settings(settings, rays), disc.expand(len(rays), *disc.shape)
                )
                light = light.index_copy(0, rays, scene.radiance(through).mean(1))
        return light

    def _blur_px(
        self, rays: Rays, distance: Float[Tensor, "rays taps 1"], settings: CameraSettings
    ) -> Float[Tensor, "rays taps 1"]:
        """Blur radius in pixels of what lies so far along rays."""
        depth = distance * slant(rays)
        aperture, focus = of_taps(settings.aperture), of_taps(of_rays(settings.focus_position))
        return self.focal_px * self.radius * aperture * (1 / depth - focus * self.metres_per_unit).abs()

    def radius_px(self, places: Rays, taps: Taps[Rays]) -> Float[Tensor, "rays 1"]:
        """Radius in pixels of the even disc that these taps spread the light over of what a pixel sees in the middle:
        where rays cross the plane of that."""
        axes = optical_axes(places)
        depth = self._march(places).distance * slant(places)
        rays = taps.places
        along = (rays.directions * axes[:, None]).sum(-1, keepdim=True)
        crossing = rays.origins + rays.directions * depth[:, None] / along
        middle = places.origins + places.directions * depth / slant(places)
        square_px = ((crossing - middle[:, None]) * self.focal_px / depth[:, None]).square().sum(-1)
        return (2 * (taps.weights * square_px).sum(-1, keepdim=True)).sqrt()

    def sharp_focus_position(self, places: Rays) -> Float[Tensor, "*batch 1"]:
        """Focus position, 1/m, at which what each ray sees is sharp."""
        depth = self._march(places).distance * slant(places)
        return 1 / (depth * self.metres_per_unit)

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Of the nearest thing that the reference frame shows with the focus on the farthest, or the reverse."""
        nearest, farthest = self._ends()
        return self.focal_px * self.radius.detach() * (nearest - farthest)

    @torch.no_grad()
    def _nearest_and_farthest(self) -> Float[Tensor, " 2"]:
        """Inverse depths, 1/world unit."""
        places = self._reference_places(LATTICE_SIDE, LATTICE_SIDE)
        per_unit = self.sharp_focus_position(places) * self.metres_per_unit
        return torch.stack([per_unit.amax(), per_unit.amin()])

    def metrics(self) -> dict[str, Float[Tensor, ""]]:
        """`aperture_radius_mm`, where it is learned."""
        return {} if self.is_told else {"aperture_radius_mm": 1000 * self.log_radius_m.detach().exp()}

    def dials(self) -> tuple[Dial, ...]:
        """The aperture, as the f-number where that is told."""
        if self.f_number is None:
            return (APERTURE_DIAL,)
        hint = f"The reference frame was taken at f/{self.f_number:g}. The larger, the more is in focus."
        ends = self.f_number / MOST_OPENED, self.f_number * MOST_STOPPED_DOWN
        return (Dial("aperture", "Aperture (f-number)", hint, ends, step=self.f_number / 100, inverse=self.f_number),)


def optical_axes(rays: Rays) -> Float[Tensor, "*batch 3"]:
    """Unit vectors of the axes of the lenses that rays go through: their own directions where nothing else is told."""
    return rays.directions if rays.axes is None else rays.axes


def slant(rays: Rays) -> Float[Tensor, "*batch 1"]:
    """How far along the optical axis a unit along each ray leads, at most 1."""
    return (rays.directions * optical_axes(rays)).sum(-1, keepdim=True)


def perpendiculars(axes: Float[Tensor, "*batch 3"]) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch 3"]]:
    """Two unit vectors at right angles to each axis and each other, without a branch (Duff et al. 2017)."""
    x, y, z = axes.unbind(-1)
    sign = torch.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    first = torch.stack([1 + sign * x.square() * a, sign * b, -sign * x], -1)
    second = torch.stack([b, sign + y.square() * a, -y], -1)
    return first, second


def random_places(num_rays: int, num_taps: int, like: Tensor) -> Float[Tensor, "rays taps 2"]:
    """Places on the unit disc: on each ray's rings of equal area, a golden angle apart and turned at random."""
    order = torch.arange(num_taps, device=like.device)
    # Rings in an order of their own for each ray, so that the first place is as likely anywhere.
    ring = (order + torch.randint(num_taps, (num_rays, 1), device=like.device)) % num_taps
    radius = ((ring + torch.rand(num_rays, num_taps, device=like.device)) / num_taps).sqrt()
    angle = 2 * math.pi * torch.rand(num_rays, 1, device=like.device) + ring * GOLDEN_ANGLE
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)


def one_after_the_other(first: Rays, second: Rays) -> Rays:
    """Two kinds of rays as one."""
    first, second = first.reshaped(-1), second.reshaped(-1)
    origins, directions, times = (torch.cat(both) for both in zip(first[:3], second[:3], strict=True))
    axes = None if first.axes is None or second.axes is None else torch.cat([first.axes, second.axes])
    return Rays(origins, directions, times, axes)


def of_taps(setting: float | Float[Tensor, "rays 1"]) -> float | Float[Tensor, "rays 1 1"]:
    """A setting of rays, for each of their places on the lens; one of all rays stays a number, which costs no copy."""
    return setting[..., None] if isinstance(setting, Tensor) else setting


def some(rays: Rays, indices: Tensor) -> Rays:
    """Some of the rays."""
    axes = None if rays.axes is None else rays.axes[indices]
    return Rays(rays.origins[indices], rays.directions[indices], rays.times[indices], axes)


def some_settings(settings: CameraSettings, indices: Tensor) -> CameraSettings:
    """What the lens asks of the settings, of some of the rays."""
    aperture = settings.aperture
    return CameraSettings(
        of_rays(settings.focus_position)[indices], aperture[indices] if isinstance(aperture, Tensor) else aperture
    )
