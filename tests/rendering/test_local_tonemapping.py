"""The local operator: the parts of a picture come closer in brightness, their details stay, and rays stand alone."""

import math

import pytest
import torch

from neucam_nerfstudio.photometry import decode_srgb, encode_srgb
from neucam_nerfstudio.rendering.display_tonemapping import luminance
from neucam_nerfstudio.rendering.local_tonemapping import local_curves, tonemap_locally

HEIGHT, WIDTH = 171, 256
BRIGHTER = 200.0


def lattice() -> torch.Tensor:
    """(u, v) of every pixel, row by row."""
    v, u = torch.meshgrid((torch.arange(HEIGHT) + 0.5) / HEIGHT, (torch.arange(WIDTH) + 0.5) / WIDTH, indexing="ij")
    return torch.stack([u, v], -1).reshape(-1, 2)


@pytest.fixture
def room() -> torch.Tensor:
    """A dark room on the left, daylight on the right, and the same faint texture on both."""
    texture = 1 + 0.1 * torch.rand(HEIGHT, WIDTH, 1, generator=torch.Generator().manual_seed(0))
    light = torch.ones(HEIGHT, WIDTH, 1)
    light[:, WIDTH // 2 :] = BRIGHTER
    return (texture * light).expand(-1, -1, 3).contiguous()


def shown(picture: torch.Tensor, radiance: torch.Tensor | None = None, stops: float = 0.0) -> torch.Tensor:
    radiance = picture if radiance is None else radiance
    return tonemap_locally(radiance.reshape(-1, 3), local_curves(picture), lattice(), stops).reshape(HEIGHT, WIDTH, 3)


def test_a_curve_by_hand():
    curves, uv = torch.tensor([-0.5, math.log(0.1)]).reshape(1, 2, 1, 1), torch.tensor([0.3, 0.6])
    light = torch.full((3,), 4.0)
    torch.testing.assert_close(tonemap_locally(light, curves, uv), encode_srgb(torch.full((3,), 0.2)))
    torch.testing.assert_close(tonemap_locally(light, curves, uv, 1.0), encode_srgb(torch.full((3,), 0.4)))


def test_parts_of_the_picture_come_closer(room):
    light = decode_srgb(shown(room, stops=-5.0))
    assert 5 < light[:, -32:].mean() / light[:, :32].mean() < BRIGHTER / 2


def test_texture_keeps_its_contrast(room):
    def contrast(light: torch.Tensor) -> float:
        part = luminance(light)[32:128, 16:64]
        return float(part.std() / part.mean())

    assert contrast(decode_srgb(shown(room))) == pytest.approx(contrast(room), rel=0.2)


def test_more_light_is_never_darker(room):
    curves, uv = local_curves(room), lattice()[::97]
    radiance = torch.logspace(-6, 6, 200)[:, None, None] * torch.tensor([1.0, 0.4, 0.05])
    display = tonemap_locally(radiance.expand(-1, len(uv), -1), curves, uv)
    assert (luminance(display).diff(dim=0) >= -1e-5).all() and display.min() >= 0 and display.max() <= 1


def test_blurred_light_has_no_edge_of_the_sharp_picture(room):
    even = torch.full_like(room, math.sqrt(BRIGHTER))
    light = decode_srgb(luminance(shown(room, radiance=even, stops=-5.0))[HEIGHT // 2])
    assert light.log().diff(dim=0).abs().max() < 0.25  # of ln 200 in the picture


def test_chunks_of_rays_look_like_the_whole(room):
    curves, uv = local_curves(room), lattice()
    whole = tonemap_locally(room.reshape(-1, 3), curves, uv)
    chunks = [
        tonemap_locally(rays, curves, places)
        for rays, places in zip(room.reshape(-1, 3).split(101), uv.split(101), strict=True)
    ]
    torch.testing.assert_close(torch.cat(chunks), whole)


def test_any_gain_of_the_scene_looks_the_same(room):
    torch.testing.assert_close(shown(100 * room), shown(room), atol=0.02, rtol=0)


@pytest.mark.parametrize("light", [0.0, 3.0])
def test_a_picture_without_contrast_is_even(light):
    display = shown(torch.full((HEIGHT, WIDTH, 3), light))
    grey = encode_srgb(torch.tensor(0.18)) if light else torch.tensor(0.0)
    torch.testing.assert_close(display, grey.expand_as(display), atol=1e-4, rtol=0)


def test_a_picture_nearly_all_black_is_shown(room):
    room[:, : WIDTH - 4] = 0.0
    display = shown(room)
    assert display.isfinite().all() and display[:, : WIDTH - 4].max() == 0.0
