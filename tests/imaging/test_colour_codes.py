"""HLG and PQ by the standards' own numbers, and the primaries that codes name."""

import numpy as np
import pytest

from neucam_nerfstudio.imaging.colour_codes import HLG, PQ, UNTOLD, ColourCodes, light_of_hlg, light_of_pq
from neucam_nerfstudio.imaging.colour_profiles import BT2020, primaries_of_profile, profile_name
from neucam_nerfstudio.imaging.hdr_display_files import pq_from_light
from neucam_nerfstudio.photometry import decode_srgb


def test_hlg_is_that_of_bt2100():
    """Black, the end of its root, reference white of BT.2408 (75 %) and peak."""
    np.testing.assert_allclose(light_of_hlg(np.array([0, 0.5, 0.75, 1.0])), [0, 1 / 12, 0.2650, 1.0], atol=1e-4)


def test_pq_is_that_of_st_2084():
    """BT.2408: 58 % of the signal are 203 cd/m2, 75 % are 983."""
    np.testing.assert_allclose(light_of_pq(np.array([0.0, 0.5806, 0.75, 1.0])) * 1e4, [0, 203, 983, 1e4], rtol=2e-3)


def test_pq_is_what_is_written():
    light = np.geomspace(1e-3, 40, 30)[:, None] * np.ones(3)
    np.testing.assert_allclose(light_of_pq(pq_from_light(light)) * 1e4 / 203, light, rtol=1e-6)


@pytest.mark.parametrize(("transfer", "signal", "light"), [(HLG, 0.5, 1 / 12), (PQ, 0.5806, 203 / 4000)])
def test_a_known_signal_comes_on_the_curve_of_srgb(transfer, signal, light):
    for pixels in (np.full((2, 3, 3), round(signal * 65535), np.uint16), np.full((2, 3, 3), signal * 255, np.uint8)):
        shown = ColourCodes(9, transfer).on_srgb_curve(pixels)
        assert shown.dtype == np.uint16
        np.testing.assert_allclose(decode_srgb(shown / 65535), light, rtol=2e-3 if pixels.dtype == np.uint16 else 0.06)


@pytest.mark.parametrize("transfer", [UNTOLD, 1, 13])
def test_other_signals_stay_as_they_are(transfer):
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert ColourCodes(9, transfer).on_srgb_curve(pixels) is pixels


def test_primaries_are_named_and_rec_709_needs_no_name():
    profile = ColourCodes(9, HLG).icc_profile()
    assert profile is not None and profile_name(profile) == "BT.2020 with the curve of sRGB"
    np.testing.assert_allclose(np.array(primaries_of_profile(profile)), np.array(BT2020), atol=2e-3)
    assert ColourCodes(1, 1).icc_profile() is ColourCodes().icc_profile() is ColourCodes(99, 1).icc_profile() is None


def test_what_is_made_of_colours_is_said():
    said = ColourCodes(9, HLG).note("clip.mov")
    assert said is not None and said.startswith("clip.mov: its colours are those of BT.2020") and "HLG" in said
    pq = ColourCodes(1, PQ).note("clip.mov")
    assert pq is not None and "BT" not in pq and "4000 cd/m2 taken for white" in pq
    assert ColourCodes(1, 1).note("clip.mov") is None
