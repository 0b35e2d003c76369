"""All scores of one picture: which of them it can have, and that each is what its own module says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.fusion_metrics import edge_preservation, grey, grey_rows, mef_ssim, tenengrad
from neucam_nerfstudio.evaluation.hdr_metrics import align_radiance, hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import flip, ldr_scores
from neucam_nerfstudio.evaluation.picture_scores import Yardstick, picture_scores, yardstick
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display

FUSION = {"mef_ssim", "q_abf", "tenengrad"}


@pytest.fixture(scope="module")
def capture(tiny_desk: Path) -> Capture:
    return open_capture(tiny_desk)[0]


@pytest.fixture(scope="module")
def desk_yardstick(capture: Capture) -> Yardstick:
    return yardstick(capture, PixelStore(capture))


@pytest.fixture(scope="module")
def noisy(desk_yardstick: Yardstick) -> np.ndarray:
    """The true radiance in another unit, with noise."""
    truth = desk_yardstick.radiance
    return (7 * truth * np.exp(np.random.default_rng(0).normal(0, 0.1, truth.shape))).astype(np.float32)


@pytest.mark.parametrize("alignment", ["scale", "affine"])
def test_radiance(desk_yardstick, noisy, alignment):
    shown, truth = grey(picture_for_display(noisy)), desk_yardstick.radiance
    aligned = align_radiance(noisy.astype(np.float64), truth.astype(np.float64), alignment)
    assert picture_scores(noisy, True, desk_yardstick, alignment) == {
        **hdr_scores(noisy, truth, alignment),
        "flip": flip(aligned, truth, "HDR"),
        "mef_ssim": mef_ssim(shown, desk_yardstick.photographs),
        "q_abf": edge_preservation(shown, desk_yardstick.photographs),
        "tenengrad": tenengrad(shown),
    }


def test_photograph(desk_yardstick, noisy):
    picture, sharp = picture_for_display(noisy), picture_for_display(desk_yardstick.radiance)
    scores = picture_scores(picture, False, dataclasses.replace(desk_yardstick, sharp=sharp), "scale")
    against_sharp = ldr_scores(picture, sharp)
    assert set(scores) == FUSION | {"psnr_sharp", "ssim_sharp", "flip"}
    assert (scores["psnr_sharp"], scores["ssim_sharp"]) == (against_sharp["psnr"], against_sharp["ssim"])
    assert scores["flip"] == flip(picture, sharp)
    assert scores["mef_ssim"] == mef_ssim(grey(picture), desk_yardstick.photographs)


@pytest.mark.parametrize(("is_radiance", "lacking"), [(True, "radiance"), (False, "sharp")])
def test_without_its_ground_truth_a_picture_is_scored_as_a_fusion(desk_yardstick, noisy, is_radiance, lacking):
    blind = dataclasses.replace(desk_yardstick, sharp=noisy.clip(0, 1))
    picture = noisy if is_radiance else picture_for_display(noisy)
    assert set(picture_scores(picture, is_radiance, dataclasses.replace(blind, **{lacking: None}), "scale")) == FUSION


def test_a_picture_too_small_for_three_scales_has_no_mef_ssim(desk_yardstick, noisy):
    small = Yardstick(None, None, tuple(photograph[:43] for photograph in desk_yardstick.photographs))
    assert set(picture_scores(noisy[:43], True, small, "scale")) == {"q_abf", "tenengrad"}


def test_a_still_scene_is_measured_against_all_its_training_frames(capture, desk_yardstick):
    assert len(desk_yardstick.photographs) == 9 and desk_yardstick.sharp is None
    np.testing.assert_allclose(
        grey_rows(desk_yardstick.photographs[4], np.s_[:]), grey(PixelStore(capture).whole(4) / 255)
    )


def test_of_something_that_moves_the_reference_frame_and_its_truth_count(tiny_capture):
    (tiny_capture / "gt/all_in_focus_hdr.exr").unlink()
    for index in range(9):
        cv2.imwrite(str(tiny_capture / f"gt/sharp_{index}.png"), np.full((60, 90, 3), 20 * index, np.uint8))
    moving = open_capture(tiny_capture, frames="moments", train_frames=("F1*", "F2*"), reference="F1E2")[0]
    found = yardstick(moving, PixelStore(moving))
    (photograph,) = found.photographs
    np.testing.assert_allclose(
        grey_rows(photograph, np.s_[:]), grey(PixelStore(moving).whole(moving.reference_index) / 255)
    )
    assert found.radiance is None and np.unique(found.sharp) == pytest.approx(100 / 255)


def test_16_bit_photographs_are_measured_in_their_own_depth(tiny_capture):
    for path in tiny_capture.glob("F*E*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * 256 + 100)
    capture = open_capture(tiny_capture)[0]
    pixels = PixelStore(capture)
    photograph = yardstick(capture, pixels).photographs[0]
    np.testing.assert_allclose(grey_rows(photograph, np.s_[:]), grey(pixels.whole(0) / 65535))


def test_many_photographs_are_not_held_as_grey_pictures(capture, desk_yardstick):
    for photograph, pixels in zip(
        desk_yardstick.photographs, PixelStore(capture).stack(capture.train_indices), strict=True
    ):
        assert photograph.dtype == np.uint8
        np.testing.assert_array_equal(grey_rows(photograph, np.s_[10:20]), grey(pixels[10:20] / 255))
