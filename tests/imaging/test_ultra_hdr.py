"""Ultra HDR is read back by libvips, which knows nothing of how the base was made."""

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.imaging.colour_profiles import REC709
from neucam_nerfstudio.imaging.hdr_display_files import gain_over_base, white_of_base, write_hdr_picture
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display

from .test_colour_profiles import DISPLAY_P3

pyvips = pytest.importorskip("pyvips")


def flat(light: float, rest: float = 1.0) -> np.ndarray:
    """A picture of one light, but for its upper half, which has another."""
    picture = np.full((64, 64, 3), rest, np.float32)
    picture[:32] = light
    return picture


def written(path, light, primaries=REC709):
    """Base (sRGB pixel values), light and the boosts of what has been written."""
    write_hdr_picture(path, light, primaries)
    file = pyvips.Image.uhdrload(str(path))
    boosts = {name: np.max(file.get(f"gainmap-{name}")) for name in ("max-content-boost", "hdr-capacity-max")}
    return file.numpy(), file.uhdr2scRGB().numpy(), boosts


@pytest.mark.parametrize("rest", [0.02, 0.18, 1.0])
def test_nothing_brighter_than_white_is_an_ordinary_picture(tmp_path, rest):
    """Diffuse white is white, 0.18 is 118 in sRGB, and a bright display shows the same."""
    base, light, boosts = written(tmp_path / "a.jpg", flat(1.0, rest))
    np.testing.assert_allclose(base[8, 8], 255, atol=1)
    np.testing.assert_allclose(base[56, 56], {0.02: 39, 0.18: 118, 1.0: 255}[rest], atol=1)
    np.testing.assert_allclose(light[[8, 56], 8], np.array([[1.0] * 3, [rest] * 3]), rtol=0.03)
    assert boosts["max-content-boost"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("highlight", "white_in_base"), [(2.0, 207), (4.0, 193), (10.0, 188)])
def test_the_boost_is_what_the_picture_needs(tmp_path, highlight, white_in_base):
    """Reinhard's curve shows white as (1 + 1 / highlight^2) / 2 and the highlight as 1: it needs all of its light."""
    base, light, boosts = written(tmp_path / "a.jpg", flat(highlight))
    np.testing.assert_allclose(base[[8, 56], 8], [[255] * 3, [white_in_base] * 3], atol=1)
    np.testing.assert_allclose(light[[8, 56], 8], [[highlight] * 3, [1] * 3], rtol=0.02)
    assert boosts == pytest.approx({"max-content-boost": highlight, "hdr-capacity-max": highlight}, rel=0.01)


def test_displays_of_four_stops_show_all_of_what_goes_up_to_the_peak_of_pq(tmp_path):
    _, light, boosts = written(tmp_path / "a.jpg", flat(80.0))
    np.testing.assert_allclose(light[[8, 56], 8], [[10_000 / 203] * 3, [1] * 3], rtol=0.02)
    assert boosts == pytest.approx({"max-content-boost": 10_000 / 203, "hdr-capacity-max": 16.0})


def test_light_comes_back_within_a_few_percent_where_the_picture_has_detail(tmp_path):
    """Colours from a thirtieth of white to twenty times white, some of them pure."""
    rng = np.random.default_rng(0)
    light = np.exp(rng.uniform(-3.4, 3, (12, 16, 1))) * rng.uniform(0.05, 1, (12, 16, 3))
    light = cv2.resize(light.astype(np.float32), None, fx=16, fy=16, interpolation=cv2.INTER_LINEAR)
    _, back, _ = written(tmp_path / "a.jpg", light)
    error = np.abs(back - light) / light.max(-1, keepdims=True)
    assert error.mean() < 0.015 and np.percentile(error, 99) < 0.05


def test_greys_of_the_base_are_those_of_the_viewer(tmp_path):
    """A picture whose geometric mean is already at 0.18, so that the viewer shows it without exposing it first."""
    grey = 0.18 * np.exp(np.linspace(-3, 3, 64 * 64, dtype=np.float32)).reshape(64, 64)
    light = np.repeat(grey[..., None], 3, -1)
    base, _, _ = written(tmp_path / "a.jpg", light)
    np.testing.assert_allclose(base / 255, picture_for_display(light), atol=3 / 255)


def test_colours_are_converted_to_rec709(tmp_path):
    """Half-bright Display P3 orange; its red alone is clipped to what Rec. 709 has."""
    light = np.broadcast_to(np.float32([0.5, 0.2, 0.1]), (32, 32, 3))
    _, back, _ = written(tmp_path / "a.jpg", light, DISPLAY_P3)
    np.testing.assert_allclose(back[16, 16], DISPLAY_P3.to(REC709) @ [0.5, 0.2, 0.1], rtol=0.03)
    base, _, _ = written(tmp_path / "red.jpg", np.broadcast_to(np.float32([0.5, 0, 0]), (32, 32, 3)), DISPLAY_P3)
    np.testing.assert_allclose(base[16, 16], [203, 0, 0], atol=3)  # 0.5 * 1.2249 in sRGB


def test_no_colour_of_the_base_is_clipped():
    light = np.array([[0.0, 0.0, 0.0], [0.5, 0.1, 0.0], [1.0, 3.0, 0.2], [0.0, 0.0, 40.0]])
    gain = gain_over_base(light.max(-1, keepdims=True), white=10.0)
    assert (gain >= 1).all() and (light / gain <= 1).all()
    np.testing.assert_allclose(gain[:, 0], [1, 1.5 / 1.005, 4 / 1.03, 40])


def test_white_is_of_the_brightest_parts_and_no_less_than_diffuse_white():
    light = np.ones((100, 100, 3), np.float32)
    light[:5] = 7.0
    assert white_of_base(light) == pytest.approx(7.0)
    assert white_of_base(light / 100) == 1.0
