import math
from typing import get_args

import numpy as np
import pytest
import torch

from neucam_nerfstudio.rendering.display_tonemapping import (
    DisplayAnchors,
    DisplayOperator,
    display_anchors,
    encode_srgb,
    filmic,
    log_curve,
    luminance,
    picture_for_display,
    reinhard,
    tonemap,
)

OPERATORS = get_args(DisplayOperator)
ANCHORS = DisplayAnchors(key=torch.tensor(0.5), white=torch.tensor(40.0))


def grey(value: float) -> torch.Tensor:
    return torch.full((3,), value)


def test_srgb_by_hand():
    encoded = encode_srgb(torch.tensor([0.0, 0.001, 0.5, 1.0, 3.0]))
    torch.testing.assert_close(encoded, torch.tensor([0.0, 0.01292, 0.735357, 1.0, 1.0]), atol=1e-5, rtol=0)


def test_luminance_by_hand():
    assert luminance(torch.tensor([1.0, 2.0, 10.0])).item() == pytest.approx(0.2126 + 2 * 0.7152 + 10 * 0.0722)


def test_reinhard_by_hand():
    # L (1 + L / white^2) / (1 + L) with L = 1, white = 2
    torch.testing.assert_close(reinhard(grey(1.0), torch.tensor(2.0)), grey(0.625))


def test_filmic_by_hand():
    def hable(x):
        return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.02 / 0.3

    expected = hable(1.0) / hable(11.2)
    torch.testing.assert_close(filmic(grey(0.5), torch.tensor(5.6)), grey(expected), atol=1e-6, rtol=1e-5)


def test_log_by_hand():
    torch.testing.assert_close(log_curve(grey(0.0198)), grey(math.log(100) / math.log(5001)))


@pytest.mark.parametrize("operator", OPERATORS)
def test_black_is_black_and_far_beyond_white_is_white(operator):
    torch.testing.assert_close(tonemap(grey(0.0), operator, ANCHORS), grey(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(tonemap(grey(4e4), operator, ANCHORS), grey(1.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("operator", ["reinhard", "filmic", "log"])
def test_white_is_where_the_picture_reaches_one(operator):
    torch.testing.assert_close(tonemap(grey(40.0), operator, ANCHORS), grey(1.0), atol=1e-5, rtol=0)
    assert (tonemap(grey(35.0), operator, ANCHORS) < 1).all()


def test_the_default_shows_the_key_as_middle_grey():
    shown = tonemap(grey(0.5), "reinhard", ANCHORS)
    assert 0.40 < shown[0].item() < 0.47


@pytest.mark.parametrize("operator", OPERATORS)
def test_more_light_is_never_darker_and_always_in_range(operator):
    radiance = torch.logspace(-6, 6, 500)[:, None] * torch.tensor([1.0, 0.4, 0.05])
    shown = tonemap(radiance, operator, ANCHORS)
    assert shown.min() >= 0 and shown.max() <= 1
    assert (luminance(shown).diff(dim=0) >= -1e-6).all()


@pytest.mark.parametrize("operator", OPERATORS)
def test_exposure_stops_double_the_light(operator):
    torch.testing.assert_close(
        tonemap(torch.tensor([0.1, 0.2, 0.3]), operator, ANCHORS, exposure_stops=1.0),
        tonemap(torch.tensor([0.2, 0.4, 0.6]), operator, ANCHORS),
    )


@pytest.mark.parametrize("operator", OPERATORS)
def test_chunks_of_rays_look_like_the_whole(operator):
    radiance = torch.rand(7, 5, 3, generator=torch.Generator().manual_seed(0)) * 60
    chunks = torch.cat([tonemap(row, operator, ANCHORS) for row in radiance])
    torch.testing.assert_close(chunks, tonemap(radiance, operator, ANCHORS).flatten(0, 1))


@pytest.mark.parametrize("operator", OPERATORS)
def test_gradients_are_finite_from_darkness_to_glare(operator):
    radiance = torch.tensor([[0.0, 0.0, 0.0], [1e-9, 0.0, 1.0], [0.5, 0.5, 0.5], [1e5, 10.0, 0.0]], requires_grad=True)
    tonemap(radiance, operator, ANCHORS).sum().backward()
    assert torch.isfinite(radiance.grad).all()


def oklab_hue_degrees(display_linear: torch.Tensor) -> float:
    """Hue as seen. Source: B. Ottosson, "A perceptual color space for image processing", 2020."""
    to_cones = [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
    cones = (torch.tensor(to_cones) @ display_linear) ** (1 / 3)
    green_red, blue_yellow = (
        torch.tensor([[1.9779985, -2.4285922, 0.4505937], [0.0259040, 0.7827718, -0.8086758]]) @ cones
    )
    return math.degrees(math.atan2(blue_yellow, green_red))


@pytest.mark.parametrize(
    ("colour", "tolerance_degrees"),
    [
        pytest.param((0.25, 0.55, 1.0), 6.0, id="azure"),
        pytest.param((0.6, 0.35, 0.25), 4.0, id="skin"),
        pytest.param((0.1, 0.6, 0.1), 4.0, id="green"),
        pytest.param((0.9, 0.05, 0.03), 4.0, id="red"),
    ],
)
@pytest.mark.parametrize("brightness", [0.1, 1.0, 2.0, 4.0, 8.0])
def test_reinhard_keeps_the_hue_that_is_seen(colour, tolerance_degrees, brightness):
    radiance = brightness * torch.tensor(colour)
    shown = reinhard(radiance, torch.tensor(30.0))
    assert oklab_hue_degrees(shown) == pytest.approx(oklab_hue_degrees(radiance), abs=tolerance_degrees)
    assert shown.max() < 1


@pytest.mark.parametrize("brightness", [0.01, 1.0, 8.0, 100.0])
def test_reinhard_keeps_grey_grey(brightness):
    shown = reinhard(grey(brightness), torch.tensor(30.0))
    torch.testing.assert_close(shown, shown.mean().expand(3))


def test_anchors_by_hand():
    radiance = torch.tensor([1.0, 2.0, 4.0, 8.0])[:, None].expand(4, 3)
    anchors = display_anchors(radiance, white_percentile=75.0)
    assert anchors.key.item() == pytest.approx(2**1.5, rel=1e-5)
    assert anchors.white.item() == pytest.approx(4.0, rel=1e-5)


def test_any_gain_of_the_scene_looks_the_same():
    radiance = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) + 0.01
    shown = tonemap(radiance, "reinhard", display_anchors(radiance))
    torch.testing.assert_close(tonemap(100 * radiance, "reinhard", display_anchors(100 * radiance)), shown)


def test_a_black_picture_has_usable_anchors():
    black = torch.zeros(10, 3)
    assert torch.isfinite(tonemap(black, "reinhard", display_anchors(black))).all()


@pytest.mark.parametrize("operator", OPERATORS)
def test_arrays_are_shown_as_tensors_are(operator):
    radiance = np.random.default_rng(0).lognormal(0, 2, (20, 30, 3)).astype(np.float32)
    tensor = torch.from_numpy(radiance)
    of_array, of_tensor = display_anchors(radiance), display_anchors(tensor)
    np.testing.assert_allclose(of_array, of_tensor, rtol=1e-6)
    shown = tonemap(radiance, operator, of_array, exposure_stops=0.5)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, tonemap(tensor, operator, of_tensor, exposure_stops=0.5), atol=1e-6)


def test_a_whole_picture_is_shown_by_its_own_anchors_or_another_s():
    radiance = np.random.default_rng(0).lognormal(0, 1.5, (20, 30, 3))
    values = torch.from_numpy(radiance).float()
    by_its_own = tonemap(values, "reinhard", display_anchors(values)).numpy()
    np.testing.assert_allclose(picture_for_display(radiance), by_its_own, atol=1e-6)
    np.testing.assert_allclose(picture_for_display(8 * radiance), by_its_own, atol=1e-5)
    brighter = picture_for_display(8 * radiance, like=radiance)
    np.testing.assert_allclose(brighter, tonemap(8 * values, "reinhard", display_anchors(values)), atol=1e-6)
    assert not picture_for_display(np.full((4, 4, 3), -1.0), like=radiance).any()
