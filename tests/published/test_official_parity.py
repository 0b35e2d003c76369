"""Our published modules against the released code's own numbers, step by step."""

from __future__ import annotations

import torch

from neucam_nerfstudio.camera.blur.blur_generator import mix_log_light
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.published.motion_losses import deformation_jacobian, rigidity
from neucam_nerfstudio.published.networks import PublishedCoordinates
from neucam_nerfstudio.published.response import unit_exposure_error
from neucam_nerfstudio.scene.scene import PlanePlaces


def taps_of(task):
    return task.blur()(PlanePlaces(task.uv, task.times), CameraSettings(task.focus_position()[:, None]))


def blurred_log_radiance(task):
    if "blur" not in task.checkpoint.weights:
        return task.field().log_radiance(task.uv, task.times)
    taps = taps_of(task)
    return mix_log_light(task.field().log_radiance(*taps.places), taps.weights)


def test_coordinates(official):
    coordinates = PublishedCoordinates(official.height, official.width)
    official.assert_matches(coordinates.tyx_from_uv(official.uv, official.times), "coords_tyx")


def test_exposures(official):
    official.assert_matches(official.exposure_stops(), "ev")


def test_focus(blurred):
    blurred.assert_matches(blurred.focus_position(), "focus")


def test_taps(blurred):
    taps = taps_of(blurred)
    blurred.assert_matches(taps.weights, "tap_weights")
    coordinates = PublishedCoordinates(blurred.height, blurred.width)
    blurred.assert_matches(coordinates.yx_from_uv(taps.places.uv), "tap_positions_yx")


def test_still_atlas(mfme):
    mfme.assert_matches(mfme.atlas("atlas").log_radiance(mfme.uv, mfme.times), "background")


def test_background_deformation(moving):
    tyx = PublishedCoordinates(moving.height, moving.width).tyx_from_uv(moving.uv, moving.times)
    deformation = moving.deformation("deformation")
    moving.assert_matches(deformation.canonical_yx(tyx), "uv_background")
    moving.assert_matches(rigidity(deformation_jacobian(deformation, tyx)).mean(), "rigidity_background")


def test_deformation_in_our_coordinates(moving):
    canonical_uv = moving.deformation("deformation")(moving.uv, moving.times)
    coordinates = PublishedCoordinates(moving.height, moving.width)
    moving.assert_matches(coordinates.yx_from_uv(canonical_uv), "uv_background")


def test_layers(layered):
    layers = layered.field().layers(layered.uv, layered.times)
    layered.assert_matches(layers.background, "background")
    layered.assert_matches(layers.foreground, "foreground")
    layered.assert_matches(layers.opacity, "alpha")


def test_foreground_deformation(layered):
    canonical_uv = layered.deformation("foreground_deformation")(layered.uv, layered.times)
    coordinates = PublishedCoordinates(layered.height, layered.width)
    layered.assert_matches(coordinates.yx_from_uv(canonical_uv), "uv_foreground")


def test_sharp_log_radiance(official):
    official.assert_matches(official.field().log_radiance(official.uv, official.times), "log_radiance_sharp")


def test_blurred_log_radiance(official):
    official.assert_matches(blurred_log_radiance(official), "log_radiance")


def test_pixel_values(official):
    log_exposure = blurred_log_radiance(official) + LN2 * official.exposure_stops()[:, None]
    official.assert_matches(2 * official.response()(log_exposure) - 1, "ldr_pm1")


def test_response_curve(official):
    log_exposure = torch.linspace(-10, 10, 201)[:, None].expand(-1, 3)
    official.assert_matches(2 * official.response()(log_exposure) - 1, "response_pm1")


def test_unit_exposure(official):
    official.assert_matches(unit_exposure_error(official.response()).mean(), "unit_exposure")
