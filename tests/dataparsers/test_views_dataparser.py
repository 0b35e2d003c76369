"""`neucam-3d-data`: cameras in nerfstudio's world, and the capture that goes with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from neucam_nerfstudio.dataparsers.views_dataparser import Neucam3dDataParserConfig, Neucam3dDataParserSpecification
from neucam_nerfstudio.errors import NeucamError

from ..capture.views.view_files import FOCAL_PX, HEIGHT, WIDTH, frames, write_transforms

SETTINGS = {"focus_distance_m": [2, 4, 2, 4], "exposure_stops": [-1, 1, 1, -1]}


def outputs(folder, split="train", **options):
    return Neucam3dDataParserConfig(data=folder, **options).setup().get_dataparser_outputs(split)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"orientation_method": "vertical", "center_method": "focus"},
        {"orientation_method": "none", "auto_scale_poses": False, "scale_factor": 3.0},
    ],
)
@pytest.mark.parametrize("applied", [{}, {"applied_transform": [[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, -1, 0]]}])
def test_cameras_are_where_nerfstudio_puts_them(tmp_path, options, applied):
    folder = write_transforms(tmp_path, frames(**SETTINGS), fl_y=FOCAL_PX, k1=0.01, **applied)
    ours = outputs(folder, **options)
    theirs = NerfstudioDataParserConfig(data=folder, eval_mode="all", **options).setup().get_dataparser_outputs()
    assert torch.allclose(ours.cameras.camera_to_worlds, theirs.cameras.camera_to_worlds, atol=1e-5)
    assert torch.allclose(ours.cameras.get_intrinsics_matrices(), theirs.cameras.get_intrinsics_matrices())
    assert torch.allclose(ours.cameras.distortion_params[0], theirs.cameras.distortion_params[0])
    assert torch.allclose(ours.dataparser_transform, theirs.dataparser_transform, atol=1e-6)
    assert ours.dataparser_scale == pytest.approx(theirs.dataparser_scale)


def test_metres_are_known_in_nerfstudios_world(tmp_path):
    train = outputs(write_transforms(tmp_path, frames(**SETTINGS)))
    views = train.metadata["capture"].views
    assert views.metres_per_unit * train.dataparser_scale == pytest.approx(1)
    assert np.allclose(views.camera_to_world, train.cameras.camera_to_worlds.numpy(), atol=1e-6)
    assert train.metadata["pixels"].capture is train.metadata["capture"]


def test_settings_travel_with_the_cameras(tmp_path):
    train = outputs(write_transforms(tmp_path, frames(**SETTINGS)))
    assert train.cameras.metadata["focus_index"].tolist() == [[1], [0], [1], [0]]
    assert train.cameras.metadata["exposure_index"].tolist() == [[0], [1], [1], [0]]


def test_rays_of_a_picture_of_half_the_size_look_the_same_way(tmp_path):
    folder = write_transforms(tmp_path, frames(**SETTINGS))
    whole, half = (outputs(folder, downscale_factor=factor).cameras for factor in (None, 2))
    assert (half.width[0].item(), half.height[0].item()) == (WIDTH // 2, HEIGHT // 2)
    place = torch.tensor([[4.0, 6.0]])
    rays = [cameras.generate_rays(0, coords=at).directions for cameras, at in ((whole, place), (half, place / 2))]
    assert torch.allclose(*rays, atol=1e-6)


def test_held_out_views_are_the_evaluation_split(tmp_path):
    folder = write_transforms(tmp_path, frames(split=["train", "train", "test", "test"]))
    assert [path.stem for path in outputs(folder).image_filenames] == ["a", "b"]
    assert [path.stem for path in outputs(folder, "val").image_filenames] == ["c", "d"]


def test_the_table_and_what_was_chosen_are_printed(tmp_path, capsys):
    outputs(write_transforms(tmp_path, frames(**SETTINGS)))
    said = " ".join(capsys.readouterr().out.split())
    assert "2 m by transforms.json" in said
    assert "one unit is assumed to be one metre" in said


def test_a_factor_must_be_whole(tmp_path):
    with pytest.raises(NeucamError, match=r"--downscale-factor 1\.5: expected a whole number from 1"):
        outputs(write_transforms(tmp_path, frames()), downscale_factor=1.5)


def test_nerfstudio_finds_it_under_its_name():
    from importlib.metadata import EntryPoint

    point = EntryPoint(
        "neucam-3d-data", "neucam_nerfstudio.dataparsers.views_dataparser:Neucam3dDataParserSpecification", "group"
    )
    assert point.load() is Neucam3dDataParserSpecification
