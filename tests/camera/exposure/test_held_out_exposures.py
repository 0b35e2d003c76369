"""Held-out frames whose exposure nothing else tells: one number each from their own photographs, and said so."""

from __future__ import annotations

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.scene import SirenSceneConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig

from ...learned import learn, load_capture, photographs_of, start


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
        return load_capture(tiny_capture, eval_frames=(held_out,), **options)

    return load


def exposures_after_start(learned) -> tuple[list[float], str]:
    said = start(learned)
    return learned.camera.exposures.stops.tolist(), said


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_still_scene_tells_the_exposure_of_a_held_out_frame(bracket_of, index):
    """Desk's exposures are three stops apart."""
    capture = bracket_of(f"IMG_{index}")
    stops, said = exposures_after_start(learn(capture))
    assert stops[1] - stops[0] == pytest.approx(3, abs=0.3) and stops[2] - stops[1] == pytest.approx(3, abs=0.3)
    message = "Exposures of held-out frames, of each one number from its own photograph:"
    assert f"{message} IMG_{index} {stops[index]:+.2f}." in said


def test_so_do_the_moments_of_a_moving_one(bracket_of):
    capture = bracket_of("IMG_0", frames="moments")
    stops, said = exposures_after_start(learn(capture, MovingGridSceneConfig(), BlurConfig()))
    assert stops[1] - stops[0] == pytest.approx(3, abs=0.5) and "held-out frames" in said


@pytest.mark.slow
def test_nothing_but_the_one_number_comes_from_the_held_out_photograph(bracket_of):
    capture = bracket_of("IMG_0")
    (held_out,) = capture.eval_indices
    states = []
    for spoilt in (False, True):
        learned = learn(capture)
        read = photographs_of(capture)
        learned.start(lambda i, read=read, spoilt=spoilt: read(i)[::-1] // 2 if spoilt and i == held_out else read(i))
        states.append(learned.state_dict())
    differing = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
    assert differing == ["camera.exposures.start_stops"]


def test_exposures_that_are_known_or_trained_are_left_alone(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F0E0", "F0E1"))
    stops, said = exposures_after_start(learn(capture))
    assert stops == [-3.0, 0.0, 3.0] and "held-out" not in said


@pytest.mark.parametrize("parts", [{"scene": SirenSceneConfig()}, {"exposures": BoundedExposuresConfig()}])
def test_what_no_estimate_tells_or_starts_is_said_to_stay(bracket_of, parts):
    said = start(learn(bracket_of("IMG_0"), **parts))
    assert "No training frame has the exposure of IMG_0: it cannot be learned" in said
