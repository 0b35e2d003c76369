"""The training loss: each term appears where it applies, weighted, and padding has no say."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse
from neucam_nerfstudio.models.training_losses import LossWeights, reference_emphasis, training_losses
from neucam_nerfstudio.published.losses import unit_exposure_error
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.moving_scene import MovingScene

SIZE = (4, 6)
NONE = LossWeights(**{f.name: type(f.default)(0) for f in dataclasses.fields(LossWeights)} | {"white_ldr": 1.0})
BATCH = {"image": torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.4, 0.6]])}
LDR = torch.tensor([[0.5, 0.5, 0.5], [0.1, 0.4, 0.9]])
ERROR = 4 * (0.1**2 + 0.3**2) / 6
"""Mean squared error of LDR against BATCH, counted in [-1, 1] as the published loss is."""


def camera(blur=None, mode="fix", response=None) -> ImplicitCamera:
    return ImplicitCamera(FocusPositions((0.0,)), blur, SettingExposures((0.0, 1.0), 0, mode), response)


def weights(**chosen) -> LossWeights:
    return dataclasses.replace(NONE, **chosen)


def losses_of(chosen: LossWeights, scene=None, parts=None, ldr=LDR, batch=BATCH) -> dict[str, float]:
    losses = training_losses(chosen, scene or GridScene(*SIZE), parts or camera(), ldr, batch)
    return {name: loss.item() for name, loss in losses.items()}


def test_photographic_error_by_hand():
    assert losses_of(NONE) == {"photographs": pytest.approx(ERROR)}


def test_padding_has_no_say():
    batch = {"image": BATCH["image"][None], "is_frame": torch.tensor([[False, True]])}
    assert losses_of(NONE, ldr=LDR[None], batch=batch)["photographs"] == pytest.approx(2 * ERROR)
    worse = LDR.clone()
    worse[0] = 7.0
    ldr = worse[None].requires_grad_()
    loss = training_losses(NONE, GridScene(*SIZE), camera(), ldr, batch)["photographs"]
    loss.backward()
    assert loss.item() == pytest.approx(2 * ERROR)
    assert ldr.grad[0, 0].tolist() == [0, 0, 0] and ldr.grad[0, 1, 2] > 0


def test_white_is_a_bound():
    """Photographs at 0.9 and more: light that gives 0.9 or more explains them, and less does not."""
    ldr = torch.tensor([[0.95, 1.0, 0.7], [0.95, 0.8, 0.8]]).requires_grad_()
    batch = {"image": torch.tensor([[0.9, 0.95, 0.95], [0.8, 0.8, 0.8]])}
    loss = training_losses(weights(white_ldr=0.9), GridScene(*SIZE), camera(), ldr, batch)["photographs"]
    loss.backward()
    assert loss.item() == pytest.approx(4 * (0.2**2 + 0.15**2) / 6)
    assert ldr.grad.sign().tolist() == [[0, 0, -1], [1, 0, 0]]


def test_departure_from_the_start_by_hand():
    scene = GridScene(*SIZE)
    scene.start_from(torch.zeros(*SIZE, 3), torch.full(SIZE, 0.5))
    with torch.no_grad():
        scene.pyramid.grids[0][:, 1] += 0.3
    assert losses_of(weights(start_mult=2.0), scene)["start"] == pytest.approx(2 * 4 * 0.5 * 0.3**2 / 3)


def test_what_frames_share_is_held_to_its_start():
    scene = MovingScene(torch.tensor([0.0, 1.0]), 16, 24)
    canvas = scene.canonical.picture()
    scene.canonical.start_from(torch.zeros_like(canvas), torch.ones(canvas.shape[:2]))
    with torch.no_grad():
        scene.canonical.pyramid.grids[0] += 0.1
    assert losses_of(weights(start_mult=1.0), scene)["start"] == pytest.approx(4 * 0.1**2)


def test_random_mu_law_makes_shadows_weigh_more():
    shadows, highlights = (torch.full((1, 3), value) for value in (0.05, 0.8))
    torch.manual_seed(0)
    error = [
        losses_of(weights(random_mu_law=True), ldr=image + 0.02, batch={"image": image})["photographs"]
        for image in (shadows, highlights)
    ]
    assert error[0] > 3 * error[1]


def test_scene_variation_by_hand():
    scene = GridScene(2, 2)
    scene.pyramid.start_from(torch.tensor([[0.0, 1.0], [3.0, 6.0]])[..., None].expand(2, 2, 3))
    variation = (3 + 5) / 2 + (1 + 3) / 2
    losses = losses_of(weights(scene_variation_mult=0.5), scene)
    assert losses == {"photographs": pytest.approx(ERROR), "scene_variation": pytest.approx(variation / 2)}


def test_defocus_variation_by_hand():
    lens = LensBlur(2, 2)
    lens.defocus.start_from(torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]]]))
    assert losses_of(weights(defocus_variation_mult=3.0), parts=camera(lens))["defocus_variation"] == pytest.approx(3.0)


def test_exposure_prior_by_hand():
    parts = camera(mode="refine")
    with torch.no_grad():
        parts.exposures.learned_stops[1] = 0.2
    # Two tolerances off at one of two settings.
    assert losses_of(weights(exposure_prior_mult=10.0), parts=parts)["exposure_prior"] == pytest.approx(20.0, rel=1e-4)


def test_published_response_terms():
    response = NeuralCurveResponse()
    losses = losses_of(weights(unit_exposure_mult=2.0, falling_response_mult=4.0), parts=camera(response=response))
    assert losses["unit_exposure"] == pytest.approx(2 * unit_exposure_error(response).mean().item())
    with torch.no_grad():
        for curve in response.channels:
            curve[2].weight.copy_(-curve[2].weight.abs() * curve[0].weight.sign().T)  # falls everywhere
    assert losses_of(weights(falling_response_mult=4.0), parts=camera(response=response))["falling_response"] > 0


@pytest.mark.parametrize(
    ("chosen", "step", "expected"),
    [
        pytest.param({"other_frames_mult": 0.2, "reference_first_step": 100}, 99, None, id="before"),
        pytest.param({"other_frames_mult": 0.2, "reference_first_step": 100}, 100, [0.2, 1.0, 0.2], id="from then on"),
        pytest.param({"other_frames_mult": 1.0}, 100, None, id="all frames count alike"),
    ],
)
def test_reference_frame_counts_more_from_a_step_on(chosen, step, expected):
    emphasis = reference_emphasis(weights(**chosen), torch.tensor([False, True, False]), step)
    assert (None if emphasis is None else emphasis.tolist()) == (expected and pytest.approx(expected))


def test_weights_of_rays_by_hand():
    emphasis = torch.tensor([1.0, 0.2])
    losses = training_losses(NONE, GridScene(*SIZE), camera(), LDR, BATCH, emphasis)
    assert losses["photographs"].item() == pytest.approx(0.2 * ERROR)  # only the second ray errs


def test_weights_of_rays_count_for_all_their_exposures():
    ldr, batch = LDR[:, None].expand(2, 4, 3), {"image": BATCH["image"][:, None].expand(2, 4, 3)}
    losses = training_losses(NONE, GridScene(*SIZE), camera(), ldr, batch, torch.tensor([1.0, 0.2]))
    assert losses["photographs"].item() == pytest.approx(0.2 * ERROR)


EVERYTHING = dataclasses.replace(
    LossWeights(**{f.name: type(f.default)(1) for f in dataclasses.fields(LossWeights)}), random_mu_law=False
)


@pytest.mark.parametrize("response", [LinearResponse(), SrgbResponse()])
def test_a_response_that_learns_nothing_has_no_terms(response):
    losses = losses_of(EVERYTHING, parts=camera(response=response))
    assert not {"unit_exposure", "falling_response"} & set(losses)


def test_terms_of_absent_parts_are_left_out():
    parts = camera()
    parts.exposures = torch.nn.Identity()
    assert set(losses_of(EVERYTHING, SirenAtlas(*SIZE, layer_width=4), parts)) == {"photographs"}


def test_every_term_is_there_where_all_parts_are_and_all_can_be_differentiated():
    parts = camera(LensBlur(*SIZE), "refine", NeuralCurveResponse())
    losses = training_losses(EVERYTHING, GridScene(*SIZE), parts, LDR.clone().requires_grad_(), BATCH)
    assert set(losses) == {
        *("photographs", "scene_variation", "start", "defocus_variation"),
        *("exposure_prior", "unit_exposure", "falling_response"),
    }
    sum(losses.values()).backward()
