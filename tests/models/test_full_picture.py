"""A large picture made of a known camera: what comes back, and what is not invented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import SettingExposuresConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.models.full_picture import (
    HIGHEST_KNOT,
    LOWEST_KNOT,
    NUM_KNOTS,
    RADII_PX,
    GradedDiscs,
    Holds,
    KnownCamera,
    full_detail,
)
from neucam_nerfstudio.models.learned_capture import CAMERA_RAYS, CAMERA_STEPS, LearnedCapture
from neucam_nerfstudio.scene.grid_scene import UNTOLD_FIRMNESS, GridSceneConfig
from tests.learned import capture_of

SIZE = 48
HOLDS = Holds(start_mult=0.05, variation_mult=1e-6, contradiction_ldr=0.02)


def linear_camera(radius_px: float, focus_positions: tuple[float, ...]) -> KnownCamera:
    """Pixel values are light, clipped at 1; one exposure."""
    knots = torch.linspace(LOWEST_KNOT, HIGHEST_KNOT, NUM_KNOTS)
    ldr = knots.exp().clamp(max=1)[:, None].expand(-1, 3)
    settings = tuple(range(len(focus_positions)))
    return KnownCamera(radius_px, focus_positions, (0.0,) * len(settings), settings, ldr, 0.98)


def stripes() -> torch.Tensor:
    """Log light of stripes three pixels wide."""
    wave = torch.where(torch.arange(SIZE) % 6 < 3, 0.2, 0.6)
    return wave.log().expand(1, 3, SIZE, SIZE).clone()


def seen(log_light: torch.Tensor, radius_px: float) -> torch.Tensor:
    discs = GradedDiscs(RADII_PX, log_light.device)
    shares = discs.shares(torch.full((SIZE, SIZE), radius_px))
    light = log_light.exp()
    return sum(share * discs.blurred(light, grade) for grade, share in enumerate(shares))


def made(start: torch.Tensor, photograph: torch.Tensor, radius_px: float, firm: float = 0.1) -> torch.Tensor:
    defocus, firmness = torch.ones(SIZE, SIZE), torch.full((1, 1, SIZE, SIZE), firm)
    camera = linear_camera(radius_px, (0.0,))
    return full_detail(start, defocus, firmness, [photograph], [None], camera, HOLDS)


def test_shares_of_discs_sum_to_one_up_to_the_last_disc_and_fall_to_none_beyond():
    radii = torch.tensor([[0.0, 0.3, 0.75, 2.0, 3.2, RADII_PX[-1], 1.5 * RADII_PX[-1], 30.0]])
    total = sum(GradedDiscs(RADII_PX, radii.device).shares(radii))[0, 0, 0]
    np.testing.assert_allclose(total[:6], 1, atol=1e-6)
    np.testing.assert_allclose(total[6:], 0, atol=1e-6)


@pytest.mark.parametrize("grade", range(len(RADII_PX)))
def test_discs_keep_light_and_bring_back_to_where_it_came_from(grade):
    discs = GradedDiscs(RADII_PX, torch.device("cpu"))
    flat = discs.blurred(torch.full((1, 3, SIZE, SIZE), 0.7), grade)
    np.testing.assert_allclose(flat, 0.7, rtol=1e-5)
    one, other = torch.zeros(2, 1, 1, SIZE, SIZE)
    one[..., 20:24, 20:24], other[..., 22:30, 25:28] = torch.rand(4, 4), torch.rand(8, 3)
    there, back = (discs.blurred(one, grade) * other).sum(), (one * discs.blurred(other, grade)).sum()
    np.testing.assert_allclose(there, back, rtol=1e-4)


def test_what_photographs_explain_already_stays_as_it_is():
    truth = stripes()
    np.testing.assert_allclose(made(truth, seen(truth, 1.5), 1.5), truth, atol=2e-3)


def test_detail_that_blur_has_weakened_comes_back():
    truth = stripes()
    photograph = seen(truth, 1.5)
    start = photograph.log()
    inner = (..., slice(8, -8), slice(8, -8))
    before = (start - truth)[inner].square().mean()
    after = (made(start, photograph, 1.5) - truth)[inner].square().mean()
    assert after < 0.7 * before


def test_nothing_comes_of_noise_where_nothing_tells_the_focus():
    noise = 0.003 * torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    flat = torch.full((1, 3, SIZE, SIZE), 0.4)
    squared_slope = 0.4**2  # of pixel values that are light
    picture = made(flat.log(), flat + noise, 3.5, firm=squared_slope * (1 + UNTOLD_FIRMNESS))  # as `GridScene` starts
    assert picture.diff(dim=-1).std() < 0.1 * (noise / 0.4).diff(dim=-1).std()


def test_what_no_photograph_tells_stays_and_white_is_a_bound():
    start = torch.full((1, 3, SIZE, SIZE), 2.0).log()
    np.testing.assert_allclose(made(start, torch.ones(1, 3, SIZE, SIZE), 0.0), start, atol=1e-5)
    defocus, firmness = torch.ones(SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE)
    nowhere = [torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)]
    dark = [torch.full((1, 3, SIZE, SIZE), 0.1)]
    kept = full_detail(start, defocus, firmness, dark, nowhere, linear_camera(1.0, (0.0,)), HOLDS)
    np.testing.assert_allclose(kept, start, atol=1e-5)


def test_a_large_picture_is_made_and_its_camera_alone_is_learned():
    capture = capture_of(30, 45, positions=(-1.0, 1.0), mode="refine")

    def learned(most_learned_cells: int) -> LearnedCapture:
        scene, blur = (config(most_learned_cells=most_learned_cells) for config in (GridSceneConfig, LensBlurConfig))
        return LearnedCapture(capture, scene, blur, SettingExposuresConfig(), ResponseConfig())

    large, small = learned(400), learned(30 * 45)
    assert large.is_made_large and not small.is_made_large
    assert "scene" not in large.parameter_groups() and "scene" in small.parameter_groups()
    assert all(parameter.numel() < 100 for of_group in large.parameter_groups().values() for parameter in of_group)
    assert large.most_steps(600, 8192) == (CAMERA_STEPS, CAMERA_RAYS) and small.most_steps(600, 8192) == (600, 8192)
    assert large.most_steps(600, 8192, asked=7) == (7, CAMERA_RAYS)
