"""Pixels arrive exactly as they are in their files, on rays that a camera would send through them."""

from __future__ import annotations

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from neucam_nerfstudio.datasets.exposure_groups import exposure_groups, single_frames
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler
from neucam_nerfstudio.scene.image_plane import ImagePlane

HEIGHT, WIDTH = 3, 5
PLANE = ImagePlane(HEIGHT, WIDTH)
FOCUS_INDEX = torch.tensor([0, 0, 1])
STOPS = torch.tensor([-2.0, 0.0, 2.0])


def cameras() -> Cameras:
    """Three frames: two exposures of one focus setting, and one of another."""
    return Cameras(
        PLANE.camera_to_world.expand(3, 3, 4).clone(),
        *(PLANE.focal_length_px, PLANE.focal_length_px, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT),
        times=torch.tensor([[0.0], [0.5], [1.0]]),
        metadata={
            "focus_index": FOCUS_INDEX[:, None],
            "focus_position": torch.tensor([[-1.0], [-1.0], [1.0]]),
            "exposure_index": torch.tensor([[0], [1], [2]]),
            "exposure_stops": STOPS[:, None],
        },
    )


def all_values(dtype: torch.dtype) -> torch.Tensor:
    """Three frames that together go through the whole range of a number type."""
    steps = torch.linspace(0, 1, 3 * HEIGHT * WIDTH * 3, dtype=torch.float64).reshape(3, HEIGHT, WIDTH, 3)
    if dtype == torch.float32:
        return steps.float()
    return torch.round(steps * torch.iinfo(dtype).max).to(torch.int64).to(dtype)


def places(rays) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the pixels that rays go through."""
    uv, _, inside = PLANE.intersect(rays.origins, rays.directions)
    assert inside.all()
    column, row = uv[:, 0] * WIDTH - 0.5, uv[:, 1] * HEIGHT - 0.5
    torch.testing.assert_close(column, column.round(), atol=1e-4, rtol=0)
    return row.round().long(), column.round().long()


@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.uint16, 65535), (torch.float32, 1)], ids=str)
def test_values_are_exact_in_every_number_type(dtype, white):
    frames = all_values(dtype)
    rays, batch = PixelSampler(frames, cameras(), "cpu").sample(400, single_frames(3))
    row, column = places(rays)
    photographed = frames.to(torch.float64)[rays.camera_indices[:, 0], row, column]
    if dtype == torch.uint16:
        assert (photographed > 32767).any()
    assert batch["image"].dtype == torch.float32
    assert torch.equal(batch["image"], (photographed / white).float())


def test_every_16_bit_value_survives():
    frames = torch.arange(65536 * 3).remainder(65536).reshape(1, 256, 256, 3).to(torch.uint16)
    sampler = PixelSampler(frames, cameras()[0:1], "cpu")
    values = sampler._values(torch.zeros(65536, 1, dtype=torch.long), torch.arange(65536)[:, None])
    assert torch.equal(torch.round(values * 65535).flatten().long(), frames.flatten().long())


def test_pixels_and_frames_are_drawn_evenly():
    torch.manual_seed(0)
    rays, _ = PixelSampler(all_values(torch.uint8), cameras(), "cpu").sample(30_000, single_frames(3))
    row, column = places(rays)
    counts = torch.bincount((rays.camera_indices[:, 0] * HEIGHT + row) * WIDTH + column)
    assert len(counts) == 3 * HEIGHT * WIDTH
    expected = 30_000 / len(counts)
    assert (counts - expected).abs().max() < 6 * expected**0.5


def test_a_ray_serves_all_exposures_of_its_focus_setting():
    frames = all_values(torch.uint8)
    rays, batch = PixelSampler(frames, cameras(), "cpu").sample(200, exposure_groups(FOCUS_INDEX))
    row, column = places(rays)
    assert batch["image"].shape == (200, 2, 3) and rays.metadata["exposure_stops"].shape == (200, 2)
    for ray in range(200):
        members = [0, 1] if rays.metadata["focus_index"][ray, 0] == 0 else [2, 2]
        assert rays.metadata["exposure_stops"][ray].tolist() == STOPS[members].tolist()
        torch.testing.assert_close(batch["image"][ray], frames[members, row[ray], column[ray]] / 255)
        assert batch["is_frame"][ray].tolist() == [True, members[1] == 1]


def test_settings_of_single_frames_are_columns():
    rays, batch = PixelSampler(all_values(torch.uint8), cameras(), "cpu").sample(50, single_frames(3))
    assert {key: tuple(value.shape) for key, value in rays.metadata.items()} == dict.fromkeys(
        ("focus_index", "focus_position", "exposure_index", "exposure_stops"), (50, 1)
    )
    frame = rays.camera_indices
    assert torch.equal(rays.metadata["exposure_index"], frame)
    assert torch.equal(rays.metadata["focus_index"], FOCUS_INDEX[frame])
    assert torch.equal(rays.times, frame * 0.5)
    assert "is_frame" not in batch and batch["image"].shape == (50, 3)


def test_rays_are_those_of_nerfstudio_s_cameras():
    rays, _ = PixelSampler(all_values(torch.uint8), cameras(), "cpu").sample(40, single_frames(3))
    row, column = places(rays)
    coords = torch.stack([row + 0.5, column + 0.5], -1)
    expected = cameras().generate_rays(camera_indices=rays.camera_indices, coords=coords)
    torch.testing.assert_close(rays.origins, expected.origins)
    torch.testing.assert_close(rays.directions, expected.directions)
    assert rays.directions.norm(dim=-1).tolist() == pytest.approx([1.0] * 40)
    assert rays.pixel_area.shape == expected.pixel_area.shape
    axis = torch.tensor([[HEIGHT / 2, WIDTH / 2]])
    on_axis = cameras().generate_rays(camera_indices=torch.tensor([[0]]), coords=axis).pixel_area.item()
    assert rays.pixel_area[0].item() == pytest.approx(on_axis, rel=0.05)
