"""A video with a car that passes: where motion does not explain a frame, every picture shows it as it was filmed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.response.response import SrgbResponseConfig
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig

from ..learned import capture_of, learn, moving_capture_of, photographs_of, start

HEIGHT, WIDTH, FRAMES = 48, 80, 4
CAR = slice(20, 40)


def street() -> list[np.ndarray]:
    """A still street; a bright car crosses it by its own length from frame to frame, and it is what blurs."""
    noise = np.random.default_rng(1).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
    still = np.clip(0.35 + 0.5 * cv2.GaussianBlur(noise, (0, 0), 1.5), 0.05, 0.7)
    frames = []
    for index in range(FRAMES):
        frame = still.copy()
        left = 2 + 20 * index
        frame[CAR, left : left + 16] = (0.9, 0.6 - 0.1 * index, 0.2)
        frames.append(np.rint(255 * frame).astype(np.uint8))
    return frames


@pytest.fixture(scope="module")
def deblurred() -> tuple[LearnedCapture, list[np.ndarray]]:
    frames = street()
    times = tuple(index / (FRAMES - 1) for index in range(FRAMES))
    capture = moving_capture_of(HEIGHT, WIDTH, times)
    capture = replace(
        capture,
        frames=tuple(replace(frame, exposure_index=0) for frame in capture.frames),
        exposures=ExposureSettings((0.0,), "exposure.txt", "fix"),
    )
    learned = learn(capture, MovingGridSceneConfig(), MotionBlurConfig(), response=SrgbResponseConfig())
    learned.start(frames.__getitem__)
    return learned.eval(), frames


def psnr(learned: LearnedCapture, frames: list[np.ndarray], output: str) -> list[float]:
    """Of each frame's picture against the photograph."""
    scores = []
    for index, frame in enumerate(frames):
        picture = learned.renderer.render(learned.view, learned.camera.settings_of_frame(index), (output,))[output]
        scores.append(float(-10 * torch.log10((picture - torch.from_numpy(frame) / 255).square().mean())))
    return scores


def test_every_picture_is_the_frame_as_filmed_where_nothing_explains_it(deblurred):
    learned, frames = deblurred
    before = psnr(learned, frames, "all_in_focus")
    said = learned.keep_as_filmed(frames.__getitem__)
    assert min(before) < 26
    assert min(psnr(learned, frames, "all_in_focus")) > 34
    assert min(psnr(learned, frames, "rgb")) > 34
    assert said is not None and "as it was filmed" in said


def test_pictures_change_together_with_what_is_shown_as_filmed(deblurred):
    """The display's grey and white are found anew, though no light of the scene has changed."""
    learned, frames = deblurred
    settings = learned.camera.settings_of_frame(learned.capture.reference_index)
    learned.keep_as_filmed(frames.__getitem__)
    hdr = learned.renderer.render(learned.view, settings, ("hdr",))["hdr"]
    before = learned.renderer.anchors().key
    learned.planar_scene.show_as_filmed(learned.capture.reference_index, torch.zeros(HEIGHT, WIDTH))
    after = learned.renderer.anchors().key
    assert float(before) != float(after)
    assert not torch.equal(hdr, learned.renderer.render(learned.view, settings, ("hdr",))["hdr"])


def test_a_still_scene_keeps_no_frames():
    learned = learn(capture_of(8, 8, stops=(-1.0, 1.0)))
    start(learned)
    assert learned.keep_as_filmed(photographs_of(learned.capture)) is None
    assert "as_filmed" not in learned.renderer.output_names()
