"""Pages stand where photographs were taken, and rays from there are found in the photographs."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

from neucam_nerfstudio.dataparsers.views_dataparser import view_cameras
from neucam_nerfstudio.datasets.views_datamanager import ViewSampler
from neucam_nerfstudio.viewer.frame_camera import depth_in_middle, seen_in_frame, standing_at
from neucam_nerfstudio.viewer.page_views import PageView

from .many_views import FAR, FOCAL_PX, HEIGHT, NEAR, REFERENCE, WIDTH, learned_views, three_views

WIDE, NARROW = 3.0, 0.75
"""Widths of pages over their heights."""


@pytest.mark.parametrize("frame", [NEAR, REFERENCE, FAR])
def test_a_page_looks_as_the_frame_did(frame):
    """As viser turns a camera: it looks at a point, and its up is as near to ours as can be."""
    capture = three_views()
    pose = capture.views.camera_to_world[frame]
    at = standing_at(capture, frame)(1.0, WIDE)
    np.testing.assert_allclose(at.position, pose[:, 3])
    ahead = (at.look_at - at.position) / np.linalg.norm(at.look_at - at.position)
    up = at.up - (at.up @ ahead) * ahead
    np.testing.assert_allclose(np.stack([ahead, up / np.linalg.norm(up)]), [-pose[:, 2], pose[:, 1]], atol=1e-9)


def test_orbits_are_upright_unless_the_world_s_up_is_along_the_axis():
    capture = three_views()
    np.testing.assert_allclose(standing_at(capture, NEAR)(1.0, WIDE).up, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(standing_at(capture, REFERENCE)(1.0, WIDE).up, [0, 1, 0])


@pytest.mark.parametrize(("aspect", "half"), [(WIDE, HEIGHT / 2), (NARROW, WIDTH / 2 / NARROW)])
def test_the_whole_photograph_just_fits_into_the_page(aspect, half):
    at = standing_at(three_views(), REFERENCE)(1.0, aspect)
    assert math.tan(at.vertical_fov / 2) == pytest.approx(half / FOCAL_PX)


def test_orbits_what_the_frame_shows():
    """Two of the three axes meet in a plane; with points, these tell."""
    points = np.stack([np.linspace(-0.1, 0.1, 20), np.zeros(20), np.linspace(-5.0, -3.0, 20)], axis=1)
    assert depth_in_middle(three_views(points=points).views, REFERENCE) == pytest.approx(4.0)
    poses = np.tile(np.eye(3, 4), (3, 1, 1))
    for pose, x in zip(poses, (-1.0, 0.0, 1.0), strict=True):
        ahead = np.array([-x, 0.0, -2.0]) / math.hypot(x, 2.0)
        pose[:, 0], pose[:, 2], pose[0, 3] = np.cross(ahead, [0.0, 1.0, 0.0]), -ahead, x
    assert depth_in_middle(three_views(camera_to_world=poses).views, REFERENCE) == pytest.approx(2.0)


class PageCamera(SimpleNamespace):
    """viser's handle of a page's camera, as far as it is set."""

    def on_update(self, callback):
        self.report = callback


def test_a_page_keeps_to_the_photograph_until_the_user_moves_it():
    camera = PageCamera(position=np.zeros(3), fov=1.3, aspect=WIDE)
    page = PageView(standing_at(three_views(), NEAR), SimpleNamespace(camera=camera, atomic=nullcontext))
    np.testing.assert_allclose(camera.position, VISER_NERFSTUDIO_SCALE_RATIO * np.array([0.5, -2.0, 0.25]))
    camera.aspect = NARROW
    camera.report(camera)
    assert math.tan(camera.fov / 2) == pytest.approx(WIDTH / 2 / NARROW / FOCAL_PX)
    page.stand(standing_at(three_views(), REFERENCE))
    np.testing.assert_allclose(camera.position, 0)
    camera.position, camera.aspect = np.array([0.0, 1.0, 0.0]), WIDE
    camera.report(camera)
    np.testing.assert_allclose(camera.position, [0.0, 1.0, 0.0])


def lattice() -> torch.Tensor:
    rows, columns = ((torch.arange(size) + 0.5) / size for size in (HEIGHT, WIDTH))
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).reshape(-1, 2)


@pytest.mark.parametrize("frame", [NEAR, REFERENCE, FAR])
def test_the_rays_of_a_frame_are_its_pixels(frame):
    learned = learned_views()
    rays = learned.view_of_frame(frame).rays(slice(None), 0.0)
    uv, is_seen = seen_in_frame(rays, learned.capture, frame)
    torch.testing.assert_close(uv, lattice(), atol=1e-5, rtol=0)
    assert is_seen.all()


def test_distorted_photographs_are_found_where_training_finds_them():
    """Training takes the distortion away; the viewer adds it."""
    bent = np.tile([0.08, -0.02, 0.0, 0.0, 0.004, -0.003], (3, 1))
    capture = three_views(distortion=bent)
    rows, columns = (
        values.flatten() for values in torch.meshgrid(torch.arange(2, 18), torch.arange(3, 27), indexing="ij")
    )
    frames = torch.zeros(3, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    sampler = ViewSampler(view_cameras(capture, (0, 1, 2)), frames, capture, (0, 1, 2), "cpu")
    uv, is_seen = seen_in_frame(sampler.rays(torch.full_like(rows, NEAR), rows, columns), capture, NEAR)
    pixels = torch.stack([columns + 0.5, rows + 0.5], -1)
    torch.testing.assert_close(uv * torch.tensor([WIDTH, HEIGHT]), pixels, atol=1e-3, rtol=0)
    assert is_seen.all()


def test_from_elsewhere_beside_it_or_behind_nothing_is_seen():
    learned = learned_views()
    rays = learned.view_of_frame(NEAR).rays(slice(None), 0.0)
    for other in (
        rays._replace(origins=rays.origins + torch.tensor([0.0, 0.0, 0.01])),
        rays._replace(directions=-rays.directions),
        learned.view_of_frame(REFERENCE).rays(slice(None), 0.0),
    ):
        assert not seen_in_frame(other, learned.capture, NEAR)[1].any()
    wider = learned.view_of_frame(NEAR)
    beside = wider.rays(slice(None), 0.0).directions[:1] + 0.4 * torch.tensor([[-1.0, -0.4, 0.0]])
    assert not seen_in_frame(rays._replace(directions=beside.expand_as(rays.directions)), learned.capture, NEAR)[
        1
    ].any()
