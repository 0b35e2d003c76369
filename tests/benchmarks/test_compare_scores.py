"""A picture's scores in the comparison, and that `ns-eval` reports the very same for a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.compare_contenders import Entry, NotInstalled, Subject, classical_contenders, installed, open_subject
from benchmarks.compare_scores import Judge, shown
from neucam_nerfstudio.models.evaluation_scores import score_image


@pytest.fixture(scope="module")
def judge(tiny_desk) -> Judge:
    return Judge(open_subject(tiny_desk, None))


@pytest.fixture(scope="module")
def noisy(judge: Judge) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, judge.radiance.shape)
    return (judge.radiance * np.exp(noise)).astype(np.float32)


@pytest.mark.parametrize("alignment", ["scale", "affine"])
def test_ns_eval_gives_the_same_numbers(judge, noisy, alignment):
    black = torch.zeros(noisy.shape)
    outputs = {"rgb": black, "hdr": torch.from_numpy(noisy), "all_in_focus": black, "all_in_focus_hdr": black}
    reported, _ = score_image(judge.subject.capture, alignment, outputs, {"image": black, "image_idx": 0})
    compared = judge.scores(Entry(noisy, True, alignment, None))
    for name in ("psnr_mu", "ssim_mu", "psnr_pu21"):
        assert reported[f"{name}_{alignment}"] == compared[f"{name}_{alignment}"]


def test_every_picture_is_scored_as_a_fusion_and_only_radiance_against_true_radiance(judge, noisy):
    fusion = {"mef_ssim", "q_abf", "tenengrad"}
    radiance = {"psnr_mu_scale", "ssim_mu_scale", "psnr_pu21_scale", "flip"}
    assert set(judge.scores(Entry(noisy, True, "scale", None))) == fusion | radiance
    assert set(judge.scores(Entry(shown(noisy), False, "scale", None))) == fusion


def test_radiance_of_any_white_balance_is_shown_as_the_truth_is(judge):
    entry = Entry((judge.radiance * [3, 0.5, 2]).astype(np.float32), True, "scale", None)
    np.testing.assert_allclose(judge.displayed(entry), shown(judge.radiance), atol=1e-5)


def test_the_photographs_tell_the_method_and_the_ways(judge):
    assert judge.subject.method == "neucam"
    assert list(classical_contenders(judge.subject)) == [
        "OpenCV (Debevec)",
        "OpenCV (Robertson)",
        "OpenCV (MTB, Mertens)",
        "Laplacian focus fusion",
    ]


def test_a_classical_way_runs_in_a_process_of_its_own(judge, tmp_path):
    entry = classical_contenders(judge.subject)["OpenCV (MTB, Mertens)"](tmp_path)
    assert entry.picture.shape == (60, 90, 3) and not entry.is_radiance
    assert entry.measurement.seconds > 0 and 0.02 < entry.measurement.peak_gigabytes < 0.5
    assert judge.scores(entry)["mef_ssim"] > 0.8


def test_of_something_that_moves_the_neighbours_of_the_reference_frame_are_merged(tiny_desk):
    subject: Subject = open_subject(tiny_desk, "neucam-hdr")
    assert len(subject.photographs.pixels) == 3 and subject.photographs.reference == 1


def test_a_program_that_is_not_there():
    with pytest.raises(NotInstalled, match="no-such-program"):
        installed("no-such-program")
