import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.classical.exposure_estimation import equal_exposures, estimate_exposure_stops


def partition(settings):
    return {tuple(np.flatnonzero(settings == s)) for s in settings}


def test_close_exposures_far_from_others_share_a_setting():
    assert partition(equal_exposures(np.array([3.02, -3.0, 0.01, 3.0, -3.03, 0.0]))) == {(0, 3), (1, 4), (2, 5)}


@pytest.mark.parametrize("stops", [[0.0, 0.08, 0.16, 2.0], [0.0, 0.05, 0.3], [-1.0, 0.0, 1.0]])
def test_exposures_stay_apart_where_grouping_is_doubtful(stops):
    assert partition(equal_exposures(np.array(stops))) == {(i,) for i in range(len(stops))}


@given(st.permutations([-3.0, -2.97, 0.0, 0.02, 3.0, 3.05]))
def test_grouping_does_not_depend_on_the_order_of_frames(stops):
    groups = {frozenset(round(stops[i]) for i in group) for group in partition(equal_exposures(np.array(stops)))}
    assert groups == {frozenset({-3}), frozenset({0}), frozenset({3})}


def test_shuffled_exposures_come_out_in_proportion_with_the_middle_one_zero(view):
    true_stops = np.array([2.0, -2.0, 0.0, 2.0, 0.0, -2.0, 1.0])
    small = np.stack([view.photograph(view.radiance, s, seed=i) for i, s in enumerate(true_stops)]) / np.float32(255)
    stops = estimate_exposure_stops(small, np.zeros(7, int), None)
    assert stops[2] == 0 and stops[0] == stops[3]
    assert np.corrcoef(stops, true_stops)[0, 1] > 0.999


def test_known_settings_tie_exposures(view):
    true_stops = np.array([-1.0, 0.0, 1.0, 1.1])
    small = np.stack([view.photograph(view.radiance, s) for s in true_stops]) / np.float32(255)
    stops = estimate_exposure_stops(small, np.zeros(4, int), [0, 1, 2, 2])
    assert stops[2] == stops[3] == 0 and stops[1] < 0 and stops[0] < stops[1]
