"""`neucam_nerfstudio.train`: scene and camera learned in one call, and pictures taken with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neucam_nerfstudio import NeucamError, fuse, train
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.learning import LearnedPhotographs
from neucam_nerfstudio.scripts.fuse import Fuse

STOPS = [-3.0, 0.0, 3.0] * 3
FOCUS = [0, 0, 0, 1, 1, 1, 2, 2, 2]


def few_steps(photographs: object, **options: object) -> LearnedPhotographs:
    return train(photographs, num_steps=10, device="cpu", **options)


@pytest.fixture(scope="module")
def arrays(tiny_desk):
    return [read_photograph(path) for path in sorted(tiny_desk.glob("F*E*.png"))]


@pytest.fixture(scope="module")
def learned(tiny_desk):
    return few_steps(tiny_desk)


def test_the_result_is_that_of_fuse_and_a_camera_besides(learned, tiny_desk):
    fused = fuse(tiny_desk)
    assert learned.radiance.shape == fused.radiance.shape and learned.radiance.dtype == np.float32
    assert learned.exposures.tolist() == STOPS and learned.reference == fused.reference == 4
    assert np.corrcoef(learned.defocus.ravel(), fused.defocus.ravel())[0, 1] > 0.9
    light = np.log(learned.radiance) - np.log(fused.radiance)
    assert np.std(light) < 0.3  # ten steps do not go far from the start
    developed = learned.response.develop(np.log(learned.radiance))
    np.testing.assert_allclose(developed, learned.photograph(aperture=0.0, exposure_stops=0.0), atol=5e-3)


def test_photographing_again_gives_the_photographs(learned, arrays):
    for focus, stops, photograph in zip(FOCUS, STOPS, arrays, strict=True):
        again = learned.photograph(focus=focus, exposure_stops=stops)
        assert np.abs(again - photograph / 255).mean() < 0.03
    np.testing.assert_array_equal(learned.photograph(), learned.photograph(focus=1.0, exposure_stops=0.0))
    between, beyond = learned.photograph(focus=0.5), learned.photograph(focus=2.5)
    assert np.abs(between - beyond).mean() > 1e-3


def test_a_folder_and_arrays_with_their_settings_are_learned_alike(learned, arrays):
    given = few_steps(arrays, exposure_stops=STOPS, focus=FOCUS)
    np.testing.assert_allclose(given.radiance, learned.radiance, rtol=1e-5)
    np.testing.assert_allclose(given.defocus, learned.defocus, atol=1e-5)


def test_other_random_numbers_are_left_as_they_were(arrays):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    shares: list[float] = []
    few_steps(arrays[:3], exposure_stops=STOPS[:3], report=shares.append)
    assert torch.equal(torch.rand(3), expected)
    assert shares == pytest.approx([(step + 1) / 10 for step in range(10)])


def test_no_step_gives_the_start(tiny_desk):
    start = train(tiny_desk, num_steps=0, device="cpu")
    truth = read_radiance(tiny_desk / "gt" / "all_in_focus_hdr.exr")
    scores = [hdr_scores(result.radiance, truth)["psnr_mu_scale"] for result in (start, fuse(tiny_desk))]
    assert scores[0] == pytest.approx(scores[1], abs=0.5)


def test_moments_are_learned_as_one_scene_that_moves(arrays):
    moments = [np.roll(arrays[index], 2 * index, axis=1) for index in range(3)]
    result = few_steps(moments, method="neucam-hdr", exposure_stops=STOPS[:3])
    assert result.defocus is None and result.reference == 1 and result.capture.moves
    assert np.abs(result.photograph() - moments[1] / 255).mean() < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "neucam-nerf"}, "method: found 'neucam-nerf', expected one of neucam, neucam-multifocus"),
        ({"num_steps": -1}, "num_steps: found -1, expected 0 or more"),
        ({"method": "neucam-hdr", "exposure_stops": [0.0] * 9}, "all 9 training frames have one exposure"),
    ],
)
def test_what_cannot_be_learned(arrays, options, message):
    with pytest.raises(NeucamError, match=message):
        train(arrays, **options)


@pytest.mark.slow
def test_training_is_better_than_its_start(desk_crop):
    truth = read_radiance(desk_crop / "gt" / "all_in_focus_hdr.exr")
    start, learned = (train(desk_crop, num_steps=steps, device="cpu") for steps in (0, 80))
    scores = [hdr_scores(result.radiance, truth)["psnr_mu_scale"] for result in (start, learned)]
    assert scores[1] > scores[0] + 0.4  # measured: 0.7 dB after 70 steps


def test_the_command_writes_what_is_learned(tiny_desk, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("neucam_nerfstudio.learning.train", few_steps)
    Fuse(tiny_desk, tmp_path, learn=True, precision="float").main()
    learned = few_steps(tiny_desk)
    np.testing.assert_allclose(read_radiance(tmp_path / "hdr.exr"), learned.radiance, rtol=1e-5)
    said = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(note.split()) in said for note in learned.notes)
