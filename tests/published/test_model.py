"""The published training: its photographic error, the reference frame that counts more, and the time it is shown at."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import TrainingRays
from neucam_nerfstudio.published import model as module
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModel, PublishedModelConfig, draw_mu, mu_law
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig
from neucam_nerfstudio.rendering.view import front_view

from ..learned import load_capture, moving_capture_of
from ..nerfstudio_models import (
    camera_of_frame,
    camera_without_settings,
    model_of,
    rays_of_frames,
    run_before_step,
)

TINY = NetworkSizes(layer_width=8)
KERNEL = NeuralKernelConfig(layer_width=8)
MOVING = moving_capture_of(60, 90, (0.0, 0.5, 1.0))
ALWAYS = {"all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused", "accumulation", "depth"}
NO_RAYS = torch.zeros(1, dtype=torch.long)


def deformed(**options: object) -> DeformedSirenConfig:
    return DeformedSirenConfig(atlas_width=8, deformation=TINY, **options)


def layered(**options: object) -> LayeredSirenConfig:
    sizes = dict.fromkeys(("deformation", "foreground_deformation", "opacity"), TINY)
    return LayeredSirenConfig(atlas_width=8, **sizes, **options)


def published(scene=None, capture=MOVING, blur=None, **config: object) -> PublishedModel:
    parts = {"exposures": BoundedExposuresConfig(), "response": NeuralCurveConfig(layer_width=8)}
    return model_of(
        capture, PublishedModelConfig(scene=scene or deformed(), blur=blur or BlurConfig(), **parts, **config)
    )


def error_of(model: PublishedModel, ldr: torch.Tensor, photographed: torch.Tensor) -> torch.Tensor:
    return model.photographic_error(ldr, photographed, NO_RAYS)


def test_mu_law_keeps_black_and_white_and_lifts_the_shadows():
    ldr = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(mu_law(ldr, torch.tensor(8.0)), torch.tensor([0.0, math.log(3) / math.log(9), 1.0]))


def test_mu_is_drawn_from_1_to_101():
    torch.manual_seed(0)
    draws = torch.stack([draw_mu() for _ in range(2000)])
    assert 1.0 <= draws.min() < 2.0 and 100.0 < draws.max() <= 101.0
    assert draws.mean().item() == pytest.approx(51.0, abs=2.5)


def test_error_counts_from_minus_one_to_one():
    error = error_of(published(), torch.tensor([[0.5, 0.25, 1.0]]), torch.tensor([[0.5, 0.5, 0.0]]))
    torch.testing.assert_close(error, torch.tensor([[0.0, 0.25, 4.0]]))


def test_random_mu_law_adds_to_both_sides(monkeypatch):
    monkeypatch.setattr(module, "draw_mu", lambda device: torch.tensor(8.0))
    error = error_of(published(random_mu_law=True), torch.full((1, 3), 0.25), torch.ones(1, 3))
    # In [-1, 1]: rendered -0.5 + its mu-law image 0, photographed 1 + 1 (mu 8 takes 0.25 to 0.5).
    torch.testing.assert_close(error, torch.full((1, 3), (-0.5 + 2 * math.log(3) / math.log(9) - 1 - 2) ** 2))


def test_random_mu_law_weighs_shadows_more(monkeypatch):
    monkeypatch.setattr(module, "draw_mu", lambda device: torch.tensor(50.0))
    model = published(random_mu_law=True)
    shadows, highlights = (torch.full((1, 3), ldr) for ldr in (0.05, 0.8))
    of_one_level = [error_of(model, ldr + 1 / 255, ldr).mean() for ldr in (shadows, highlights)]
    assert of_one_level[0] > 10 * of_one_level[1]


@pytest.mark.parametrize("exposures", [(), (4,)], ids=["an exposure a ray", "several exposures a ray"])
@pytest.mark.parametrize(
    ("emphasis", "step", "counts"),
    [
        pytest.param({"other_frames_mult": 0.2, "reference_first_step": 100}, 99, [1.0, 1.0, 1.0], id="before"),
        pytest.param({"other_frames_mult": 0.2, "reference_first_step": 100}, 100, [0.2, 1.0, 0.2], id="from then on"),
        pytest.param({"other_frames_mult": 1.0}, 100, [1.0, 1.0, 1.0], id="all count alike"),
    ],
)
def test_reference_frame_counts_more_from_a_step_on(emphasis, step, counts, exposures):
    model = published(**emphasis).train()
    run_before_step(model, step)
    ldr = torch.full((3, *exposures, 3), 0.75)
    error = model.photographic_error(ldr, ldr - 0.25, torch.arange(3))
    assert error.reshape(3, -1)[:, 0].tolist() == pytest.approx([0.25 * count for count in counts])
    assert (error.reshape(3, -1).diff(dim=1) == 0).all()
    assert (model.eval().photographic_error(ldr, ldr - 0.25, torch.arange(3)) == 0.25).all()


def test_all_pixel_values_count_as_they_are():
    model, ones = published(), torch.ones(1, 3)
    rays = TrainingRays(None, NO_RAYS, step=0)
    losses = model.eval().get_loss_dict({"rgb": ones - 0.03, "rays": rays}, {"image": ones})
    assert losses["photographs"].item() == pytest.approx(4 * 0.03**2, rel=1e-5)


@pytest.mark.parametrize(
    ("scene", "blur", "added"),
    [
        (deformed(), None, {"motion"}),
        (layered(), None, {"opacity", "background", "foreground", "motion"}),
        (layered(), KERNEL, {"opacity", "background", "foreground", "motion", "defocus"}),
    ],
    ids=["deformed", "layered", "layered and blurred"],
)
def test_scenes_that_move_show_what_they_have(scene, blur, added):
    outputs = published(scene, blur=blur).eval().get_outputs_for_camera(camera_without_settings(MOVING, 1.0))
    assert set(outputs) == ALWAYS | added
    for name in added:
        picture = outputs[name]
        assert picture.shape == (60, 90, 1 if name in ("opacity", "defocus") else 3), name
        assert picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1, name


@pytest.mark.parametrize("blur", [None, KERNEL], ids=["sharp", "blurred"])
def test_a_step_reaches_deformations_opacity_and_settings(blur):
    weights = {"rigidity_mult": 1e-2, "rigidity_steps": 9, "hidden_foreground_mult": 1e-3, "undecided_opacity_mult": 1}
    model = published(layered(**weights), blur=blur).train()
    outputs = model(rays_of_frames(MOVING, frames=(0, 1, 2), num_rays=120))
    losses = model.get_loss_dict(outputs, {"image": torch.rand(120, 3)})
    assert {"photographs", "rigidity", "hidden_foreground", "undecided_opacity"} <= set(losses)
    assert {"unit_exposure", "falling_response"} <= set(losses)
    sum(losses.values()).backward()
    groups = model.get_param_groups()
    assert set(groups) == {"scene", "exposures", "response"} | ({"blur", "focus"} if blur is not None else set())
    for name, parameters in groups.items():
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in parameters), name


def test_terms_along_the_rays_are_for_training_rays_alone():
    model = published(layered(opacity_mult=1.0)).eval()
    with torch.no_grad():
        outputs = model(rays_of_frames(MOVING, frames=(0,), num_rays=10))
        assert set(model.get_loss_dict(outputs, {"image": torch.rand(10, 3)})) == {"photographs"}


def test_steps_are_counted_from_where_a_run_goes_on():
    model = published(deformed(rigidity_mult=1.0, rigidity_steps=10)).train()
    rays, batch = rays_of_frames(MOVING, frames=(1,), num_rays=5), {"image": torch.rand(5, 3)}
    for step, acts in ((9, True), (10, False)):
        run_before_step(model, step)
        assert ("rigidity" in model.get_loss_dict(model(rays), batch)) == acts


def moving_much(at_reference: bool) -> PublishedModel:
    model = published(at_reference=at_reference).eval()
    with torch.no_grad():
        model.learned.scene.field.deformation.network.layers[0].weight.mul_(3)
    return model


def test_every_frame_can_be_rendered_at_the_reference_frame_s_time():
    own, fixed = (
        [model.get_outputs_for_camera(camera_of_frame(MOVING, index)) for index in range(3)]
        for model in (moving_much(False), moving_much(True))
    )
    assert not torch.allclose(own[0]["hdr"], own[1]["hdr"], rtol=1e-4)
    for picture in fixed:
        assert torch.equal(picture["hdr"], own[1]["hdr"])
    training = moving_much(True).train()(rays_of_frames(MOVING, frames=(0,), num_rays=5))
    assert training["rays"].places.times.unique().tolist() == [0.0]


def test_who_chooses_the_time_gets_it_whatever_the_method_renders():
    """A camera path, or whoever asks the renderer itself, as viewer and exports do."""
    model = moving_much(at_reference=True)
    renderer, view = model.learned.renderer, front_view(model.learned.scene.plane, "cpu")
    on_path = [model.get_outputs_for_camera(camera_without_settings(MOVING, time))["hdr"] for time in (0.0, 1.0)]
    asked = [renderer.render(view, CameraSettings(time=time), ("hdr",))["hdr"] for time in (0.0, 1.0)]
    for first, last in (on_path, asked):
        assert not torch.allclose(first, last, rtol=1e-3)


def test_a_method_for_brackets_refuses_one_known_exposure(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("*E1",))
    published(capture=capture)
    with pytest.raises(NeucamError, match="have one exposure .* neucam-deblur for a video"):
        published(capture=capture, needs_bracket=True)


def test_with_exposures_of_its_own_radiance_is_known_only_up_to_a_power():
    assert published().alignment == "affine"
