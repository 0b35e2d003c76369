"""Every kind that a configuration can name is built for the capture's size and settings; none leaves a part out."""

from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch
from neucam_nerfstudio.models.camera_parts import (
    BlurKind,
    ExposureKind,
    ResponseKind,
    build_blur,
    build_exposures,
    build_focus,
    build_response,
)
from neucam_nerfstudio.models.scene_parts import build_scene
from neucam_nerfstudio.published.network_sizes import NetworkSizes

from neucam_nerfstudio.errors import NeucamError

SIZES = NetworkSizes(blur_width=16, response_width=16)
UV, NOW = torch.rand(4, 2), torch.zeros(4, 1)


@pytest.mark.parametrize("kind", get_args(BlurKind))
def test_blur_generators_know_the_picture_s_size(desk_with_frames, kind):
    capture = desk_with_frames(3)
    blur = build_blur(kind, capture, SIZES, build_scene("moving-grid", capture, SIZES))
    if kind == "none":
        assert blur is None
        return
    assert blur.picture_size_px.tolist() == [90, 60]
    taps = blur(UV, NOW, NOW, 1.0)
    torch.testing.assert_close(taps.weights.sum(-1), torch.ones(4))
    assert not kind.startswith("neural") or taps.weights.shape == (4, int(kind.rsplit("-", 1)[1]))


@pytest.mark.parametrize("kind", get_args(ResponseKind))
def test_responses_give_pixel_values(kind):
    ldr = build_response(kind, SIZES)(torch.randn(4, 2, 3))
    assert ldr.shape == (4, 2, 3) and (ldr >= 0).all() and (ldr <= 1).all()


def test_no_response_is_linear():
    light = torch.tensor([0.1, 0.5, 1.0])
    torch.testing.assert_close(build_response("none", SIZES)(light.log()), light)


@pytest.mark.parametrize("kind", get_args(ExposureKind))
def test_exposures_have_a_value_a_setting(desk, kind):
    stops = build_exposures(kind, desk).stops
    assert stops.tolist() == ([-3.0, 0.0, 3.0] if kind == "settings" else [0.0, 0.0, 0.0])


def test_exposure_of_the_reference_frame_holds_the_scale(desk):
    reference = next(i for i, frame in enumerate(desk.frames) if frame.exposure_index == 2)
    learned = dataclasses.replace(desk.exposures, mode="learn")
    exposures = build_exposures("settings", dataclasses.replace(desk, reference_index=reference, exposures=learned))
    with torch.no_grad():
        exposures.learned_stops.add_(torch.tensor([1.0, 2.0, 3.0]))
    assert exposures.stops[2] == 3.0


@pytest.mark.parametrize(("mode", "learned"), [("fix", False), ("refine", True), ("learn", True)])
def test_focus_starts_at_the_capture_s_positions(desk, mode, learned):
    capture = dataclasses.replace(desk, focuses=dataclasses.replace(desk.focuses, mode=mode))
    focus = build_focus(capture)
    assert focus.positions.tolist() == [-1.0, 0.0, 1.0] and focus.positions.requires_grad == learned


@pytest.mark.parametrize(("by_depth", "num_inputs"), [(True, 2), (False, 3)])
def test_published_blur_goes_by_depth_where_there_is_depth(desk, by_depth, num_inputs, capsys):
    side_maps = dataclasses.replace(desk.side_maps)
    side_maps.__dict__["depth"] = np.random.default_rng(0).random((9, 60, 90), np.float32)
    capture = dataclasses.replace(desk, side_maps=side_maps)
    blur = build_blur("neural-kernel-9", capture, SIZES, by_depth=by_depth)
    assert blur.network.layers[0].in_features == num_inputs
    assert ("blur goes by depth" in capsys.readouterr().out) == by_depth
    assert blur(UV, NOW, NOW, 1.0).uv.shape == (4, 9, 2)


def test_motion_blurs_only_a_scene_that_knows_it(desk):
    with pytest.raises(NeucamError, match="--pipeline.model.blur motion needs --pipeline.model.scene moving-grid"):
        build_blur("motion", desk, SIZES, build_scene("grid", desk, SIZES))
