"""The volume of many views: its frustum, its start from a plane sweep, and what it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.classical.response_table import srgb_response
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import TrainingRays
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.scene.volume.camera_start import estimate_camera_of_views
from neucam_nerfstudio.scene.volume.frustum import Lines, lines_of, shared_frustum
from neucam_nerfstudio.scene.volume.plane_grid import DENSITY_SCALE, PlaneGrid, variation
from neucam_nerfstudio.scene.volume.plane_sweep import distorted
from neucam_nerfstudio.scene.volume.volume_scene import VolumeScene, VolumeSceneConfig

from ..learned import learn
from .posed_views import (
    APERTURE_RADIUS_M,
    BOARD_M,
    HEIGHT,
    PLACES_M,
    STOPS,
    WALL_M,
    WIDTH,
    photograph,
    posed_capture,
    radiance_seen,
)

DEPTHS = {"nearest_m": 1.5, "farthest_m": 6.0}
FOCUS_M = (2.0, 4.0, 2.0, 4.0, 2.0)


def started(capture, blur=None, **photographed):
    learned = learn(capture, VolumeSceneConfig(**DEPTHS), blur or BlurConfig())
    said = " ".join(learned.start(lambda index: photograph(index, **{k: v[index] for k, v in photographed.items()})))
    return learned.eval(), said


def middle_of(depth_m: float) -> tuple[slice, slice]:
    """Rows and columns of the middle view that show the board or the wall, away from its edge."""
    return slice(6, -6), slice(WIDTH // 2 + 8, -8) if depth_m == BOARD_M else slice(10, WIDTH // 2 - 8)


def depth_of(learned) -> np.ndarray:
    rays = learned.scene.reference_places(HEIGHT, WIDTH)
    with torch.no_grad():
        return (learned.scene.distance(rays) * -rays.directions[..., 2:])[..., 0].numpy()


def test_a_straight_ray_is_straight_in_cells_and_inverse_depth():
    torch.manual_seed(1)
    pose = torch.tensor([[0.8, 0.0, 0.6, 1.0], [0.0, 1.0, 0.0, 2.0], [-0.6, 0.0, 0.8, 3.0]])
    origins, directions = torch.randn(20, 3), torch.nn.functional.normalize(torch.randn(20, 3) - 3 * pose[:, 2], dim=-1)
    corner, cell, way = torch.tensor([-0.5, -0.25]), 0.125, 7.0
    lines = lines_of(origins, directions, pose, corner, cell)
    right, up, back = ((origins + way * directions - pose[:, 3]) @ pose[:, :3]).unbind(-1)
    by_hand = (torch.stack([right / -back, -up / -back], -1) - corner) / cell
    torch.testing.assert_close(lines.start + lines.slope / -back[:, None], by_hand, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        (-back[:, None] - lines.depth) / lines.forward, torch.full((20, 1), way), rtol=1e-3, atol=0
    )


def test_the_frustum_covers_all_pictures_at_every_depth_with_cells_as_large_as_pixels():
    frustum = shared_frustum(posed_capture(), 1.5, 6.0)
    assert frustum is not None
    planes, rows, columns = frustum.shape
    assert rows == pytest.approx(HEIGHT + 1, abs=1)  # all cameras stand at one height
    outermost = 2 * (WIDTH / 2 / 48.0 + PLACES_M[-1] / 1.5)
    assert columns == pytest.approx(outermost * 48.0 + 1, abs=1)
    np.testing.assert_allclose(frustum.disparities[[0, -1]], [1 / 1.5, 1 / 6])
    assert (1 / 1.5 - 1 / 6) / (planes - 1) * 0.24 * 48 < 1.4


def test_cells_are_larger_where_there_were_too_many():
    frustum = shared_frustum(posed_capture(), 1.5, 6.0, most_cells=20_000)
    assert frustum is not None
    assert np.prod(frustum.shape) == pytest.approx(20_000, rel=0.15)


def test_depths_are_those_in_focus_and_some_nearer_and_farther():
    frustum = shared_frustum(posed_capture(FOCUS_M))
    assert frustum is not None
    assert (frustum.near, frustum.far) == pytest.approx((0.6 * 2.0, 1.5 * 4.0))


def test_cameras_that_look_all_ways_are_refused_in_words():
    capture = posed_capture()
    poses = capture.views.camera_to_world.copy()
    poses[0, :, :3] = np.diag([-1.0, 1.0, -1.0])  # turned round
    turned: Views = replace(capture.views, camera_to_world=poses)
    assert shared_frustum(replace(capture, views=turned)) is None
    with pytest.raises(NeucamError, match="do not look one way"):
        VolumeScene(VolumeSceneConfig(), replace(capture, views=turned))


def test_the_lens_shows_a_place_where_nerfstudio_finds_it_again():
    from nerfstudio.cameras.camera_utils import radial_and_tangential_undistort

    bent = torch.tensor([0.05, -0.02, 0.003, 0.001, 0.002, -0.003])
    place = torch.tensor([[0.3, -0.2], [-0.4, 0.1], [0.0, 0.35]])
    found = radial_and_tangential_undistort(distorted(place, bent), bent.expand(3, -1))
    torch.testing.assert_close(found, place, atol=1e-4, rtol=0)


def test_the_start_finds_board_and_wall_and_their_light():
    learned, _ = started(posed_capture())
    depth = depth_of(learned)
    assert np.median(depth[middle_of(BOARD_M)]) == pytest.approx(BOARD_M, rel=0.06)
    assert np.median(depth[middle_of(WALL_M)]) == pytest.approx(WALL_M, rel=0.12)
    # From a place where no camera stood, beside the truth, up to the one gain that photographs do not tell.
    view = learned.view_of_frame(2)
    shown = learned.renderer.render(view, CameraSettings(aperture=0.0), ("hdr",))["hdr"].numpy()
    y, x = np.meshgrid(np.arange(HEIGHT) + 0.5, np.arange(WIDTH) + 0.5, indexing="ij")
    off = np.log(shown / radiance_seen((0.0, 0.0), x, y))
    assert np.sqrt(np.mean((off - np.median(off, (0, 1)))[6:-6, 10:-8] ** 2)) < 0.2


def test_response_and_exposures_are_told_by_brightnesses_alone():
    frames = [photograph(index) for index in range(len(PLACES_M))]
    told = estimate_camera_of_views(frames, None, [0, 1, 0, 1, 0])
    np.testing.assert_allclose(np.diff(told.exposure_stops[:2]), STOPS[1] - STOPS[0], atol=0.35)
    ldr = np.array([0.2, 0.4, 0.6, 0.8])
    known = estimate_camera_of_views(frames, [STOPS[i % 2] for i in range(5)], [0, 1, 0, 1, 0])
    true = srgb_response().inverse(ldr)
    found = known.response.inverse(ldr)
    np.testing.assert_allclose(found - found[1], true - true[1], atol=0.15)


def test_an_untold_focus_starts_where_each_view_is_sharpest():
    capture = posed_capture(FOCUS_M, is_told=False)
    learned, said = started(
        capture, ThinLensBlurConfig(), focus_m=FOCUS_M, radius_m=(APERTURE_RADIUS_M,) * len(FOCUS_M)
    )
    found = 1 / learned.camera.focus.positions.detach().numpy()
    assert "sharpest beside the others" in said
    assert np.median(found[[0, 2, 4]]) == pytest.approx(2.0, rel=0.25)
    assert found[[0, 2, 4]].max() < found[[1, 3]].min()


def test_a_ray_looks_on_those_planes_that_it_sees():
    learned, _ = started(posed_capture())
    scene = learned.scene
    rays = scene.reference_places(HEIGHT, WIDTH)
    with torch.no_grad():
        few = scene.march(rays).radiance
        scene.config.render_samples = scene.frustum.shape[0]
        all_planes = scene.march(rays).radiance
    assert float((few / all_planes).log().abs().mean()) < 0.02


def test_training_lessens_the_error_and_asks_for_no_fog():
    torch.manual_seed(0)
    learned, _ = started(posed_capture())
    learned.train()
    optimizer = torch.optim.Adam(learned.scene.parameters(), lr=0.05)
    frames = torch.from_numpy(np.stack([photograph(index) for index in range(5)])).float() / 255
    directions = learned.scene.reference_places(HEIGHT, WIDTH).directions.reshape(-1, 3)
    errors = []
    for step in range(12):
        frame = torch.randint(5, (1500,))
        pixel = torch.randint(HEIGHT * WIDTH, (1500,))
        origins = torch.tensor(PLACES_M)[frame, None] * torch.tensor([1.0, 0.0, 0.0])
        rays = Rays(origins, directions[pixel], torch.zeros(1500, 1))
        ldr, met = learned.photograph_rays(rays, frame[:, None], (frame % 2)[:, None], frame, step)
        error = (ldr[:, 0] - frames.reshape(5, -1, 3)[frame, pixel]).square().mean()
        losses = learned.losses(met)
        assert set(losses) == {"distortion", "opacity_variation", "light_variation"}
        optimizer.zero_grad()
        (4 * error + sum(losses.values())).backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert np.mean(errors[-3:]) < 0.8 * np.mean(errors[:2])
    assert "distortion" not in learned.scene.losses(TrainingRays(rays, frame, 1))  # nothing has been marched since


def test_variation_by_hand():
    """One cell of the second plane stands out, in opacity and in one of three channels of light."""
    planes = torch.zeros(4, 3, 2, 2)
    planes[0, 1, 0, 0], planes[2, 1, 0, 0] = 1.0, 6.0
    opacity, light = variation(planes[:, 1:2])
    # One of two differences down, and one of two across.
    assert opacity.item() == pytest.approx(DENSITY_SCALE * (1 / 2 + 1 / 2))
    assert light.item() == pytest.approx((6 / 2 + 6 / 2) / 3)
    assert variation(planes[:, :1]) == (0, 0)


def test_what_is_looked_up_and_its_variation_have_the_gradient_of_both():
    """As autograd has it of the two apart, and of the places, too, which move where poses are refined."""
    torch.manual_seed(0)
    grid, disparities = PlaneGrid((3, 4, 5)), torch.tensor([1.0, 0.7, 0.4])
    with torch.no_grad():
        grid.values.normal_()
    planes = torch.arange(3).expand(6, 3)
    gradients = []
    for together in (True, False):
        start = (torch.rand(6, 2, generator=torch.Generator().manual_seed(1)) * 4).requires_grad_()
        lines = Lines(start, torch.ones(6, 2), torch.zeros(6, 1), torch.ones(6, 1))
        found = grid.crossings(lines, planes, disparities, slice(1, 3) if together else None)
        varied = found.variation if together else variation(grid.values.view(4, 3, 4, 5)[:, 1:3])
        assert varied is not None
        total = found.optical_depth.sum() + found.radiance.square().sum() + 2 * varied[0] + 3 * varied[1]
        gradients.append(torch.autograd.grad(total, (grid.values, start)))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
