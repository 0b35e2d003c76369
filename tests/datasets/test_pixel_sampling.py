"""Pixels arrive exactly as they are in their files, on rays that a camera would send through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.datasets.capture_datamanager import as_bundle
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler, exposure_groups, single_frames
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.scene import Rays

HEIGHT, WIDTH = 3, 5
PLANE = ImagePlane(HEIGHT, WIDTH)
FOCUS_INDEX = torch.tensor([0, 0, 1])
"""Of three frames: two exposures of one focus setting, and one of another."""


def sampler_of(pixels: torch.Tensor, desk: Capture) -> PixelSampler:
    """Of frames that are photographed one after the other, each with an exposure of its own."""
    frames = tuple(
        replace(desk.frames[i], focus_index=focus, exposure_index=i) for i, focus in enumerate(FOCUS_INDEX.tolist())
    )
    number_type = pixels.numpy().dtype
    capture = replace(desk, frames=frames, number_type=number_type, times=(0.0, 0.5, 1.0))
    return PixelSampler(pixels, capture, range(len(pixels)), "cpu")


def all_values(dtype: torch.dtype) -> torch.Tensor:
    """Three frames that together go through the whole range of a number type."""
    steps = torch.linspace(0, 1, 3 * HEIGHT * WIDTH * 3, dtype=torch.float64).reshape(3, HEIGHT, WIDTH, 3)
    if dtype == torch.float32:
        return steps.float()
    return torch.round(steps * torch.iinfo(dtype).max).to(torch.int64).to(dtype)


def places(rays: Rays) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the pixels that rays go through."""
    uv, _, inside = PLANE.intersect(rays.origins, rays.directions)
    assert inside.all()
    column, row = uv[:, 0] * WIDTH - 0.5, uv[:, 1] * HEIGHT - 0.5
    torch.testing.assert_close(column, column.round(), atol=1e-4, rtol=0)
    return row.round().long(), column.round().long()


@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.uint16, 65535), (torch.float32, 1)], ids=str)
def test_values_are_exact_in_every_number_type(desk, dtype, white):
    frames = all_values(dtype)
    sampled = sampler_of(frames, desk).sample(400, single_frames(3))
    row, column = places(sampled.rays)
    photographed = frames.to(torch.float64)[sampled.frame_index, row, column]
    if dtype == torch.uint16:
        assert (photographed > 32767).any()
    assert sampled.ldr.dtype == torch.float32
    assert torch.equal(sampled.ldr[:, 0], (photographed / white).float())


def test_every_16_bit_value_survives(desk):
    frames = torch.arange(65536 * 3).remainder(65536).reshape(1, 256, 256, 3).to(torch.uint16)
    sampler = sampler_of(frames, desk)
    values = sampler._values(torch.zeros(65536, 1, dtype=torch.long), torch.arange(65536)[:, None])
    assert torch.equal(torch.round(values * 65535).flatten().long(), frames.flatten().long())


def test_pixels_and_frames_are_drawn_evenly(desk):
    torch.manual_seed(0)
    sampled = sampler_of(all_values(torch.uint8), desk).sample(30_000, single_frames(3))
    row, column = places(sampled.rays)
    counts = torch.bincount((sampled.frame_index * HEIGHT + row) * WIDTH + column)
    assert len(counts) == 3 * HEIGHT * WIDTH
    expected = 30_000 / len(counts)
    assert (counts - expected).abs().max() < 6 * expected**0.5


def test_a_ray_serves_all_exposures_of_its_focus_setting(desk):
    frames = all_values(torch.uint8)
    sampled = sampler_of(frames, desk).sample(200, exposure_groups(FOCUS_INDEX))
    row, column = places(sampled.rays)
    assert sampled.ldr.shape == (200, 2, 3) and sampled.exposure_index.shape == (200, 2)
    for ray in range(200):
        members = [0, 1] if sampled.focus_index[ray, 0] == 0 else [2, 2]
        assert sampled.exposure_index[ray].tolist() == members
        torch.testing.assert_close(sampled.ldr[ray], frames[members, row[ray], column[ray]] / 255)
        assert sampled.is_frame[ray].tolist() == [True, members[1] == 1]


def test_pixels_that_a_frame_does_not_cover_are_no_frame_s(desk):
    frames = all_values(torch.uint8)
    covered = np.random.default_rng(0).random((3, HEIGHT, WIDTH)) < 0.7
    sampler = sampler_of(frames, desk)
    sampler.covered = torch.from_numpy(covered.reshape(3, -1))
    sampled = sampler.sample(300, exposure_groups(FOCUS_INDEX))
    row, column = places(sampled.rays)
    for ray in range(300):
        members, padded = ([0, 1], False) if sampled.focus_index[ray, 0] == 0 else ([2, 2], True)
        expected = covered[members, row[ray], column[ray]] & [True, not padded]
        assert sampled.is_frame[ray].tolist() == expected.tolist()
    _, batch = as_bundle(sampler.sample(20, single_frames(3)))
    assert batch["is_frame"].shape == (20,) and batch["image"].shape == (20, 3)


def test_nerfstudio_gets_settings_of_single_frames_as_columns(desk):
    rays, batch = as_bundle(sampler_of(all_values(torch.uint8), desk).sample(50, single_frames(3)))
    settings = {key: tuple(value.shape) for key, value in rays.metadata.items()}
    assert settings == dict.fromkeys(("focus_index", "exposure_index"), (50, 1))
    frame = rays.camera_indices
    assert torch.equal(rays.metadata["exposure_index"], frame)
    assert torch.equal(rays.metadata["focus_index"], FOCUS_INDEX[frame])
    assert torch.equal(rays.times, frame * 0.5)
    assert "is_frame" not in batch and batch["image"].shape == (50, 3)


def test_rays_are_those_of_nerfstudio_s_cameras(desk):
    sampled = sampler_of(all_values(torch.uint8), desk).sample(40, single_frames(3))
    row, column = places(sampled.rays)
    focal_length_px, centre = PLANE.focal_length_px, (WIDTH / 2, HEIGHT / 2)
    camera = Cameras(PLANE.camera_to_world[None], focal_length_px, focal_length_px, *centre, WIDTH, HEIGHT)
    first = torch.zeros(40, 1, dtype=torch.long)
    expected = camera.generate_rays(camera_indices=first, coords=torch.stack([row + 0.5, column + 0.5], -1))
    torch.testing.assert_close(sampled.rays.origins, expected.origins)
    torch.testing.assert_close(sampled.rays.directions, expected.directions)
    np.testing.assert_allclose(sampled.rays.directions.norm(dim=-1), 1, rtol=1e-6)


def test_frames_of_a_focus_setting_are_together():
    groups = exposure_groups(torch.tensor([0, 1, 0, 1]))
    assert groups.frame_index.tolist() == [[0, 2], [1, 3]]
    assert groups.is_frame is None


def test_smaller_groups_are_padded_with_their_own_first_frame():
    groups = exposure_groups(torch.tensor([5, 2, 5, 5, 9]))
    assert groups.frame_index.tolist() == [[1, 1, 1], [0, 2, 3], [4, 4, 4]]
    assert groups.is_frame.tolist() == [[True, False, False], [True, True, True], [True, False, False]]


def test_every_frame_occurs_once_outside_of_the_padding():
    groups = exposure_groups(torch.tensor([0, 0, 3, 1, 1, 1, 0]))
    assert sorted(groups.frame_index[groups.is_frame].tolist()) == list(range(7))


def test_single_frames_are_never_padded():
    groups = single_frames(3)
    assert groups.frame_index.tolist() == [[0], [1], [2]] and groups.is_frame is None


def test_move_to_a_device_with_and_without_padding():
    for groups in (exposure_groups(torch.tensor([0, 0, 1])), single_frames(2)):
        moved = groups.to("meta")
        assert moved.frame_index.is_meta
        assert (moved.is_frame is None) == (groups.is_frame is None)
