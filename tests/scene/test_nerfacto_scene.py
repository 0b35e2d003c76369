"""nerfacto's field as a scene: linear light without an upper end, from all around, and steps that it counts itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.field_components.field_heads import FieldHeadNames

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.image_formation import develop
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import TrainingRays
from neucam_nerfstudio.photometry import encode_srgb
from neucam_nerfstudio.scene.image_plane import directions_ahead, pixel_lattice
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.scene.volume import nerfacto_scene
from neucam_nerfstudio.scene.volume.hash_encoding import HashEncodingOnDevice
from neucam_nerfstudio.scene.volume.nerfacto_scene import (
    NerfactoScene,
    NerfactoSceneConfig,
    anneal_at,
    box_looked_at,
    steps_to_wait,
)
from neucam_nerfstudio.scene.volume.volume_scene import VolumeScene, VolumeSceneConfig

from ..learned import capture_of, learn
from .posed_views import FOCAL_PX, HEIGHT, STOPS, WIDTH, photograph, posed_capture

SMALL = {
    **{"num_levels": 4, "max_res": 64, "log2_hashmap_size": 12},
    **{"num_proposal_samples_per_ray": (24, 16), "num_nerf_samples_per_ray": 12},
}
RING_M, BALL_M = 2.0, 0.7
"""Radius of the circle that cameras stand on, and of the ball in its middle."""


def ring_capture() -> Capture:
    """Cameras on a circle, which look at its middle, with a lens focused there."""
    capture = posed_capture((RING_M,) * 5)
    turns = 2 * math.pi * np.arange(5) / 5
    backward = np.stack([np.sin(turns), 0 * turns, np.cos(turns)], -1)
    right = np.stack([np.cos(turns), 0 * turns, -np.sin(turns)], -1)
    up = np.broadcast_to([0.0, 1.0, 0.0], (5, 3))
    poses = np.stack([right, up, backward, RING_M * backward], -1)
    return replace(capture, views=replace(capture.views, camera_to_world=poses))


def ball_and_sky(rays: Rays) -> torch.Tensor:
    """Radiance of a ball, coloured by where it is hit and up to 4 times white, in a dim sky."""
    along = -(rays.origins * rays.directions).sum(-1, keepdim=True)
    square = BALL_M**2 - rays.origins.square().sum(-1, keepdim=True) + along.square()
    hit = rays.origins + (along - square.clamp(min=0).sqrt()) * rays.directions
    return torch.where(square > 0, 2 * torch.exp(hit), 0.05 + 0.03 * rays.directions)


def ring_rays(capture: Capture, frame: torch.Tensor, uv: torch.Tensor) -> Rays:
    """Rays of frames through places (u, v) of their pictures."""
    pose = torch.from_numpy(capture.views.camera_to_world).float()[frame]
    tangents = (uv - 0.5) * torch.tensor([WIDTH, HEIGHT]) / FOCAL_PX
    directions = torch.nn.functional.normalize(directions_ahead(tangents, pose[:, :, :3]), dim=-1)
    return Rays(pose[:, :, 3], directions, torch.zeros(len(frame), 1), -pose[:, :, 2])


def pixel_values(rays: Rays, frame: torch.Tensor) -> torch.Tensor:
    light = ball_and_sky(rays) * 2 ** torch.tensor(STOPS)[frame % 2, None]
    return torch.from_numpy(encode_srgb(light.clamp(0, 1).numpy())).float()


def ring_photograph(capture: Capture, index: int) -> np.ndarray:
    frame = torch.full((HEIGHT * WIDTH,), index)
    shown = pixel_values(ring_rays(capture, frame, pixel_lattice(HEIGHT, WIDTH).reshape(-1, 2)), frame)
    return np.rint(255 * shown.view(HEIGHT, WIDTH, 3).numpy()).astype(np.uint8)


class OpaqueBall(torch.nn.Module):
    """Density and log radiance of an opaque ball of radius 0.5 in the middle of the box, radiance 100 / e."""

    def density_fn(self, positions: torch.Tensor) -> torch.Tensor:
        return torch.where(positions.norm(dim=-1, keepdim=True) < 0.5, 1e4, 0.0)

    def forward(self, samples):
        positions = samples.frustums.get_positions()
        return {
            FieldHeadNames.DENSITY: self.density_fn(positions),
            FieldHeadNames.RGB: torch.full_like(positions, math.log(100.0) - 1),
        }


def test_it_is_chosen_by_its_name():
    """As `--pipeline.model.scene nerfacto` does, which types the kind."""
    assert VolumeSceneConfig(kind="nerfacto").chosen() == NerfactoSceneConfig()


def test_one_view_is_refused():
    with pytest.raises(NeucamError, match="nerfacto: takes many views"):
        NerfactoScene(NerfactoSceneConfig(**SMALL), capture_of(8, 8))


def test_volume_names_it_where_cameras_look_all_ways():
    with pytest.raises(NeucamError, match=r"all\s+around, --pipeline.model.scene nerfacto"):
        VolumeScene(VolumeSceneConfig(), ring_capture())


def test_the_box_holds_cameras_and_what_they_look_at():
    centre, reach = box_looked_at(ring_capture())
    np.testing.assert_allclose(centre[1], 0, atol=1e-9)
    assert reach == pytest.approx(RING_M, rel=0.1)
    centre, reach = box_looked_at(posed_capture((2.0, 4.0, 2.0, 4.0, 2.0)))  # all look along -z from z = 0
    np.testing.assert_allclose(centre, (0, 0, -1), atol=1e-9)
    assert reach == pytest.approx(1)


def test_opaque_things_are_as_far_away_and_as_bright_as_they_are():
    learned = learn(ring_capture(), NerfactoSceneConfig(num_proposal_samples_per_ray=(256, 128)), BlurConfig()).eval()
    scene = learned.scene
    scene.field, scene.proposals = OpaqueBall(), torch.nn.ModuleList([OpaqueBall(), OpaqueBall()])
    scene.mean_log_radiance.fill_(1.0)
    rays = scene.reference_places(9, 9)
    seen = scene.march(rays)
    to_middle = scene.centre - rays.origins[4, 4]
    nearest = to_middle @ rays.directions[4, 4]
    half_chord = ((0.5 * scene.reach) ** 2 - to_middle.square().sum() + nearest.square()).sqrt()
    assert float(seen.distance[4, 4]) == pytest.approx(float(nearest - half_chord), abs=0.03)
    torch.testing.assert_close(seen.radiance[4, 4], torch.full((3,), 100.0), rtol=1e-3, atol=0)
    uv = scene.reference_uv(rays)
    torch.testing.assert_close(uv[4, 4], torch.tensor([0.5, 0.5]), atol=1e-4, rtol=0)


def test_light_is_above_0_without_an_upper_end_and_starts_as_photographs_are():
    learned = learn(posed_capture(), NerfactoSceneConfig(**SMALL), BlurConfig())
    learned.start(photograph)
    learned.eval()
    rays = learned.scene.reference_places(6, 8).reshaped(48)
    with torch.no_grad():
        radiance = learned.scene.march(rays).radiance
        developed = develop(learned.camera.response, radiance, torch.full((48, 1), STOPS[0]))
        assert float(developed.mean()) == pytest.approx(np.median(photograph(0)) / 255, abs=0.12)
        learned.scene.field.mlp_head.layers[-1].bias.fill_(7.0)
        assert learned.scene.march(rays).radiance.min() > 500 * radiance.max()
        learned.scene.field.mlp_head.layers[-1].bias.fill_(-200.0)
        assert learned.scene.march(rays).radiance.min() > 0


def test_pictures_do_not_depend_on_how_many_rays_are_looked_up_together(monkeypatch):
    scene = learn(posed_capture(), NerfactoSceneConfig(**SMALL), BlurConfig()).eval().scene
    rays = scene.reference_places(6, 8)
    with torch.no_grad():
        together = scene.march(rays)
        monkeypatch.setattr(nerfacto_scene, "RAYS_AT_ONCE", 7)
        for one, other in zip(scene.march(rays), together, strict=True):
            torch.testing.assert_close(one, other)


def test_a_few_steps_from_all_around_lessen_the_error():
    capture = ring_capture()
    learned = learn(capture, NerfactoSceneConfig(**SMALL), BlurConfig())
    learned.start(lambda index: ring_photograph(capture, index))
    learned.train()
    groups = learned.parameter_groups()
    assert set(groups) == {"field", "response"}
    optimizer = torch.optim.Adam(groups["field"], lr=0.02, eps=1e-15)
    errors = []
    for step in range(40):
        frame = torch.randint(5, (150,))
        rays = ring_rays(capture, frame, torch.rand(150, 2))
        ldr, went = learned.photograph_rays(rays, frame[:, None], (frame % 2)[:, None], frame, step)
        error = (ldr[:, 0] - pixel_values(rays, frame)).square().mean()
        losses = learned.losses(went)
        assert set(losses) == {"interlevel", "distortion"}
        optimizer.zero_grad()
        (4 * error + sum(losses.values())).backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert np.mean(errors[-5:]) < 0.8 * np.mean(errors[:3])
    assert learned.scene.losses(TrainingRays(rays, frame, 40)) == {}  # nothing has been marched since


def test_rays_through_the_lens_teach_field_proposals_and_lens():
    capture = ring_capture()
    lens = ThinLensBlurConfig(train_taps=3)
    untold = replace(capture, views=replace(capture.views, f_number=np.full(5, np.nan)))
    learned = learn(untold, NerfactoSceneConfig(**SMALL), lens).train()
    scene = learned.scene
    for step in range(2):  # proposals are not where something is before the second
        frame = torch.randint(5, (40,))
        rays = ring_rays(capture, frame, torch.rand(40, 2))
        ldr, went = learned.photograph_rays(rays, frame[:, None], (frame % 2)[:, None], frame, step)
        learned.zero_grad()
        (ldr.square().mean() + 1e4 * sum(learned.losses(went).values())).backward()
        of_field, of_proposal = scene.field.mlp_head.layers[0].weight.grad, next(scene.proposals[0].parameters()).grad
        assert of_field.abs().max() > 0 and learned.camera.blur.log_radius_m.grad.abs() > 0
        assert of_proposal is not None and torch.isfinite(of_proposal).all()


def test_samples_go_over_to_proposals_and_proposals_learn_more_seldom():
    assert [anneal_at(step) for step in (0, 1000, 10**6)] == [0, 1, 1]
    assert anneal_at(500) == pytest.approx(10 * 0.5 / (9 * 0.5 + 1))
    assert all(steps_to_wait(step) < 0 for step in range(2000))
    assert [steps_to_wait(step) < 0 for step in range(10_000, 10_006)] == [True, False, False, False, False, True]


def test_the_hash_encoding_is_nerfstudios():
    encoding = HashEncoding(num_levels=3, min_res=4, max_res=33, log2_hashmap_size=6, implementation="torch")
    places = torch.rand(50, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(HashEncodingOnDevice(encoding)(places), encoding(places), rtol=0, atol=0)
