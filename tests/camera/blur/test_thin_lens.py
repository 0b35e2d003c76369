from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import (
    ThinLensBlurConfig,
    perpendiculars,
    random_places,
)
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scene.scene import Rays

from ...learned import capture_of, learn
from ...scene.volume import Blob, BlobsConfig, seen_through_lens

SIZE, FOCUS_M, F_NUMBER, FOCAL_M, PITCH_M = 32, 2.0, 2.0, 0.05, 50e-6
RADIUS_M = FOCAL_M / F_NUMBER / 2


def looked_through(*blobs: Blob, metres_per_unit: float = 1.0, **lens: object) -> LearnedCapture:
    capture = seen_through_lens(SIZE, FOCUS_M, F_NUMBER, FOCAL_M, PITCH_M, metres_per_unit)
    return learn(capture, BlobsConfig(blobs=blobs or (Blob((0.0, 0.0, -3.0), 0.1, 20.0),)), ThinLensBlurConfig(**lens))


def slanting_ray() -> Rays:
    direction = torch.tensor([[0.3, -0.2, -1.0]])
    direction = direction / direction.norm()
    return Rays(torch.tensor([[1.0, 2.0, 3.0]]), direction, torch.zeros(1, 1), torch.tensor([[0.0, 0.0, -1.0]]))


@pytest.mark.parametrize("axis", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.6, -0.8, 0), (-0.48, 0.6, -0.64)])
def test_perpendiculars_stand_at_right_angles(axis):
    axis = torch.tensor([axis], dtype=torch.float32)
    frame = torch.cat([axis, *perpendiculars(axis)])
    torch.testing.assert_close(frame @ frame.t(), torch.eye(3), atol=1e-6, rtol=0)


def test_places_of_the_lens_are_as_likely_anywhere():
    torch.manual_seed(0)
    places = random_places(20_000, 4, torch.zeros(()))
    for tap in (0, 3):  # each of them alone, too, as a ray in focus has the first
        radius = places[:, tap].norm(dim=-1)
        assert radius.max() <= 1
        assert radius.square().mean().item() == pytest.approx(1 / 2, abs=0.01)
        assert places[:, tap].mean(0).abs().max() < 0.02


def test_a_ray_has_places_all_over_the_lens():
    square = random_places(100, 4, torch.zeros(())).square().sum(-1).sort(dim=-1).values
    assert ((4 * square).floor() == torch.arange(4)).all()  # one on each ring of equal area


@pytest.mark.parametrize("metres_per_unit", [1.0, 0.25])
def test_rays_meet_in_the_plane_in_focus(metres_per_unit):
    blur, own = looked_through(metres_per_unit=metres_per_unit).camera.blur, slanting_ray()
    on_lens = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, -0.5]]])
    rays = blur.through(own, CameraSettings(torch.full((1, 1), 1 / FOCUS_M)), on_lens)
    start = rays.origins - own.origins
    assert (start[..., 2].abs() < 1e-6).all()  # on the lens, which faces along the axis
    expected = torch.tensor([[0.0, 1.0, 0.5]]) * RADIUS_M / metres_per_unit
    torch.testing.assert_close(start.norm(dim=-1), expected, atol=1e-6, rtol=1e-4)
    depth = FOCUS_M / metres_per_unit
    met = rays.origins + rays.directions * depth / -rays.directions[..., 2:]
    torch.testing.assert_close(met, met[:, :1].expand_as(met), atol=1e-4, rtol=0)
    torch.testing.assert_close(met[0, 0, 2], torch.tensor(3 - depth))


def test_focused_at_infinity_rays_are_parallel():
    own = slanting_ray()
    rays = looked_through().camera.blur.through(
        own, CameraSettings(torch.zeros(1, 1)), torch.tensor([[[1.0, 0.0], [-0.3, 0.4]]])
    )
    torch.testing.assert_close(rays.directions, own.directions.expand(1, 2, 3))


def test_training_sees_the_light_that_pictures_show():
    """Few rays at random, on average over many steps, as many that stand still; in focus and out of it."""
    learned = looked_through(Blob((0.0, 0.0, -1.0), 0.004, 3.0, (5.0, 5.0, 5.0)), blurred_share=0.5)
    ahead = torch.tensor([[0.0, 0.0, -1.0]])
    many = Rays(torch.zeros(4000, 3), ahead.expand(4000, 3), torch.zeros(4000, 1))
    one = Rays(*(values[:1] for values in many[:3]))
    for dioptres in (1.0, 0.7):
        at = lambda rays, focus=dioptres: CameraSettings(torch.full((len(rays.origins), 1), focus))  # noqa: E731
        with torch.no_grad():
            torch.manual_seed(0)
            trained = learned.train().camera.blur.spread(learned.scene, many, at(many))[0].mean(0)
            shown = learned.eval().camera.blur.spread(learned.scene, one, at(one))[0][0]
        torch.testing.assert_close(trained, shown, rtol=0.06, atol=0.01)


@pytest.mark.parametrize(("share", "per_ray"), [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0)])
def test_rays_in_focus_cost_one(share, per_ray, monkeypatch):
    learned = looked_through(blurred_share=share, train_taps=4).train()
    marched = []
    march = learned.scene.march

    def counted(rays):  # to learn from: what only tells how blurred pixels are has no gradient
        if torch.is_grad_enabled():
            marched.append(rays.times[..., 0].numel())
        return march(rays)

    monkeypatch.setattr(learned.scene, "march", counted)
    rays = Rays(torch.zeros(64, 3), torch.tensor([[0.0, 0.0, -1.0]]).expand(64, 3), torch.zeros(64, 1))
    learned.camera.blur.spread(learned.scene, rays, CameraSettings(torch.full((64, 1), 0.5)))
    assert sum(marched) == 64 * per_ray


def test_the_rays_that_are_blurred_most_are_seen_through_all_the_lens(monkeypatch):
    """Half of the rays meet a wall in focus, half one at half the distance."""
    learned = looked_through(
        Blob((0.0, 0.0, -2.0), 0.05, 50.0), Blob((5.0, 0.0, -1.0), 0.05, 50.0), blurred_share=0.5, train_taps=4
    ).train()
    origins = torch.zeros(8, 3)
    origins[::2, 0] = 5.0
    rays = Rays(origins, torch.tensor([[0.0, 0.0, -1.0]]).expand(8, 3), torch.zeros(8, 1))
    further = []
    radiance = learned.scene.radiance
    monkeypatch.setattr(learned.scene, "radiance", lambda rays: further.append(rays) or radiance(rays))
    learned.camera.blur.spread(learned.scene, rays, CameraSettings(torch.full((8, 1), 0.5)))
    # One place of the lens for each pixel, then three more for those in the front.
    assert len(further) == 1 and len(further[0].origins) == 8 + 4 * 3
    assert (further[0].origins[8:, 0] > 4).all()


def test_frames_keep_their_own_apertures():
    """The second frame has twice the f-number of the reference: half the blur, unless all is in focus."""
    capture = seen_through_lens(SIZE, FOCUS_M, F_NUMBER, FOCAL_M, PITCH_M)
    views = replace(capture.views, f_number=np.array([F_NUMBER, 2 * F_NUMBER]))
    learned = learn(
        replace(capture, views=views), BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)), ThinLensBlurConfig()
    )
    times = torch.zeros(3, 1)
    apertures = [learned.camera.resolved(CameraSettings(frame=frame), times).aperture for frame in (0, 1)]
    torch.testing.assert_close(torch.stack(apertures)[..., 0], torch.tensor([[1.0] * 3, [0.5] * 3]))
    assert learned.camera.resolved(CameraSettings(aperture=0.0, frame=1), times).is_sharp
    torch.testing.assert_close(learned.camera.apertures(torch.tensor([1, 0])), torch.tensor([[0.5], [1.0]]))
    held_out = replace(capture, views=views, train_indices=(0,), eval_indices=(1,))
    camera = learn(held_out, BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)), ThinLensBlurConfig()).camera
    torch.testing.assert_close(camera.apertures(torch.tensor([0]), held_out=True), torch.tensor([[0.5]]))


def test_the_dials_show_metres_and_f_numbers():
    focus, aperture, *_ = looked_through().camera.dials()
    assert (focus.label, focus.inverse) == ("Focus (m)", 1.0)
    assert focus.ends[0] < FOCUS_M < focus.ends[1]
    assert (aperture.label, aperture.inverse) == ("Aperture (f-number)", F_NUMBER)
    assert aperture.ends[0] < F_NUMBER < aperture.ends[1]


def test_an_aperture_that_nothing_tells_is_learned():
    capture = seen_through_lens(SIZE, FOCUS_M, math.nan, FOCAL_M, PITCH_M)
    blur = learn(capture, BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)), ThinLensBlurConfig()).camera.blur
    assert blur.log_radius_m.requires_grad and "aperture_radius_mm" in blur.metrics()
    # of what is half as far as the focus: f r (1/1 - 1/2)
    assert float(blur.radius.detach() * blur.focal_px * 0.5) == pytest.approx(2.0)
    assert blur.dials()[0].label == "Aperture (x as shot)"
    assert not looked_through().camera.blur.log_radius_m.requires_grad


def test_the_focus_position_of_a_click_is_where_it_is_sharp():
    learned = looked_through(Blob((0.0, 0.0, -3.0), 0.01, 50.0), metres_per_unit=0.5)
    places = Rays(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, -1.0]]), torch.zeros(1, 1))
    assert learned.camera.blur.sharp_focus_position(places).item() == pytest.approx(1 / 1.5, rel=0.01)


@pytest.mark.parametrize(("most", "per_pixel"), [(None, 8 + 96), (96, 8 + 96), (40, 8 + 32), (8, 8)])
def test_a_quick_look_takes_fewer_rays(most, per_pixel, monkeypatch):
    """What is out of focus by 4 pixels and more, everywhere."""
    learned = looked_through(Blob((0.0, 0.0, -0.5), 0.3, 20.0)).eval()
    rays, marched = learned.view_of_frame(0).rays(slice(15, 17), 0.0), []
    settings = learned.camera.resolved(CameraSettings(most_lens_rays=most), rays.times)
    march = learned.scene.march
    monkeypatch.setattr(learned.scene, "march", lambda rays: [marched.append(rays.times.numel()), march(rays)][1])
    with torch.no_grad():
        learned.camera.blur.spread(learned.scene, rays, settings)
    assert sum(marched) == per_pixel * len(rays.origins)


def test_it_needs_many_views_and_rays():
    with pytest.raises(NeucamError, match="thin-lens: looks through a lens into a volume.* use lens, motion or none"):
        learn(capture_of(8, 8), blur=ThinLensBlurConfig())
    with pytest.raises(NeucamError, match="train-taps 0: expected 1 or more"):
        looked_through(train_taps=0)


def test_it_can_be_left_out():
    capture = seen_through_lens(SIZE, FOCUS_M, F_NUMBER, FOCAL_M, PITCH_M)
    learned = learn(capture, BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)), BlurConfig())
    assert [dial.setting for dial in learned.camera.dials()] == ["exposure_stops", "developed"]


def test_a_volume_takes_no_blur_of_pictures():
    capture = seen_through_lens(SIZE, FOCUS_M, F_NUMBER, FOCAL_M, PITCH_M)
    with pytest.raises(NeucamError, match="blur lens: does not fit .*volumes thin-lens or none"):
        learn(capture, BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)))
    with pytest.raises(NeucamError, match="volumes take many views with known poses"):
        learn(capture_of(8, 8), BlobsConfig(blobs=(Blob((0.0, 0.0, -3.0), 0.1),)), BlurConfig())
