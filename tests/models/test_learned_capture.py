"""What is learned of a capture: parts that fit it, all started from what classical methods see in the photographs."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import WarmStart
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Start
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import SirenSceneConfig
from neucam_nerfstudio.rendering.view import front_view
from neucam_nerfstudio.scene.grid_scene import GridSceneConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces, Rays

from ..learned import capture_of, learn, load_capture, photographs_of, start

HEIGHT, WIDTH = 60, 90
MOVING_PARTS = {"scene": MovingGridSceneConfig(), "blur": BlurConfig()}


def estimate(**parts: object) -> WarmStart:
    """An estimate that is told apart from any untrained start."""
    knots = np.linspace(-6, 4, 60, dtype=np.float32)
    curve = 1 / (1 + np.exp(-knots))
    found = WarmStart(
        log_radiance=np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32),
        response=ResponseTable(knots, np.stack([curve] * 3, -1)),
        exposure_stops=np.tile(np.float32([-2.0, 0.0, 2.5]), 3),
        sharpest_focus=np.tile(np.linspace(0, 2, WIDTH, dtype=np.float32), (HEIGHT, 1)),
        squared_slope=np.full((HEIGHT, WIDTH), 0.25, np.float32),
        blur_per_setting_px=1.5,
    )
    return dataclasses.replace(found, **parts)


def started(capture: Capture, found: WarmStart | None = None, **parts: object) -> tuple[LearnedCapture, str]:
    """All parts, started from an estimate, and what they said."""
    learned = learn(capture, **parts)
    known = Start(capture, photographs_of(capture), found or estimate(), light_of=lambda index: estimate().log_radiance)
    return learned, " ".join(said for part in learned.parts() if (said := part.start(known)) is not None)


def radii_px(learned: LearnedCapture, uv: torch.Tensor, focus_position: float = 0.0) -> torch.Tensor:
    return learned.camera.blur.signed_radius_px(uv, torch.full((len(uv), 1), focus_position))


def test_lens_and_defocus_learn_where_detail_tells_the_focus(desk):
    told = np.zeros((HEIGHT, WIDTH), np.float32)
    told[:, WIDTH // 2 :] = 1
    learned, _ = started(desk, estimate(focus_evidence=told))
    blur, slopes = learned.camera.blur.train(), []
    for u in (0.25, 0.75):
        places = PlanePlaces(torch.tensor([[u, 0.5]]), torch.zeros(1, 1))
        taps = blur(places, CameraSettings(focus_position=torch.full((1, 1), -0.3)))
        blur.zero_grad()
        taps.places.uv.square().sum().backward()
        slopes.append(float(blur.log_radius_px.grad.abs() + blur.defocus.grids[0].grad.abs().sum()))
    assert slopes[0] == 0 and slopes[1] > 0


def test_scene_and_response_start_as_estimated(desk):
    learned, _ = started(desk)
    places = PlanePlaces(torch.tensor([[10.5 / WIDTH, 7.5 / HEIGHT]]), torch.zeros(1, 1))
    expected = torch.from_numpy(estimate().log_radiance[7, 10])
    torch.testing.assert_close(learned.scene.log_radiance(places)[0], expected, atol=1e-4, rtol=1e-4)
    grey = learned.camera.response(torch.tensor([[0.0, math.log(3.0), -math.log(3.0)]]))
    torch.testing.assert_close(grey, torch.tensor([[0.5, 0.75, 0.25]]), atol=0.03, rtol=0)


def test_lens_starts_with_the_defocus_and_the_blur_that_were_seen(desk):
    learned, said = started(desk)
    sides = torch.tensor([[0.5 / WIDTH, 0.5], [1 - 0.5 / WIDTH, 0.5]])
    # One setting out of focus the disc's radius is twice the blur's standard deviation.
    torch.testing.assert_close(radii_px(learned, sides), torch.tensor([[-3.0], [3.0]]), atol=1e-4, rtol=0)
    assert said == "Blur 3.0 px in radius one focus setting out of focus."


def test_defocus_spans_the_trained_focus_positions(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F0*", "F2*"))
    focus = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    learned, _ = started(capture, estimate(sharpest_focus=focus))
    defocus = learned.camera.blur.defocus.image()
    assert (defocus.min().item(), defocus.max().item()) == (-1.0, 1.0)


def test_one_focus_setting_leaves_the_lens_as_it_is(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F1*",))
    before = learn(capture).camera.blur.state_dict()
    learned, _ = started(capture, estimate(blur_per_setting_px=0.0))
    assert all(torch.equal(value, before[name]) for name, value in learned.camera.blur.state_dict().items())


def test_one_focus_setting_of_several_starts_sharp_where_it_is_focused(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F0*",), eval_frames=("F2*",))
    learned, _ = started(capture, estimate(blur_per_setting_px=0.0))
    assert learned.camera.focus.positions[0] == -1.0
    assert radii_px(learned, torch.rand(5, 2), -1.0).abs().max() < 1e-6


def test_known_exposures_are_not_touched(desk):
    assert started(desk)[0].camera.exposures.stops.tolist() == [-3.0, 0.0, 3.0]


def test_unknown_exposures_start_as_estimated_and_are_said(tiny_capture):
    (tiny_capture / "exposure.txt").unlink()
    learned, said = started(load_capture(tiny_capture))
    assert learned.camera.exposures.stops.tolist() == [-2.0, 0.0, 2.5]
    assert "Exposures in stops: F0E0 -2.00, F0E1 +0.00, F0E2 +2.50, F1E0 -2.00" in said


def test_exposure_of_the_reference_frame_holds_the_scale(desk):
    reference = next(i for i, frame in enumerate(desk.frames) if frame.exposure_index == 2)
    learned = dataclasses.replace(desk.exposures, mode="learn")
    exposures = learn(dataclasses.replace(desk, reference_index=reference, exposures=learned)).camera.exposures
    with torch.no_grad():
        exposures.learned_stops.add_(torch.tensor([1.0, 2.0, 3.0]))
    assert exposures.stops[2] == 3.0


@pytest.mark.parametrize(
    "parts",
    [
        {"scene": SirenSceneConfig(atlas_width=16)},
        {"blur": NeuralKernelConfig()},
        {"blur": BlurConfig()},
        {"response": ResponseConfig()},
        {"exposures": BoundedExposuresConfig()},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_parts_that_cannot_take_an_estimate_keep_their_own_start(desk, parts):
    learned, _ = started(desk, **parts)
    assert all(parameter.isfinite().all() for parameter in learned.parameters())


def test_a_large_picture_starts_with_all_its_detail_and_only_its_camera_is_learned(desk):
    quarter = {"most_learned_cells": HEIGHT * WIDTH // 4}
    whole, _ = started(desk)
    coarse, said = started(desk, scene=GridSceneConfig(**quarter), blur=LensBlurConfig(**quarter))
    torch.testing.assert_close(coarse.scene.field.picture(), whole.scene.field.picture())
    torch.testing.assert_close(coarse.camera.blur.defocus.image(), whole.camera.blur.defocus.image())
    assert whole.parameter_groups()["scene"] and "scene" not in coarse.parameter_groups()  # passes make the picture
    for part in ("scene", "blur"):
        assert f"--pipeline.model.{part}.most-learned-cells {HEIGHT * WIDTH} " in said


def test_photographs_tell_where_all_parts_start(desk):
    """What is merged and fused explains the photographs before any training."""
    learned = learn(desk)
    assert "px in radius one focus setting out of focus" in start(learned)
    settings = learned.camera.settings_of_frame(4)
    rgb = learned.eval().renderer.render(front_view(learned.scene.plane, "cpu"), settings, ("rgb",))["rgb"]
    error = rgb.numpy() - photographs_of(desk)(4) / 255
    assert -10 * math.log10((error**2).mean()) > 30


def test_a_known_response_decodes_the_photographs(desk):
    """The estimate's response is then the sensor's own: pixel values are light."""
    learned = learn(desk, response=ResponseConfig())
    known = Start(desk, photographs_of(desk))
    found = learned.scene.estimate(known, learned.camera.response.known_table(desk)).estimate
    light = np.exp(found.response.log_exposure - found.response.log_exposure[-1])
    np.testing.assert_allclose(found.response.ldr[:, 0], light, atol=5e-3)


def test_a_shutter_tells_the_scene_that_motion_blurs(desk_with_frames):
    seen = []
    learned = learn(desk_with_frames(3), MovingGridSceneConfig(), MotionBlurConfig(), response=SrgbResponseConfig())
    learned.scene.estimate = lambda known, response: (seen.append(known), known)[1]
    start(learned)
    assert seen[0].shutter_open_share == 1.0
    sharp = learn(desk_with_frames(3), **MOVING_PARTS)
    sharp.scene.estimate = learned.scene.estimate
    start(sharp)
    assert seen[1].shutter_open_share is None


def test_longest_exposure_is_that_of_the_training_frames(tiny_desk):
    learned = learn(load_capture(tiny_desk, train_frames=("*E0",)), scene=SirenSceneConfig(atlas_width=16))
    start(learned)
    assert learned.camera.response.log_white.item() == pytest.approx(math.log(2) * (-3 + 2))


def rays_of(num_rays: int, learned: LearnedCapture) -> Rays:
    plane = learned.scene.plane
    directions = plane.pixel_directions(torch.rand(num_rays, 2))
    return Rays(plane.camera_to_world[:, 3].expand_as(directions), directions, torch.zeros(num_rays, 1))


def photographed(learned: LearnedCapture, exposures: list[int]):
    settings = torch.tensor([[1]] * 4), torch.tensor([exposures] * 4)
    return learned.photograph_rays(rays_of(4, learned), *settings, torch.zeros(4, dtype=torch.long), step=7)


@pytest.mark.parametrize("exposures", [[0], [0, 1, 2]])
def test_rays_of_frames_are_developed_at_every_exposure(desk, exposures):
    ldr, went = photographed(learn(desk).train(), exposures)
    assert ldr.shape == (4, len(exposures), 3) and (ldr.diff(dim=1) > 0).all()
    assert went.places.uv.shape == (4, 2) and went.step == 7 and went.frame_index.tolist() == [0] * 4


def test_blur_radii_of_rays_are_computed_when_a_loss_asks_and_pass_no_gradient(desk):
    learned = learn(desk).train()
    _, went = photographed(learned, [0])
    asked = []
    blur = learned.camera.blur
    blur.radius_px = lambda places, taps: (asked.append(1), type(blur).radius_px(blur, places, taps))[1]
    assert asked == []
    assert went.blur_radius_px.shape == (4, 1) and not went.blur_radius_px.requires_grad and asked == [1]
    _, sharp = photographed(learn(desk, blur=BlurConfig()).train(), [0])
    assert sharp.blur_radius_px is None


def test_losses_and_numbers_are_those_of_all_parts(desk):
    learning = dataclasses.replace(desk, exposures=dataclasses.replace(desk.exposures, mode="refine"))
    learned = learn(learning).train()
    _, went = photographed(learned, [0])
    losses = learned.losses(went)
    assert set(losses) == {"exposure_prior", "defocus_variation", "scene_variation", "start"}
    sum(losses.values()).backward()
    assert set(learned.metrics()) == {"blur_radius_px"}


def test_published_parts_have_losses_of_their_own(desk):
    learned = learn(desk, blur=NeuralKernelConfig(), exposures=BoundedExposuresConfig(), response=NeuralCurveConfig())
    _, went = photographed(learned.train(), [0])
    assert set(learned.losses(went)) == {"scene_variation", "start", "unit_exposure", "falling_response"}


@pytest.mark.parametrize(
    ("capture_options", "parts", "groups"),
    [
        pytest.param({}, {}, {"scene", "blur", "focus", "response"}, id="known exposures are fixed"),
        pytest.param({"exposures": "learn"}, {}, {"scene", "blur", "focus", "exposures", "response"}, id="learned"),
        pytest.param({"focus": "fix"}, {}, {"scene", "blur", "response"}, id="focus is fixed"),
        pytest.param({}, {"blur": BlurConfig()}, {"scene", "response"}, id="no blur, so no focus"),
        pytest.param({}, {"response": ResponseConfig()}, {"scene", "blur", "focus"}, id="no response"),
        pytest.param({}, {"response": SrgbResponseConfig()}, {"scene", "blur", "focus"}, id="response stays"),
        pytest.param(
            {"train_frames": ("*E1",)}, {}, {"scene", "blur", "focus"}, id="one exposure tells nothing of the response"
        ),
    ],
)
def test_what_is_learned(tiny_desk, capture_options, parts, groups):
    assert set(learn(load_capture(tiny_desk, **capture_options), **parts).parameter_groups()) == groups


def test_choices_of_parts_are_told(desk, tiny_desk):
    assert learn(desk).notes() == []
    (note,) = learn(load_capture(tiny_desk, train_frames=("*E1",))).notes()
    assert "All frames have one exposure, which tells no response" in note


def test_exposing_brightens_what_is_tone_mapped_by_the_stops_from_the_frame_s_own(desk):
    learned = learn(desk)
    exposed = learned.exposed_at(CameraSettings(frame=8), 4.0)
    assert exposed.exposure_stops == 4.0 and exposed.display.exposure_stops == 1.0
    assert learned.exposed_at(CameraSettings(), 4.0).display.exposure_stops == 4.0


def test_a_checkpoint_brings_back_pictures_and_settings(desk):
    trained, loaded = (learn(desk, exposures=BoundedExposuresConfig()).eval() for _ in range(2))
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    loaded.load_state_dict(trained.state_dict())
    assert loaded.camera.settings_of_frame(5) == trained.camera.settings_of_frame(5)
    view, names = front_view(trained.scene.plane, "cpu"), trained.renderer.output_names()
    pictures = [one.renderer.render(view, one.camera.settings_of_frame(5), names) for one in (trained, loaded)]
    assert all(torch.equal(pictures[0][name], pictures[1][name]) for name in names)


def test_configurations_are_copied_whole():
    config = LensBlurConfig(variation_mult=7.0)
    assert copy.deepcopy(config) == config and copy.deepcopy(config) is not config


@pytest.mark.parametrize(
    ("size", "scene", "expected"),
    [((20, 30), GridSceneConfig(), 1), ((500, 500), GridSceneConfig(), 2), ((20, 30), SirenSceneConfig(), 2)],
)
def test_short_steps_on_small_pictures_are_made_by_one_thread(size, scene, expected):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt), learn(capture_of(*size), scene=scene).threads_of_steps():
            assert torch.get_num_threads() == expected
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
