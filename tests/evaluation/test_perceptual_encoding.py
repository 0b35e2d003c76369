import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.evaluation.perceptual_encoding import mu_law, pu21


def test_mu_law_by_hand():
    np.testing.assert_allclose(mu_law(np.array([0.0, 1.0])), [0.0, 1.0])
    assert mu_law(np.array([0.0198])) == pytest.approx(np.log(100.0) / np.log(5001.0))  # 1 + 5000 * 0.0198 = 100


def test_mu_law_clips_to_white():
    np.testing.assert_allclose(mu_law(np.array([-1.0, 7.0])), [0.0, 1.0])


def test_pu21_puts_an_ordinary_displays_white_at_256():
    assert pu21(np.array([100.0])) == pytest.approx(256.0, abs=0.5)


def test_pu21_by_hand_at_one_candela():
    # at 1 cd/m2 every power of the luminance is 1, so only the constants remain
    expected = 596.3148142 * (((0.353487901 + 0.3734658629) / (1 + 8.277049286e-05)) ** 0.09150303166 - 0.9099517204)
    assert pu21(np.array([1.0])) == pytest.approx(expected, rel=1e-12)


def test_pu21_clips_to_its_range():
    np.testing.assert_allclose(pu21(np.array([0.0, 1e9])), pu21(np.array([0.005, 1e4])))
    assert pu21(np.array([0.0])) >= 0


@given(st.floats(0.01, 9000), st.floats(1.001, 10))
def test_brighter_light_encodes_higher(luminance, ratio):
    assert pu21(np.array([luminance * ratio])) > pu21(np.array([luminance]))
    assert mu_law(np.array([luminance * ratio / 1e5])) > mu_law(np.array([luminance / 1e5]))
