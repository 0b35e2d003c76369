"""Neighbours lend light that a frame does not show, but only where theirs explains what the frame does show."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from neucam_nerfstudio.capture.alignment.optical_flow import flow_pair
from neucam_nerfstudio.classical.motion import lending
from neucam_nerfstudio.classical.motion.lending import (
    DecodedFrames,
    agreement,
    continue_light,
    grey_between,
    lenders,
    merge_lent,
    moment_pictures,
)
from neucam_nerfstudio.classical.response_table import LDR_KNOTS, ResponseTable, srgb_response, tabulate_response

RESPONSE = tabulate_response(np.log((LDR_KNOTS[:, None] + 1e-3) / (1 - LDR_KNOTS[:, None] + 1e-3)) * np.ones(3))
"""Of the synthetic view's camera: exposure / (exposure + 1)."""


@pytest.mark.parametrize(
    ("stops", "index", "expected"),
    [
        ([-2, 2, -2, 2, -2], 2, [1, 3]),
        ([-2, 2, -2, 2, -2], 0, [1]),
        ([-3, 0, 3, -3, 0, 3], 2, [0, 1, 3, 4]),
        ([-3, 0, 3], 1, [0, 2]),
        ([0, 0, 0, 0], 1, []),
        ([0.0, 0.1, 2.0], 0, [2]),
    ],
)
def test_lenders_are_the_nearest_of_each_other_exposure(stops, index, expected):
    assert lenders(np.array(stops, float), index) == expected


def test_lenders_are_few():
    assert lenders(np.arange(11.0), 5) == [2, 3, 4, 6, 7, 8]


def test_agreement_by_hand():
    grey = np.full((5, 5, 3), 0.5, np.float32)
    assert agreement(grey, grey, 0.01) == pytest.approx(1.0)
    off = np.float32(grey + 0.1)
    tolerance = (3 * 0.01) ** 2 + 0.01**2
    assert agreement(grey, off, 0.01) == pytest.approx(np.exp(-0.5 * 0.1**2 / tolerance), rel=1e-4)


def test_at_edges_more_is_forgiven():
    edge = np.zeros((9, 9, 3), np.float32)
    edge[:, 5:] = 0.6
    off = np.float32(edge + 0.05)
    agreed = agreement(edge, off, 0.003)
    assert agreed[4, 5] > 10 * agreed[4, 1]


def frames_of(view, radiances, stops) -> DecodedFrames:
    frames = [view.photograph(r, s, seed=i) for i, (r, s) in enumerate(zip(radiances, stops, strict=True))]
    return DecodedFrames(frames, np.array(stops, float), RESPONSE)


def shifted(radiance: np.ndarray, right: int) -> np.ndarray:
    return np.roll(radiance, right, axis=1)


def test_a_moved_bracket_becomes_one_picture(view):
    """Darker and brighter frames, each from a camera a few pixels aside, fill what the middle one clips."""
    decoded = frames_of(view, [shifted(view.radiance, 3), view.radiance, shifted(view.radiance, -2)], [-3, 0, 3])
    inner = slice(12, -12)
    alone = view.log_error(decoded.radiance(1)[0], inner)
    flows = {other: flow_pair(*decoded.guides(1, other)) for other in (0, 2)}
    together = view.log_error(merge_lent(decoded, 1, flows), inner)
    assert together < 0.75 * alone


def test_what_moved_is_not_lent(view):
    """A bright square that only a neighbour shows does not ghost into the frame."""
    with_square = view.radiance.copy()
    with_square[30:60, 80:110] = 4.0
    decoded = frames_of(view, [view.radiance, with_square], [0, 2])
    merged = merge_lent(decoded, 0, {1: flow_pair(*decoded.guides(0, 1))})
    inside = (slice(35, 55), slice(85, 105))
    error = merged[inside] - np.log(view.radiance[inside])
    error -= np.median(merged[:, :60] - np.log(view.radiance[:, :60]))
    assert np.abs(np.median(error)) < 0.05
    assert np.percentile(np.abs(error), 90) < 0.3


def test_every_moment_gets_its_picture(view):
    decoded = frames_of(view, [shifted(view.radiance, right) for right in (0, 2, 4)], [-1, 1, -1])
    pictures = list(moment_pictures(decoded))
    assert len(pictures) == 3
    for right, picture in zip((0, 2, 4), pictures, strict=True):
        assert view.log_error(shifted(picture, -right), slice(12, -12)) < 0.1


def test_flows_of_a_pair_are_found_once_serve_both_ways_and_are_forgotten(view, monkeypatch):
    """Three frames lend to those beside them; what moves 3 px to the right from frame to frame, comes back so."""
    decoded = frames_of(view, [shifted(view.radiance, right) for right in (0, 3, 6)], [0, 1, 0])
    found, lent = [], []

    def found_flow_pair(guide, other):
        pair = flow_pair(guide, other)
        found.append(weakref.ref(pair[0]))
        return pair

    def lent_by(decoded, index, flows):
        lent.append({other: np.median(there[..., 0]) for other, (there, _) in flows.items()})
        return merge_lent(decoded, index, flows)

    monkeypatch.setattr(lending, "flow_pair", found_flow_pair)
    monkeypatch.setattr(lending, "merge_lent", lent_by)
    pictures = moment_pictures(decoded)
    kept = [[ref() is not None for ref in found] for _ in pictures]
    assert [sorted(of_frame) for of_frame in lent] == [[1], [0, 2], [1]]
    for of_frame, expected in zip(lent, ({1: 3}, {0: -3, 2: 3}, {1: -3}), strict=True):
        assert of_frame == pytest.approx(expected, abs=0.1)
    assert kept == [[True], [True, True], [False, True]]


def ramp(dtype: type) -> np.ndarray:
    values = np.linspace(0, np.iinfo(dtype).max, 64).astype(dtype)
    return np.tile(values[None, :, None], (8, 1, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_develops_back_to_the_photograph(dtype):
    decoded = DecodedFrames([ramp(dtype), ramp(dtype)], np.array([-1.0, 1.5]), srgb_response())
    for index in (0, 1):
        log_radiance, weight = decoded.radiance(index)
        np.testing.assert_allclose(decoded.develop(log_radiance, index), decoded.ldr(index), atol=0.01)
        assert (weight > 0).all()


def test_more_exposure_means_less_light_for_the_same_value():
    decoded = DecodedFrames([ramp(np.uint8)] * 2, np.array([0.0, 3.0]), srgb_response())
    difference = decoded.radiance(0)[0] - decoded.radiance(1)[0]
    np.testing.assert_allclose(difference[:, 8:-8], 3 * np.log(2), atol=1e-3)


def test_clipped_light_weighs_next_to_nothing():
    decoded = DecodedFrames([ramp(np.uint8)] * 2, np.zeros(2), srgb_response())
    weight = decoded.radiance(0)[1][0, :, 1]
    assert weight[-1] < 1e-3 * weight[32]
    assert weight[0] < 1e-2 * weight[32]


def test_light_is_told_by_the_exposures_that_see_it_change():
    """A response that rises by a quarter a unit between black and white; two of three frames see twice the light."""
    knots = np.linspace(-4, 4, 65)
    response = ResponseTable(knots, np.repeat(np.clip(knots / 4 + 0.5, 0, 1)[:, None], 3, 1))
    decoded = DecodedFrames([ramp(np.uint8)] * 3, np.array([0.0, 1.0, 1.001]), response)
    light = np.array([-3.8, -2.3, 0.0, 1.7, 3.0])[None, :, None].repeat(3, -1)
    np.testing.assert_allclose(decoded.squared_slope(light), np.array([[0, 2, 3, 1, 0]]) / 3 / 16, atol=1e-9)
    light[0, 2, 1] = 3.0  # one channel is white
    assert decoded.squared_slope(light)[0, 2] == 0


def test_guides_show_the_same_light_alike():
    light = np.exp(np.linspace(-3, 0, 64))[None, :, None] * np.ones((8, 1, 3))
    response = srgb_response()
    frames = [
        np.rint(255 * np.interp(np.log(light * 2.0**s), response.log_exposure, response.ldr[:, 0])).astype(np.uint8)
        for s in (-1.0, 1.0)
    ]
    guide, other = DecodedFrames(frames, np.array([-1.0, 1.0]), response).guides(0, 1)
    assert np.abs(guide.astype(int) - other).max() <= 6
    assert np.ptp(guide) > 100


def test_grey_between_by_hand():
    log_radiance = np.array([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [9.0, 9.0, 9.0]]], np.float32)
    assert grey_between(log_radiance, np.zeros(3), np.full(3, 4.0)).tolist() == [[0, 128, 255]]


def test_where_nobody_lends_white_goes_on_without_a_step(view):
    """A sky that brightens to the right is white in the frame; the darker one sees only its right half."""
    sky = np.float32(np.linspace(100, 300, 160))[None, :, None] * np.ones((96, 1, 3), np.float32)
    light = np.where(np.arange(96)[:, None, None] < 60, sky, 0.3 * view.radiance[:, :160])
    decoded = frames_of(view, [light, light], [-6, 0])
    flow = np.zeros((96, 160, 2), np.float32)
    beyond = flow.copy()
    beyond[:, :80, 0] = -200
    merged = merge_lent(decoded, 1, {0: (beyond, flow)})[:56]
    step = np.abs(merged[:, 80] - merged[:, 79]).max()
    assert step < 0.1
    lent = merged[:, 82:] - np.log(light[:56, 82:])
    np.testing.assert_allclose(lent, np.median(lent), atol=0.1)
    white = decoded.response.inverse(np.array([251.5 / 255]))[0]
    assert (merged >= white - 1e-4).all()
    assert np.abs(np.diff(merged[:, :80], axis=1)).max() < 0.1


def test_what_is_white_in_the_darkest_frame_is_not_dimmed(view):
    """A lamp that is white in all frames stays as bright as the darkest frame tells it is at least."""
    light = view.radiance.copy()
    light[40:60, 40:70] = 1e4
    decoded = frames_of(view, [light, light], [-3, 0])
    flow = np.zeros((*light.shape[:2], 2), np.float32)
    merged = merge_lent(decoded, 1, {0: (flow, flow)})
    darkest = decoded.radiance(0)[0]
    assert merged[50, 55].min() > darkest[50, 55].min() - 0.7


def test_light_is_continued_by_what_is_around():
    light = np.float32(np.linspace(0, 1, 64))[None, :, None] * np.ones((48, 1, 3), np.float32)
    weight = np.ones_like(light)
    weight[10:38, 20:44] = 0
    spoiled = np.where(weight > 0, light, 9.0).astype(np.float32)
    filled = continue_light(spoiled, weight)
    assert np.abs(filled - light).max() < 0.25
    assert np.abs(np.diff(filled, axis=1)).max() < 0.1
    np.testing.assert_array_equal(filled[weight > 0], light[weight > 0])


def test_without_any_light_nothing_is_continued():
    light = np.full((8, 9, 3), 2.0, np.float32)
    np.testing.assert_array_equal(continue_light(light, np.zeros_like(light)), light)
