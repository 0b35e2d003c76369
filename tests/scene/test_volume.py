"""A volume is photographed by the very functions that photograph a plane, and out of focus it looks as optics says."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig, some
from neucam_nerfstudio.camera.image_formation import develop, sensor_radiance
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering import outputs as rendered_outputs
from neucam_nerfstudio.rendering.view import View, front_view
from neucam_nerfstudio.scene.scene import Rays

from ..learned import capture_of, learn
from .volume import FARTHEST_M, Blob, BlobsConfig, seen_through_lens, view_of

SIZE = 48
CAPTURE = capture_of(SIZE, SIZE, stops=(-1.0, 1.0))
FOCUS_M, FOCAL_M, F_NUMBER, PITCH_M = 2.0, 0.05, 2.0, 50e-6
AHEAD = Rays(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, -1.0]]), torch.zeros(1, 1))


def volume(*blobs: Blob, f_number: float = F_NUMBER) -> LearnedCapture:
    capture = seen_through_lens(SIZE, FOCUS_M, f_number, FOCAL_M, PITCH_M)
    return learn(capture, BlobsConfig(blobs=blobs), ThinLensBlurConfig()).eval()


def point_at(distance_m: float) -> Blob:
    """A small bright blob, some pixels large whatever its distance."""
    return Blob((0.0, 0.0, -distance_m), radius_m=1.5e-3 * distance_m, optical_depth=0.5, radiance=(9.0, 9.0, 9.0))


def seen(learned: LearnedCapture) -> View:
    return view_of(SIZE, SIZE, learned.camera.blur.focal_px)


def circle_m(learned: LearnedCapture, aperture: float = 1.0, focus_position: float = 1 / FOCUS_M) -> float:
    """Diameter on the sensor of the even disc that the light of a point is spread over, by the second moments of its
    picture; what spreads it when the lens is stopped down to nothing is its own size, and taken off."""
    moments = []
    for opened in (aperture, 0.0):
        settings = CameraSettings(focus_position, opened)
        light = learned.renderer.render(seen(learned), settings, ("hdr_defocused",))["hdr_defocused"][..., 1]
        share = light / light.sum()
        across = torch.arange(SIZE) + 0.5 - SIZE / 2
        moments.append(float((share.sum(0) * across**2).sum() + (share.sum(1) * across**2).sum()) / 2)
    # An even disc of diameter c has c^2 / 16 along each axis.
    return 4 * math.sqrt(max(moments[0] - moments[1], 0)) * PITCH_M


def circle_of_confusion_m(distance_m: float, f_number: float = F_NUMBER) -> float:
    """c = A f |d - s| / (d (s - f)), of a thin lens of aperture A and focal length f that is focused at s."""
    diameter_m = FOCAL_M / f_number
    return diameter_m * FOCAL_M * abs(distance_m - FOCUS_M) / (distance_m * (FOCUS_M - FOCAL_M))


@pytest.mark.parametrize("distance_m", [0.8, 1.0, 1.5, 3.0, 5.0, 12.0])
def test_a_point_out_of_focus_becomes_the_circle_of_confusion(distance_m):
    assert circle_m(volume(point_at(distance_m))) == pytest.approx(circle_of_confusion_m(distance_m), rel=1e-3)


def test_a_point_in_focus_stays_a_point():
    assert circle_m(volume(point_at(FOCUS_M))) < 0.1 * PITCH_M


def test_the_circle_grows_with_the_aperture():
    learned = volume(point_at(1.2))
    as_built = circle_of_confusion_m(1.2)
    assert circle_m(learned, aperture=2.0) == pytest.approx(2 * as_built, rel=1e-3)
    assert circle_m(learned, aperture=0.5) == pytest.approx(0.5 * as_built, rel=1e-3)
    assert circle_m(volume(point_at(1.2), f_number=4.0)) == pytest.approx(as_built / 2, rel=1e-3)


def test_the_focus_can_be_moved_to_the_point():
    learned = volume(point_at(1.2))
    assert circle_m(learned, focus_position=1 / 1.2) < 0.1 * PITCH_M


def test_what_the_lens_says_of_its_blur_is_what_is_seen():
    """Taps of the middle ray, before a blob that hides what is behind it."""
    learned = volume(Blob((0.0, 0.0, -1.0), radius_m=1e-3, optical_depth=50.0))
    blur = learned.camera.blur
    radius_px = blur.radius_px(AHEAD, blur(AHEAD, CameraSettings(torch.full((1, 1), 1 / FOCUS_M))))
    assert 2 * radius_px.item() * PITCH_M == pytest.approx(circle_of_confusion_m(1.0), rel=0.01)


def test_blur_keeps_the_light():
    learned = volume(point_at(1.0))
    blurred, sharp = (
        learned.renderer.render(seen(learned), CameraSettings(aperture=opened), ("hdr_defocused",))["hdr_defocused"]
        for opened in (1.0, 0.0)
    )
    assert blurred.max() < 0.2 * sharp.max()
    assert blurred.sum().item() == pytest.approx(sharp.sum().item(), rel=0.01)


@pytest.mark.parametrize("optical_depth", [0.1, 1.0, 5.0])
def test_fog_emits_what_it_absorbs(optical_depth):
    """Through the middle of one blob arrives L (1 - exp(-depth))."""
    scene = volume(Blob((0.0, 0.0, -2.0), 0.1, optical_depth, (1.0, 2.0, 4.0))).scene
    arrives = 1 - math.exp(-optical_depth)
    torch.testing.assert_close(scene.radiance(AHEAD), arrives * torch.tensor([[1.0, 2.0, 4.0]]), rtol=1e-3, atol=1e-5)


def test_what_is_in_front_hides_what_is_behind_by_its_depth():
    red, blue = (3.0, 1e-6, 1e-6), (1e-6, 1e-6, 5.0)
    scene = volume(Blob((0, 0, -1.0), 0.05, 1.0, red), Blob((0, 0, -3.0), 0.05, 20.0, blue)).scene
    expected = torch.tensor([[3 * (1 - math.exp(-1.0)), 0.0, 5 * math.exp(-1.0)]])
    torch.testing.assert_close(scene.radiance(AHEAD), expected, rtol=5e-3, atol=1e-4)


def test_distance_is_where_light_comes_from():
    assert volume(Blob((0, 0, -2.0), 0.01, 50.0)).scene.distance(AHEAD).item() == pytest.approx(2.0, abs=0.03)
    halves = volume(Blob((0, 0, -2.0), 0.01, math.log(2))).scene.distance(AHEAD).item()
    assert halves == pytest.approx((2.0 + FARTHEST_M) / 2, abs=0.01)


@torch.no_grad()
def photographed(learned: LearnedCapture, rays: Rays, settings: CameraSettings) -> torch.Tensor:
    """Pixel values of rays into any scene."""
    places, _ = learned.scene.meet(rays)
    resolved = learned.camera.resolved(settings, rays.times)
    radiance, _ = sensor_radiance(learned.scene, learned.camera.blur, places, resolved)
    return develop(learned.camera.response, radiance, resolved.exposure_stops)[:, 0]


@pytest.mark.slow
def test_planes_and_volumes_are_photographed_by_the_same_functions():
    flat, deep = learn(CAPTURE).eval(), volume(point_at(1.2), Blob((0.05, 0.0, -4.0), 0.1, 2.0)).eval()
    for learned, view in ((flat, front_view(flat.scene.plane, "cpu")), (deep, seen(deep))):
        rays = view.rays(slice(None), 0.0)
        settings = CameraSettings(focus_position=0.6, aperture=1.5, exposure_stops=1.0)
        ldr = photographed(learned, rays, settings)
        rendered = learned.renderer.render(view, settings, ("rgb",))["rgb"]
        torch.testing.assert_close(ldr.reshape(SIZE, SIZE, 3), rendered)
        assert 0 <= ldr.min() and ldr.max() <= 1


@pytest.mark.parametrize("tone_mapping", ["reinhard", "local"])
def test_every_output_is_rendered_of_a_volume(tone_mapping, monkeypatch):
    monkeypatch.setattr(rendered_outputs, "LOCAL_LONGER_SIDE", 2 * SIZE)
    learned = volume(point_at(1.2), Blob((0.06, 0.02, -4.0), 0.01, 50.0)).eval()
    names = learned.renderer.output_names()
    assert "defocus" in names and "motion" not in names
    outputs = learned.renderer.render(seen(learned), CameraSettings(display=Display(tone_mapping)), names)
    for name, picture in outputs.items():
        assert picture.shape[:2] == (SIZE, SIZE) and picture.isfinite().all(), name
        assert name in ("hdr", "hdr_defocused", "depth") or 0 <= picture.min() and picture.max() <= 1, name
    assert outputs["accumulation"].min() == 1
    assert 3.9 < outputs["depth"].min() < 4 and outputs["depth"].max() == FARTHEST_M


def test_a_volume_is_learned_through_the_lens():
    learned = volume(point_at(1.2)).train()
    assert set(learned.parameter_groups()) == {"scene", "focus", "response"}
    rays = some(seen(learned).rays(slice(None), 0.0), torch.arange(0, SIZE * SIZE, SIZE + 5))
    num_rays = len(rays.origins)
    settings = torch.zeros(num_rays, 1, dtype=torch.long), torch.tensor([[0, 1]] * num_rays)
    frames = torch.zeros(num_rays, dtype=torch.long)
    ldr, went = learned.photograph_rays(rays, *settings, frames, step=0)
    assert ldr.shape == (num_rays, 2, 3)
    (ldr.sum() + sum(learned.losses(went).values())).backward()
    learns = [*learned.scene.parameters(), learned.camera.focus.positions]
    assert all(parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0 for parameter in learns)


def test_a_sharp_picture_and_its_depth_take_one_pass_along_the_rays(monkeypatch):
    learned = volume(point_at(2.0))
    with torch.no_grad():
        learned.renderer.anchors()
    passes, march = [], learned.scene.march
    monkeypatch.setattr(learned.scene, "march", lambda rays: [passes.append(len(rays.origins)), march(rays)][1])
    pictures = learned.renderer.render(seen(learned), CameraSettings(), ("all_in_focus_hdr", "hdr", "depth"))
    assert sum(passes) == SIZE * SIZE
    assert pictures["depth"].min() < FARTHEST_M and pictures["hdr"].max() > 1
