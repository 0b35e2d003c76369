import numpy as np
import pytest

from neucam_nerfstudio.imaging.colour_primaries import BT2020, REC709, ColourPrimaries, white_adaptation, xyz_of

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
