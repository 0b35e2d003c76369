"""A large picture at full detail, once its camera is known: a few passes over tiles, where training draws single rays.

Each pass blurs all pixels of a tile as the lens does at each focus setting, develops them at each exposure, and brings
the differences from the photographs back to the light that they came from. It lessens what training lessens, with the
same holds: the photographs' robust error, the start's say, and the variation of neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
from neucam_nerfstudio.models.photographic_error import LEAST_CONTRADICTION_IN_THE_HAND_LDR, LEAST_CONTRADICTION_LDR
from neucam_nerfstudio.parts import as_tensor
from neucam_nerfstudio.photometry import LN2, WHITE_LEVEL
from neucam_nerfstudio.scene.grid_scene import SQUARED_RANGE, GridScene
from neucam_nerfstudio.scene.scene import Scene

NUM_PASSES = 5
"""Passes over a tile. Detail that blur has weakened comes back with every pass, and after some so does noise: measured on
rendered captures, 3 and 8 are each some hundredths of a decibel worse."""

RADII_PX = (0.0, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0)
"""Discs that light is blurred with; between two of them, both are mixed. What is blurred more than by the last tells no
detail, and is not looked at."""

SMALL_VARIATION = 0.02
"""Differences of neighbouring log radiances below this are noise as likely as detail."""

LEAST_CURVATURE = 1e-4
"""Squared pixel value a squared unit of log radiance: where photographs tell less, as near white, steps become small."""

LARGEST_STEP = 0.1
"""Of log radiance in a pass: pixel values tell light of no more than so far away."""

TILE_PIXELS, MARGIN_PX = 600_000, 32
"""Of a tile with its margin, and the margin, from farther than which hardly any light comes in all passes together."""

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
        ends = ((-1.0, 0.0), *pairwise(self.radii_px), (self.radii_px[-1], 1.25 * self.radii_px[-1]))
        for (below, own), (_, above) in pairwise(ends):
            rising, falling = (radius_px - below) / (own - below), (above - radius_px) / (above - own)
            yield torch.minimum(rising, falling).clamp_(0, 1)[None, None]

    def blurred(self, light: Float[Tensor, "1 channels height width"], grade: int) -> Float[Tensor, "1 channels height width"]:
        """Light blurred by one of the discs; the discs are even, so that this also brings back what was blurred."""
        kernel = self.kernels[grade]
        margin = len(kernel) // 2
        if margin == 0:
            return light
        weights = kernel.expand(light.shape[1], 1, *kernel.shape)
        padded = F.pad(light, (margin,) * 4, mode="replicate").contiguous(memory_format=torch.channels_last)
        return F.conv2d(padded, weights, groups=light.shape[1])

    def returned(self, planes: Sequence[Tensor | None]) -> Tensor:
        """What is on the planes of all discs, brought back to where it came from."""
        return sum(self.blurred(plane, grade) for grade, plane in enumerate(planes) if plane is not None)  # pyright: ignore


def make_large(
    scene: GridScene,
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
    detail, blur = scene.field.pyramid.detail, camera.blur
    assert detail is not None and isinstance(blur, LensBlur)  # see `is_made_large`
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
        for tile in overlapping_tiles(height, width, TILE_PIXELS, MARGIN_PX):
            part, inside = tile.with_margin, (..., *tile.inner)
            photographs = [as_tensor(of_frame[part] / white, device).permute(2, 0, 1)[None] for of_frame in pixels]
            covered = [None if c is None else torch.from_numpy(c[part]).to(device)[None, None] for c in shown]
            whole = (..., *part)
            large = full_detail(detail[whole], defocus[part], firmness[whole], photographs, covered, known, holds)
            made[(..., *tile.part)] = large[inside]
            report(tile.share_done(height, width))
        detail.copy_(made)


def is_made_large(scene: Scene, camera: ImplicitCamera) -> bool:
    """Whether a picture is made by `make_large` from what a camera has learned: one that stands still, seen through a
    lens, and has more pixels than are learned."""
    if not isinstance(scene, GridScene) or not isinstance(camera.blur, LensBlur):
        return False
    return scene.field.pyramid.detail is not None


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
    return Holds(scene.config.start_mult, scene.config.variation_mult / (2 * SQUARED_RANGE), contradiction)


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
    settings = sorted(set(camera.focus_settings))
    radii = [camera.radius_px * (defocus - camera.focus_positions[setting]).abs() for setting in settings]
    shares = [list(discs.shares(radius)) for radius in radii]
    seen = [[bool((share > 0).any()) for share in of_setting] for of_setting in shares]
    used = [any(of_setting[grade] for of_setting in seen) for grade in range(len(RADII_PX))]
    frames = [[i for i, own in enumerate(camera.focus_settings) if own == setting] for setting in settings]
    told = 1.0 / len(photographs)
    hold = holds.start_mult * firmness
    start = picture = ahead = log_radiance
    momentum, curvature = 1.0, None
    for _ in range(num_passes):
        light = ahead.exp()
        blurred = [discs.blurred(light, grade) if used[grade] else None for grade in range(len(RADII_PX))]
        errors: list = [None] * len(RADII_PX)
        curves: list = [None] * len(RADII_PX)
        for setting, members in enumerate(frames):
            grades = [grade for grade in range(len(RADII_PX)) if seen[setting][grade]]
            if not grades:
                continue
            seen_light = sum(shares[setting][grade] * blurred[grade] for grade in grades)
            total = sum(shares[setting][grade] for grade in grades)
            seen_light = seen_light / total.clamp(min=1e-3)
            error, curve = _error_of_setting(seen_light, [photographs[i] for i in members], [covered[i] for i in members], [camera.exposure_stops[i] for i in members], camera, holds)
            error = told * error / seen_light
            for grade in grades:
                share = shares[setting][grade]
                errors[grade] = share * error if errors[grade] is None else errors[grade] + share * error
                if curvature is None:
                    curves[grade] = told * share * curve if curves[grade] is None else curves[grade] + told * share * curve
        if curvature is None:
            curvature = discs.returned(curves) + hold
        slope = light * discs.returned(errors) + hold * (ahead - start)
        stiffness = _add_variation(slope, ahead, holds.variation_mult)
        step = slope / (curvature + stiffness + LEAST_CURVATURE)
        moved = ahead - step.clamp_(-LARGEST_STEP, LARGEST_STEP)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead, picture, momentum = moved + (momentum - 1) / following * (moved - picture), moved, following
    return picture


def _error_of_setting(
    light: Float[Tensor, "1 3 height width"],
    photographs: Sequence[Float[Tensor, "1 3 height width"]],
    covered: Sequence[Tensor | None],
    stops: Sequence[float],
    camera: KnownCamera,
    holds: Holds,
) -> tuple[Float[Tensor, "1 3 height width"], Float[Tensor, "1 3 height width"]]:
    """Slope and curvature, over log light, of half the robust squared error of a setting's photographs."""
    log_light = light.clamp(min=1e-6).log()
    slope, curvature = torch.zeros_like(light), torch.zeros_like(light)
    for photograph, shown, exposure in zip(photographs, covered, stops, strict=True):
        ldr, rise = _developed(log_light + LN2 * exposure, camera.ldr)
        error = ldr - photograph
        # Any light that develops to white explains white.
        error = torch.where(photograph < camera.white_ldr, error, error.clamp(max=0))
        square = error.square().mean(1, keepdim=True)
        median = square[..., ::MEDIAN_STEP, ::MEDIAN_STEP].median()
        weight = 1 / (1 + square / (4 * median).clamp(min=holds.contradiction_ldr**2))
        if shown is not None:
            weight = weight * shown
        weighted = weight * rise
        slope += weighted * error
        curvature += weighted * rise
    return slope, curvature


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
