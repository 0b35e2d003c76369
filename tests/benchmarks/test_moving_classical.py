import numpy as np
import pytest

from benchmarks import moving_classical as classical
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores

SECONDS = np.float32([0.25, 4, 0.25, 4])

LINEAR = np.repeat(np.arange(1, 257, dtype=np.float32)[:, None, None], 3, axis=2) / 128
"""A response of a camera without one: exposure grows with the pixel value."""


def psnr_mu(radiance: np.ndarray, truth: np.ndarray) -> float:
    return hdr_scores(radiance, truth)["psnr_mu_scale"]


def test_sixteen_bits_become_eight():
    assert classical.eight_bit(np.uint16([0, 128, 129, 257, 65535])).tolist() == [0, 0, 1, 1, 255]
    assert classical.eight_bit(np.uint8([7])).tolist() == [7]


def test_floats_become_eight_bits():
    eight = classical.eight_bit(np.float32([0, 0.2, 0.5019, 0.9, 1]))
    assert eight.dtype == np.uint8 and eight.tolist() == [0, 51, 128, 230, 255]


@pytest.mark.parametrize(("gain", "value"), [(1, 59), (2, 119), (0.5, 29), (100, 255)])
def test_another_exposure_by_hand(gain, value):
    frame = np.full((2, 2, 3), 59, np.uint8)  # exposure 60 / 128
    assert (classical.reexposed(frame, gain, LINEAR) == value).all()


def test_a_response_that_falls_somewhere_still_develops_in_order():
    response = LINEAR.copy()
    response[100:110] = response[100:110][::-1]
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert (np.diff(classical.reexposed(ramp, 1.5, response)[0, :, 0].astype(int)) >= 0).all()


def test_flow_brings_a_differently_exposed_frame_to_the_reference(pan_photographs, pan_radiance):
    response = classical.first_response(pan_photographs, SECONDS)
    reference, aligned = classical.align_by_flow(pan_photographs[:2], SECONDS[:2], 0, response)
    assert reference is not aligned and (reference == pan_photographs[0]).all()
    inner = np.s_[8:-8, 8:-8]
    as_seen_from_the_first = pan_photographs[1][:, :-3].astype(int)
    misaligned = np.abs(pan_photographs[1].astype(int)[:, 3:] - as_seen_from_the_first)[inner].mean()
    assert np.abs(aligned.astype(int)[:, 3:] - as_seen_from_the_first)[inner].mean() < 0.2 * misaligned


def test_each_alignment_has_its_place(pan_photographs, pan_radiance):
    frames, seconds, truth = pan_photographs[:3], SECONDS[:3], pan_radiance[1]
    psnr = {name: psnr_mu(*way(), truth) for name, way in classical.bracket_ways(frames, seconds, 1).items()}
    unaligned, _, flowed = psnr.values()
    assert flowed > unaligned + 5


def test_a_video_gives_every_frame(pan_photographs, pan_radiance):
    for way in classical.video_ways(pan_photographs, SECONDS).values():
        frames = way()
        assert len(frames) == 4
        assert min(psnr_mu(frame, truth) for frame, truth in zip(frames, pan_radiance, strict=True)) > 22


def test_a_frame_alone_is_its_inverse_response():
    frame = np.random.default_rng(0).integers(20, 230, (1, 8, 8, 3), dtype=np.uint8)
    (radiance,) = classical.frames_alone(frame, np.float32([0.5]), LINEAR)
    np.testing.assert_allclose(radiance, (frame[0] + 1.0) / 128 / 0.5, rtol=1e-4)
