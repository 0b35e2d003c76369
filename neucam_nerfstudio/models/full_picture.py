"""A large picture at full detail, once its camera is known: a few passes over tiles, where training draws single rays.

Each pass blurs all pixels of a tile as the lens does at each focus setting, develops them at each exposure, and brings
the differences from the photographs back to the light that they came from. It lessens what training lessens, with the
same holds: the photographs' robust error, the start's say, and the variation of neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.lens_blur import disc_kernel
from neucam_nerfstudio.classical.pixel_values import WHITE_LDR
from neucam_nerfstudio.classical.tiles import overlapping_tiles
from neucam_nerfstudio.models.photographic_error import (
    CONTRADICTION_DEVIATIONS,
    LEAST_CONTRADICTION_IN_THE_HAND_LDR,
    LEAST_CONTRADICTION_LDR,
)
from neucam_nerfstudio.parts import as_tensor
from neucam_nerfstudio.photometry import LN2, WHITE_LEVEL
from neucam_nerfstudio.scene.grid_scene import SQUARED_RANGE, GridScene
from neucam_nerfstudio.scene.scene import Scene

NUM_PASSES = 6
"""Passes over a tile. Detail that blur has weakened comes back with every pass, and after some so does noise."""

RADII_PX = (0.0, 0.75, 1.25, 1.75, 2.5, 3.5)
"""Discs that light is blurred with; between two of them, both are mixed. What is blurred more than by the last tells no
detail, and is not looked at."""

START_SHARE = 0.25
"""The start is held by this share of what training holds it by: a pass sees all photographs, a step few rays."""

SMALL_VARIATION = 0.02
"""Differences of neighbouring log radiances below this are noise as likely as detail."""

LEAST_CURVATURE = 1e-4
"""Squared pixel value a squared unit of log radiance: where photographs tell less, as near white, steps are small."""

LARGEST_STEP = 0.1
"""Of log radiance in a pass: pixel values tell light of no more than so far away."""

TILE_PIXELS, MARGIN_PX = 300_000, 20
"""Of a tile with its margin, and the margin, from farther than which hardly any light comes in all passes together."""

PASSES_THAT_DEVELOP = (0, 2)
"""Passes that develop light into pixel values; between them, what these tell of light is taken to stay."""

LARGEST_TOLD = 0.5
"""Pixel values tell light of no more than so far from where they are developed, in log radiance."""

LEAST_LIGHT, LEAST_SHARE = 1e-6, 1e-3
"""Keep logarithms and divisions finite."""

MEDIAN_STEP = 4
"""Medians are taken of every so many rows and columns."""

LOWEST_KNOT, HIGHEST_KNOT, NUM_KNOTS = -18.0, 14.0, 2048
"""Log exposures at which responses are tabulated."""


@dataclass(frozen=True)
class KnownCamera:
    """What a camera has learned, as plain values.

    Attributes:
        radius_px: Blur radius of one unit of defocus.
        focus_positions: Of each focus setting.
        exposure_stops: Of each frame.
        focus_settings: Of each frame, counted from 0.
        ldr: Pixel values at `NUM_KNOTS` log exposures from `LOWEST_KNOT` to `HIGHEST_KNOT`.
        white_ldr: Pixel value from which on any light explains a photograph.
    """

    radius_px: float
    focus_positions: Sequence[float]
    exposure_stops: Sequence[float]
    focus_settings: Sequence[int]
    ldr: Float[Tensor, "knots 3"]
    white_ldr: float


@dataclass(frozen=True)
class Holds:
    """What keeps a picture from explaining noise.

    Attributes:
        start_mult: On the squared departure from the start times its firmness.
        variation_mult: On differences of neighbouring log radiances.
        contradiction_ldr: Pixel values that differ by more, and by more than twice the median, count by the logarithm
            alone.
    """

    start_mult: float
    variation_mult: float
    contradiction_ldr: float


class GradedDiscs:
    """A lens for all pixels at once: discs of graded radii, of which each pixel has the two nearest to its own."""

    def __init__(self, radii_px: Sequence[float], device: torch.device) -> None:
        self.radii_px = tuple(radii_px)
        self.kernels = [torch.from_numpy(disc_kernel(radius)).to(device) for radius in radii_px]

    def shares(self, radius_px: Float[Tensor, "height width"]) -> Iterator[Float[Tensor, "1 1 height width"]]:
        """How much of each disc pixels have; those blurred more than by the last have none."""
        ends = ((-1.0, 0.0), *pairwise(self.radii_px), (self.radii_px[-1], 1.5 * self.radii_px[-1]))
        for (below, own), (_, above) in pairwise(ends):
            rising, falling = (radius_px - below) / (own - below), (above - radius_px) / (above - own)
            yield torch.minimum(rising, falling).clamp_(0, 1)[None, None]

    def blurred(
        self, light: Float[Tensor, "1 channels height width"], grade: int
    ) -> Float[Tensor, "1 channels height width"]:
        """Light blurred by one of the discs; the discs are even, so that this also brings back what was blurred."""
        kernel = self.kernels[grade]
        margin = len(kernel) // 2
        if margin == 0:
            return light
        weights = kernel.expand(light.shape[1], 1, *kernel.shape)
        padded = F.pad(light, (margin,) * 4, mode="replicate").contiguous(memory_format=torch.channels_last)
        return F.conv2d(padded, weights, groups=light.shape[1])

    def returned(
        self, planes: Mapping[int, Float[Tensor, "1 channels height width"]]
    ) -> Float[Tensor, "1 channels height width"]:
        """What is on the planes of some discs, brought back to where it came from."""
        back = [self.blurred(plane, grade) for grade, plane in planes.items()]
        total = back[0].clone()
        for plane in back[1:]:
            total += plane
        return total


def make_large(
    scene: Scene,
    camera: ImplicitCamera,
    capture: Capture,
    photograph: Callable[[int], np.ndarray],
    coverage: Callable[[int], Bool[np.ndarray, "height width"] | None],
    report: Callable[[float], None] = lambda share_done: None,
) -> None:
    """Brings a large picture, in place, to the detail that its photographs show; one whose detail is not learned.

    Args:
        scene: The picture as the start has left it.
        camera: As it is known now.
        capture: What is known of the photographs.
        photograph: Pixels of a frame, by its index in the capture.
        coverage: Which pixels of it show something; None where all do.
        report: Called with the share that is done.
    """
    blur = camera.blur
    assert isinstance(scene, GridScene) and isinstance(blur, LensBlur)  # see `is_made_large`
    detail = scene.field.pyramid.detail
    assert detail is not None
    height, width = detail.shape[-2:]
    known, holds = _known(camera, blur, capture), _holds(scene, capture)
    device = detail.device
    with torch.no_grad():
        defocus = blur.defocus.image()[0, 0]
        firmness = F.interpolate(scene.field.start_prior.firmness, (height, width), mode="bilinear")
        made = torch.empty_like(detail)
        pixels = [photograph(index) for index in capture.train_indices]
        shown = [coverage(index) for index in capture.train_indices]
        white = WHITE_LEVEL[capture.number_type]
        tiles = list(overlapping_tiles(height, width, TILE_PIXELS, MARGIN_PX))
        for number, tile in enumerate(tiles, 1):
            part, inside = tile.with_margin, (..., *tile.inner)
            photographs = [as_tensor(of_frame[part] / white, device).permute(2, 0, 1)[None] for of_frame in pixels]
            covered = [None if c is None else torch.from_numpy(c[part]).to(device)[None, None] for c in shown]
            whole = (..., *part)
            large = full_detail(detail[whole], defocus[part], firmness[whole], photographs, covered, known, holds)
            made[(..., *tile.part)] = large[inside]
            report(number / len(tiles))
        detail.copy_(made)


def is_made_large(scene: Scene, camera: ImplicitCamera) -> bool:
    """Whether a picture is made by `make_large` from what a camera has learned: one that stands still, seen through a
    lens, and has more pixels than are learned."""
    if not isinstance(scene, GridScene) or not isinstance(camera.blur, LensBlur):
        return False
    return scene.field.pyramid.detail is not None


def learn_camera_alone(scene: Scene, camera: ImplicitCamera) -> None:
    """Leaves the grids of a picture that is made by `make_large`, and of its defocus, as the start has them."""
    assert isinstance(scene, GridScene) and isinstance(camera.blur, LensBlur)
    scene.detail_is_made = True
    for grids in (scene, camera.blur.defocus):
        grids.requires_grad_(False)


def _known(camera: ImplicitCamera, blur: LensBlur, capture: Capture) -> KnownCamera:
    with torch.no_grad():
        knots = torch.linspace(LOWEST_KNOT, HIGHEST_KNOT, NUM_KNOTS, device=blur.log_radius_px.device)
        stops, positions = camera.exposures.stops.tolist(), camera.focus.positions.tolist()
        return KnownCamera(
            radius_px=float(blur.even_radius_px),
            focus_positions=positions,
            exposure_stops=[stops[frame.exposure_index] for frame in capture.train_frames],
            focus_settings=[frame.focus_index for frame in capture.train_frames],
            ldr=camera.response(knots[:, None].expand(-1, 3)),
            white_ldr=WHITE_LDR,
        )


def _holds(scene: GridScene, capture: Capture) -> Holds:
    contradiction = LEAST_CONTRADICTION_LDR if capture.nearness is None else LEAST_CONTRADICTION_IN_THE_HAND_LDR
    # Training counts errors in [-1, 1], and whole squares; here half the square is lessened, of values in [0, 1].
    start_mult, variation_mult = (
        START_SHARE * scene.config.start_mult,
        scene.config.variation_mult / (2 * SQUARED_RANGE),
    )
    return Holds(start_mult, variation_mult, contradiction)


def full_detail(
    log_radiance: Float[Tensor, "1 3 height width"],
    defocus: Float[Tensor, "height width"],
    firmness: Float[Tensor, "1 1 height width"],
    photographs: Sequence[Float[Tensor, "1 3 height width"]],
    covered: Sequence[Bool[Tensor, "1 1 height width"] | None],
    camera: KnownCamera,
    holds: Holds,
    num_passes: int = NUM_PASSES,
) -> Float[Tensor, "1 3 height width"]:
    """A tile of the picture, brought nearer to what the photographs show of it.

    Nesterov's accelerated gradient, each pixel with a step by a bound of the curvature (separable surrogates: De Pierro
    1995): the error never rises, and detail comes back before noise does.

    Args:
        log_radiance: Natural log radiance, from the start.
        defocus: Focus position at which each pixel is sharp.
        firmness: How strongly the start is held, squared pixel value a squared unit of log radiance.
        photographs: Pixel values in [0, 1] of each frame.
        covered: Which of them show something; None where all do.
        camera: That took them.
        holds: What keeps the picture from explaining noise.
        num_passes: How often.
    """
    discs = GradedDiscs(RADII_PX, log_radiance.device)
    lens = [
        _of_setting(setting, defocus, photographs, covered, camera, discs) for setting in set(camera.focus_settings)
    ]
    used = sorted({grade for setting in lens for grade in setting.shares})
    hold = holds.start_mult * firmness
    start = picture = ahead = log_radiance
    momentum, curvature, told = 1.0, torch.zeros_like(start), {}
    for number in range(num_passes):
        light = ahead.exp()
        blurred = {grade: discs.blurred(light, grade) for grade in used}
        errors = {grade: torch.zeros_like(light) for grade in used}
        curves = {grade: torch.zeros_like(light) for grade in used} if number == 0 else {}
        for index, setting in enumerate(lens):
            seen = setting.light(blurred)
            log_seen = seen.log()
            if number in PASSES_THAT_DEVELOP:
                told[index] = setting.told(log_seen, camera)
            log_told, strength = told[index]
            slope = log_seen.sub_(log_told)
            square = (strength * slope.square()).mean(1, keepdim=True).div_(len(setting.photographs))
            median = square[..., ::MEDIAN_STEP, ::MEDIAN_STEP].median()
            contradiction = (CONTRADICTION_DEVIATIONS**2 * median).clamp(min=holds.contradiction_ldr**2)
            weight = strength / (1 + square / contradiction)
            slope.mul_(weight).div_(seen)
            for grade, share in setting.shares.items():
                errors[grade].addcmul_(share, slope, value=1 / len(photographs))
                if number == 0:
                    curves[grade].addcmul_(share, strength, value=1 / len(photographs))
        if number == 0:
            curvature = discs.returned(curves) + hold
        slope = light * discs.returned(errors) + hold * (ahead - start)
        stiffness = _add_variation(slope, ahead, holds.variation_mult)
        step = slope / (curvature + stiffness + LEAST_CURVATURE)
        moved = ahead - step.clamp_(-LARGEST_STEP, LARGEST_STEP)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead, picture, momentum = moved + (momentum - 1) / following * (moved - picture), moved, following
    return picture


@dataclass(frozen=True)
class _FocusSetting:
    """A focus setting's photographs of a tile, and how much of each disc its pixels have."""

    photographs: Sequence[Float[Tensor, "1 3 height width"]]
    covered: Sequence[Bool[Tensor, "1 1 height width"] | None]
    exposure_stops: Sequence[float]
    shares: Mapping[int, Float[Tensor, "1 1 height width"]]
    total_share: Float[Tensor, "1 1 height width"]

    def light(self, blurred: Mapping[int, Float[Tensor, "1 3 height width"]]) -> Float[Tensor, "1 3 height width"]:
        """Light on the sensor."""
        light = torch.zeros_like(self.photographs[0])
        for grade, share in self.shares.items():
            light.addcmul_(share, blurred[grade])
        return light.div_(self.total_share).clamp_(min=LEAST_LIGHT)

    def told(
        self, log_light: Float[Tensor, "1 3 height width"], camera: KnownCamera
    ) -> tuple[Float[Tensor, "1 3 height width"], Float[Tensor, "1 3 height width"]]:
        """Log light that all exposures together tell, and how strongly: squared pixel value a squared unit of it. Seen
        from a light that is near it, at which slopes are free of the noise of pixel values."""
        slope, strength = torch.zeros_like(log_light), torch.zeros_like(log_light)
        for photograph, shown, stops in zip(self.photographs, self.covered, self.exposure_stops, strict=True):
            error, rise = _developed(log_light + LN2 * stops, camera.ldr)
            error -= photograph
            # Any light that develops to white explains white.
            error = torch.where(photograph < camera.white_ldr, error, error.clamp(max=0))
            if shown is not None:
                rise *= shown
            slope.addcmul_(rise, error)
            strength.addcmul_(rise, rise)
        step = slope.div_(strength + LEAST_CURVATURE).clamp_(-LARGEST_TOLD, LARGEST_TOLD)
        return log_light - step, strength


def _of_setting(
    setting: int,
    defocus: Float[Tensor, "height width"],
    photographs: Sequence[Float[Tensor, "1 3 height width"]],
    covered: Sequence[Bool[Tensor, "1 1 height width"] | None],
    camera: KnownCamera,
    discs: GradedDiscs,
) -> _FocusSetting:
    members = [number for number, own in enumerate(camera.focus_settings) if own == setting]
    shares = dict(enumerate(discs.shares(camera.radius_px * (defocus - camera.focus_positions[setting]).abs())))
    return _FocusSetting(
        photographs=[photographs[number] for number in members],
        covered=[covered[number] for number in members],
        exposure_stops=[camera.exposure_stops[number] for number in members],
        shares={grade: share for grade, share in shares.items() if bool(share.any())},
        total_share=torch.stack(list(shares.values())).sum(0).clamp_(min=LEAST_SHARE),
    )


def _developed(
    log_exposure: Float[Tensor, "1 3 height width"], ldr: Float[Tensor, "knots 3"]
) -> tuple[Float[Tensor, "1 3 height width"], Float[Tensor, "1 3 height width"]]:
    """Pixel values, and how fast they rise with log exposure."""
    spacing = (HIGHEST_KNOT - LOWEST_KNOT) / (NUM_KNOTS - 1)
    along = ((log_exposure - LOWEST_KNOT) / spacing).clamp_(0, NUM_KNOTS - 1.001)
    below = along.floor()
    share, below = along - below, below.long()
    values, rises = torch.empty_like(along), torch.empty_like(along)
    for channel in range(3):
        table = ldr[:, channel]
        steps = table.diff()
        rise = steps[below[:, channel]]
        rises[:, channel] = rise / spacing
        values[:, channel] = table[below[:, channel]] + share[:, channel] * rise
    return values, rises


def _add_variation(
    slope: Float[Tensor, "1 3 height width"], picture: Float[Tensor, "1 3 height width"], weight: float
) -> Float[Tensor, "1 3 height width"]:
    """Adds, in place, the slope of the variation of neighbours, and gives its curvature's bound."""
    stiffness = torch.zeros_like(picture)
    for dim in (-2, -1):
        difference = picture.diff(dim=dim)
        stiff = weight / torch.sqrt(difference.square() + SMALL_VARIATION**2)
        pull = stiff * difference
        size = difference.shape[dim]
        slope.narrow(dim, 1, size).add_(pull)
        slope.narrow(dim, 0, size).sub_(pull)
        for first in (0, 1):
            stiffness.narrow(dim, first, size).add_(2 * stiff)
    return stiffness
