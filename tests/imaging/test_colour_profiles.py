"""Primaries by the standards' matrices; profiles are read back by Little CMS, which is not ours."""

import io
import struct

import numpy as np
import pytest
from PIL import ImageCms

from neucam_nerfstudio.imaging.colour_profiles import (
    BT2020,
    REC709,
    ColourPrimaries,
    conversion_to_srgb,
    is_rgb_profile,
    linear_profile,
    primaries_of_profile,
    profile_name,
    srgb_curve_profile,
    white_adaptation,
    xyz_of,
)

DISPLAY_P3 = ColourPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
PROPHOTO = ColourPrimaries((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))


def test_rec709_to_xyz_is_the_matrix_of_the_srgb_standard():
    expected = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    np.testing.assert_allclose(REC709.to_xyz(), expected, atol=2e-4)


def test_rec709_to_bt2020_is_the_matrix_of_bt2087():
    expected = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    np.testing.assert_allclose(REC709.to(BT2020), expected, atol=5e-5)


def test_display_p3_red_lies_outside_rec709():
    np.testing.assert_allclose(DISPLAY_P3.to(REC709) @ [1, 0, 0], [1.2249, -0.0420, -0.0197], atol=2e-4)


@pytest.mark.parametrize("primaries", [REC709, DISPLAY_P3, PROPHOTO])
def test_white_stays_white_under_another_white(primaries):
    np.testing.assert_allclose(primaries.to(BT2020) @ np.ones(3), 1, atol=1e-9)
    np.testing.assert_allclose(primaries.to(primaries), np.eye(3), atol=1e-9)


def test_d65_to_d50_is_the_matrix_of_profiles():
    """As the chad tag of sRGB profiles has it."""
    expected = [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]
    adaptation = white_adaptation(xyz_of((0.3127, 0.3290)), np.array([0.9642, 1.0, 0.8249]))
    np.testing.assert_allclose(adaptation, expected, atol=3e-4)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def of_colour_space(name: bytes) -> bytes:
    """A profile that claims to be of another colour space, as those of grey and CMYK photographs do."""
    return SRGB[:16] + name + SRGB[20:]


def with_numbers(profile: bytes, tag: bytes, numbers: list[float]) -> bytes:
    """A profile in which a tag has other numbers."""
    entry = profile.index(tag, 128)
    (start,) = struct.unpack_from(">I", profile, entry + 4)
    packed = struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    return profile[: start + 8] + packed + profile[start + 8 + len(packed) :]


def test_an_srgb_profile_has_rec709_primaries():
    np.testing.assert_allclose(primaries_of_profile(SRGB), REC709, atol=2e-4)
    assert profile_name(SRGB) == "sRGB built-in"


@pytest.mark.parametrize("primaries", [REC709, BT2020, DISPLAY_P3, PROPHOTO])
def test_a_linear_profile_says_its_primaries_and_that_it_is_linear(primaries):
    content = linear_profile(primaries)
    np.testing.assert_allclose(primaries_of_profile(content), primaries, atol=5e-5)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content)).profile
    assert profile.xcolor_space.strip() == "RGB" and profile.version == pytest.approx(4.3)
    assert profile.profile_description == profile_name(content) == "Linear RGB"
    grey = conversion_to_srgb(content)(np.full((2, 3, 3), 55, np.uint8))
    np.testing.assert_array_equal(grey, 128)  # sRGB shows light of 55/255 as 128/255


@pytest.mark.parametrize("primaries", [REC709, DISPLAY_P3])
def test_a_profile_with_the_curve_of_srgb_changes_nothing_but_colours(primaries):
    content = srgb_curve_profile(primaries)
    np.testing.assert_allclose(primaries_of_profile(content), primaries, atol=5e-5)
    greys = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)[None]
    shown = conversion_to_srgb(content)(greys).astype(int)
    assert np.abs(shown - greys).max() <= 1


def test_a_profile_of_version_2_has_its_own_white_point_and_no_adaptation():
    old = with_numbers(linear_profile(DISPLAY_P3), b"wtpt", [0.9505, 1.0, 1.0891])
    old = old[:8] + b"\2\x40\0\0" + old[12:].replace(b"chad", b"none")
    assert ImageCms.ImageCmsProfile(io.BytesIO(old)).profile.chromatic_adaptation is None
    np.testing.assert_allclose(primaries_of_profile(old), DISPLAY_P3, atol=3e-4)


def test_colours_that_do_not_add_up_have_no_primaries():
    assert primaries_of_profile(with_numbers(linear_profile(REC709), b"bXYZ", [0.07, 0.03, 0.35])) is None


def test_only_whole_profiles_of_rgb_count():
    assert is_rgb_profile(SRGB) and is_rgb_profile(linear_profile(BT2020))
    without_curve = SRGB.replace(b"rTRC", b"none")
    for other in (of_colour_space(b"GRAY"), of_colour_space(b"CMYK"), without_curve, SRGB[:100], b"a profile", b""):
        assert not is_rgb_profile(other)


def test_pixel_values_become_those_of_srgb():
    """Light of 55/255 of Display P3's red is outside of sRGB, its half-grey inside."""
    to_srgb = conversion_to_srgb(linear_profile(DISPLAY_P3))
    red, grey = to_srgb(np.array([[[55, 0, 0], [55, 55, 55]]], np.uint8))[0].astype(int)
    assert abs(red[0] - 140) <= 1 and red[1] == red[2] == 0  # 55/255 * 1.2249 in sRGB: 140.2
    np.testing.assert_array_equal(grey, 128)
