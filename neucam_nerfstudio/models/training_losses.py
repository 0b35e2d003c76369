"""The training loss: how photographs and priors are weighed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.fixed_response import FixedResponse
from neucam_nerfstudio.classical.pixel_values import WHITE_LDR
from neucam_nerfstudio.published.losses import draw_mu, falling_response, reconstruction_error, unit_exposure_error
from neucam_nerfstudio.published.response_samples import draw_log_exposures
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.moving_scene import MovingScene
from neucam_nerfstudio.scene.scene_field import SceneField

SQUARED_RANGE = 4.0
"""The photographic error is counted in [-1, 1], as published: four times the square of pixel values in [0, 1]."""
SLOPE_SAMPLES, SLOPE_MAX_LOG_RADIANCE = 10_000, 5.0
"""Where the published method looks for a falling response."""


@dataclass
class LossWeights:
    """Weights of the terms of the training loss; a term of weight 0 is not computed. And what counts as white."""

    white_ldr: float = WHITE_LDR
    """Where photographs have this pixel value or more, any light that develops to as much explains them (published: 1,
    which takes all pixel values as they are)."""
    random_mu_law: bool = False
    """Add a mu-law image with random mu to both sides of the photographic error, so that shadows weigh more."""
    scene_variation_mult: float = 3e-4
    """On differences of neighbouring log radiances: quiets what no photograph tells, such as blown highlights."""
    start_mult: float = 0.2
    """On the light's departure from the classical start, as a share of what a photograph that tells it weighs."""
    defocus_variation_mult: float = 3e-4
    """On differences of neighbouring defocus values."""
    exposure_prior_mult: float = 1e-4
    """On how far refined exposures stray from the given ones."""
    unit_exposure_mult: float = 0.0
    """On radiance 1 at 0 stops not being mid grey (published: 1)."""
    falling_response_mult: float = 0.0
    """On the steepest fall of the response (published: 33.3)."""
    other_frames_mult: float = 1.0
    """On the photographic error of all frames but the reference, from `reference_first_step` on."""
    reference_first_step: int = 0
    """The step from which the reference frame counts more than the others (published for moving brackets: 48,000)."""


def training_losses(
    weights: LossWeights,
    scene: SceneField,
    camera: ImplicitCamera,
    ldr: Float[Tensor, "*rays 3"],
    batch: dict[str, Tensor],
    ray_weights: Float[Tensor, " rays"] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Weighted terms by name; their sum is the loss.

    Args:
        weights: Of the terms.
        scene: The scene field.
        camera: The implicit camera.
        ldr: Pixel values in [0, 1] of the batch's rays.
        batch: `image` like `ldr`, and `is_frame` where rays are padded with exposures that no frame has.
        ray_weights: On each ray's photographic error; None for 1.
    """
    losses = {"photographs": _photographic_loss(weights, ldr, batch, ray_weights)}
    if weights.scene_variation_mult > 0 and isinstance(scene, GridScene):
        losses["scene_variation"] = weights.scene_variation_mult * scene.pyramid.total_variation()
    shared = scene.canonical if isinstance(scene, MovingScene) else scene
    if weights.start_mult > 0 and isinstance(shared, GridScene):
        departure = shared.start_prior(shared.pyramid.learned())
        losses["start"] = weights.start_mult * SQUARED_RANGE * departure
    if weights.defocus_variation_mult > 0 and isinstance(camera.blur, LensBlur):
        losses["defocus_variation"] = weights.defocus_variation_mult * camera.blur.defocus.total_variation()
    if weights.exposure_prior_mult > 0 and isinstance(camera.exposures, SettingExposures):
        losses["exposure_prior"] = weights.exposure_prior_mult * camera.exposures.prior()
    learns_response = not isinstance(camera.response, FixedResponse | None)
    if weights.unit_exposure_mult > 0 and learns_response:
        losses["unit_exposure"] = weights.unit_exposure_mult * unit_exposure_error(camera.response).mean()
    if weights.falling_response_mult > 0 and learns_response:
        log_exposure = draw_log_exposures(SLOPE_SAMPLES, SLOPE_MAX_LOG_RADIANCE, ldr.device)
        losses["falling_response"] = weights.falling_response_mult * falling_response(camera.response, log_exposure)
    return losses


def reference_emphasis(
    weights: LossWeights, is_reference: Bool[Tensor, " rays"], step: int
) -> Float[Tensor, " rays"] | None:
    """Weights of rays, by whether they belong to the reference frame; None before they differ."""
    if weights.other_frames_mult == 1 or step < weights.reference_first_step:
        return None
    return torch.where(is_reference, 1.0, weights.other_frames_mult)


def _photographic_loss(
    weights: LossWeights,
    ldr: Float[Tensor, "*rays 3"],
    batch: dict[str, Tensor],
    ray_weights: Float[Tensor, " rays"] | None,
) -> Float[Tensor, ""]:
    white, photographed = weights.white_ldr, batch["image"]
    ldr = torch.where(photographed < white, ldr, ldr.clamp(max=white))
    mu = draw_mu(ldr.device) if weights.random_mu_law else None
    error = reconstruction_error(ldr, photographed.clamp(max=white), mu)
    if ray_weights is not None:
        error = error * ray_weights.reshape(-1, *[1] * (error.ndim - 1))
    if "is_frame" not in batch:
        return error.mean()
    share = batch["is_frame"][..., None].expand_as(error)
    return torch.where(share, error, 0).sum() / share.sum()
