"""Held-out frames whose exposure nothing else tells: one number each from their own photographs, and said so."""

from __future__ import annotations

import cv2
import pytest
import torch

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.models import classical_start, moving_start
from neucam_nerfstudio.models.motion_losses import MotionTraining
from neucam_nerfstudio.models.published_start import warm_up


@pytest.fixture
def bracket_of(tiny_capture):
    """The middle focus setting's bracket under names that tell nothing, one frame held out: `bracket_of("IMG_0")`."""

    def load(held_out: str, **options) -> Capture:
        (tiny_capture / "exposure.txt").unlink(missing_ok=True)
        for path in tiny_capture.glob("F*.png"):
            if path.stem.startswith("F1E"):
                path.rename(tiny_capture / f"IMG_{path.stem[-1]}.png")
            else:
                path.unlink()
        return open_capture(tiny_capture, eval_frames=(held_out,), **options)[0]

    return load


def exposures_after_start(model, capture, start) -> tuple[list[float], str]:
    said = start.start_from_photographs(
        model.scene, model.camera, capture, PixelStore(capture).stack(capture.train_indices)
    )
    return model.camera.exposures.stops.tolist(), said


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_still_scene_tells_the_exposure_of_a_held_out_frame(build_model, bracket_of, index):
    """Desk's exposures are three stops apart."""
    capture = bracket_of(f"IMG_{index}")
    stops, said = exposures_after_start(build_model(capture), capture, classical_start)
    assert stops[1] - stops[0] == pytest.approx(3, abs=0.3) and stops[2] - stops[1] == pytest.approx(3, abs=0.3)
    message = "Exposures of held-out frames, of each one number from its own photograph:"
    assert f"{message} IMG_{index} {stops[index]:+.2f}." in said


def test_so_do_the_moments_of_a_moving_one(build_model, bracket_of):
    capture = bracket_of("IMG_0", frames="moments")
    model = build_model(capture, scene="moving-grid", blur="none")
    stops, said = exposures_after_start(model, capture, moving_start)
    assert stops[1] - stops[0] == pytest.approx(3, abs=0.5) and "held-out frames" in said


def test_nothing_but_the_one_number_comes_from_the_held_out_photograph(build_model, bracket_of):
    capture = bracket_of("IMG_0")
    models = [build_model(capture), build_model(capture)]
    exposures_after_start(models[0], capture, classical_start)
    path = str(capture.frames[0].path)
    cv2.imwrite(path, cv2.imread(path)[::-1] // 2)
    exposures_after_start(models[1], capture, classical_start)
    states = [model.state_dict() for model in models]
    differing = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
    assert differing == ["camera.exposures.start_stops"]


def test_exposures_that_are_known_or_trained_are_left_alone(build_model, tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F0E0", "F0E1"))[0]
    stops, said = exposures_after_start(build_model(capture), capture, classical_start)
    assert stops == [-3.0, 0.0, 3.0] and "held-out" not in said


@pytest.mark.parametrize("exposures", ["settings", "bounded"])
def test_without_a_classical_start_it_is_said_that_none_can_be_learned(build_model, bracket_of, exposures, capsys):
    capture = bracket_of("IMG_0")
    model = build_model(capture, start_from_classical=False, exposures=exposures)
    capsys.readouterr()
    warm_up(model.scene, model.camera, MotionTraining(), capture)
    assert "No training frame has the exposure of IMG_0: it cannot be learned" in capsys.readouterr().out
