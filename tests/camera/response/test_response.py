"""Responses that are known: the sRGB standard's and a sensor's, relative to a white that the start moves; and which of
them a capture gets that cannot tell its own."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig, MonotoneCurveResponse
from neucam_nerfstudio.camera.response.response import (
    FixedResponse,
    LinearResponse,
    ResponseConfig,
    SrgbResponse,
    SrgbResponseConfig,
)
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.parts import Start, TrainingRays
from neucam_nerfstudio.photometry import decode_srgb, encode_srgb

from ...learned import capture_of, photographs_of

LN_MID_GREY = math.log(0.214041)
"""Light that the sRGB standard encodes as 0.5."""
BRACKET = capture_of(1, 1, stops=(-3.0, 0.0, 3.0))
SINGLE = capture_of(1, 1, stops=(0.0,))


def fixed(kind: type[FixedResponse], log_white: float = 0.0) -> FixedResponse:
    response = kind(ResponseConfig(), BRACKET)
    response.log_white.fill_(log_white)
    return response


def test_srgb_values_of_the_standard():
    ldr = fixed(SrgbResponse)(torch.tensor([[0.0, LN_MID_GREY, math.log(0.001)]]))
    torch.testing.assert_close(ldr, torch.tensor([[1.0, 0.5, 0.01292]]), atol=1e-5, rtol=0)


def test_linear_values_are_light_up_to_white():
    ldr = fixed(LinearResponse, math.log(2.0))(torch.tensor([[0.0, math.log(0.2), 5.0]]))
    torch.testing.assert_close(ldr, torch.tensor([[0.5, 0.1, 1.0]]))


def test_above_white_is_white():
    torch.testing.assert_close(fixed(SrgbResponse)(torch.tensor([3.0, 0.1, 20.0])), torch.ones(3))


def test_white_can_be_moved():
    ldr = fixed(SrgbResponse, 2.0)(torch.full((3,), 2.0 + LN_MID_GREY))
    torch.testing.assert_close(ldr, torch.full((3,), 0.5))


@pytest.mark.parametrize("kind", [SrgbResponse, LinearResponse])
def test_learns_nothing_but_is_saved(kind):
    response = fixed(kind)
    assert not list(response.parameters()) and set(response.state_dict()) == {"log_white"}
    assert response.losses(TrainingRays(None, torch.zeros(1, dtype=torch.long), step=0)) == {}


def test_decoding_undoes_encoding():
    linear = torch.linspace(0, 1, 1001)
    torch.testing.assert_close(decode_srgb(encode_srgb(linear)), linear, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("kind", "quarter"), [(SrgbResponse, 0.537099), (LinearResponse, 0.25)])
def test_without_an_estimate_white_lies_two_stops_above_radiance_1(kind, quarter):
    """A linear value of 1/4 is sRGB's 1.055 * 0.25 ** (1 / 2.4) - 0.055."""
    response = fixed(kind)
    response.start(Start(BRACKET, photographs_of(BRACKET), longest_stops=3.0))
    torch.testing.assert_close(response(torch.full((3,), 3 * math.log(2))), torch.full((3,), quarter))


def test_an_estimate_s_last_knot_is_white():
    knots = np.linspace(-6, 1.5, 20, dtype=np.float32)
    ldr = np.linspace(0, 1, 20, dtype=np.float32)[:, None].repeat(3, 1)
    response = fixed(LinearResponse)
    estimate = CameraEstimate(ResponseTable(knots, ldr), np.zeros(3, np.float32))
    response.start(Start(BRACKET, photographs_of(BRACKET), estimate))
    assert response.log_white.item() == 1.5


def raw(capture):
    return dataclasses.replace(capture, linear_light=True)


@pytest.mark.parametrize(
    ("config", "capture", "built", "said"),
    [
        pytest.param(MonotoneCurveConfig(), BRACKET, MonotoneCurveResponse, None, id="a bracket tells it"),
        pytest.param(MonotoneCurveConfig(), SINGLE, SrgbResponse, "one exposure, which tells no response", id="single"),
        pytest.param(MonotoneCurveConfig(), raw(BRACKET), LinearResponse, "no response to learn", id="RAW"),
        pytest.param(MonotoneCurveConfig(kind="srgb"), BRACKET, SrgbResponse, None, id="srgb is asked for"),
        pytest.param(SrgbResponseConfig(), SINGLE, SrgbResponse, None, id="srgb by default"),
        pytest.param(SrgbResponseConfig(), raw(SINGLE), LinearResponse, "no response to learn", id="srgb of RAW"),
        pytest.param(SrgbResponseConfig(kind="monotone"), BRACKET, MonotoneCurveResponse, None, id="monotone"),
        pytest.param(SrgbResponseConfig(kind="monotone"), SINGLE, SrgbResponse, "one exposure", id="not told"),
        pytest.param(MonotoneCurveConfig(kind="none"), BRACKET, LinearResponse, None, id="none is linear"),
        pytest.param(MonotoneCurveConfig(kind="none"), raw(BRACKET), LinearResponse, None, id="none of RAW"),
    ],
)
def test_a_capture_gets_the_response_that_it_can_tell_and_choices_are_said(config, capture, built, said):
    response = config.setup(capture=capture)
    assert type(response) is built
    assert (said in " ".join(response.notes)) if said else response.notes == ()


@pytest.mark.parametrize(("number_type", "is_said"), [(np.uint8, False), (np.uint16, True), (np.float32, True)])
def test_what_may_be_linear_and_is_read_as_srgb_is_said(number_type, is_said):
    message = "Pixel values are read as sRGB; --pipeline.model.response none takes them for linear light."
    response = SrgbResponseConfig().setup(capture=capture_of(1, 1, number_type=number_type))
    assert (message in " ".join(response.notes)) == is_said


@pytest.mark.parametrize(
    ("config", "capture", "encoded"),
    [
        (ResponseConfig(), BRACKET, lambda light: light),
        (SrgbResponseConfig(), BRACKET, encode_srgb),
    ],
)
def test_photographs_are_decoded_with_a_response_that_is_known(config, capture, encoded):
    table = config.setup(capture=capture).known_table(capture)
    light = torch.from_numpy(np.exp(table.log_exposure - table.log_exposure[-1])).float()
    torch.testing.assert_close(torch.from_numpy(table.ldr[:, 1]).float(), encoded(light), atol=2e-3, rtol=0)


def test_photographs_tell_a_response_that_is_learned():
    assert MonotoneCurveConfig().setup(capture=BRACKET).known_table(BRACKET) is None


def test_what_is_linear_already_has_no_dial():
    assert fixed(LinearResponse).dials() == ()
    assert [dial.setting for dial in fixed(SrgbResponse).dials()] == ["developed"]
