"""Photographs that are linear light, known to be or said to be, are started and trained as such."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.published.scene import SirenSceneConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces
from neucam_nerfstudio.training.optimizers import FusedAdam

from ..learned import learn
from ..nerfstudio_models import datamanager, model_of, run_before_step

SHARES_OF_WHITE = (0.05, 0.2, 0.8)


@pytest.fixture(scope="module")
def stripes() -> np.ndarray:
    """Three shares of white side by side, 60 x 90, as 16 bits."""
    shares = np.repeat(np.array(SHARES_OF_WHITE), 30)[None, :, None] * np.ones((60, 1, 3))
    return np.rint(65535 * shares).astype(np.uint16)


@pytest.fixture
def raw_stack(desk, stripes):
    """A focus stack at one exposure, of RAW files."""
    return dataclasses.replace(
        desk,
        exposures=dataclasses.replace(desk.exposures, stops=(0.0, 0.0, 0.0)),
        linear_light=True,
        number_type=np.dtype(np.uint16),
    )


def shares_of_white(learned, time: float) -> list[float]:
    uv = torch.tensor([[1 / 6, 0.5], [0.5, 0.5], [5 / 6, 0.5]])
    radiance = learned.scene.radiance(PlanePlaces(uv, torch.full((3, 1), time))).detach()
    return (radiance[:, 1] / learned.camera.response.log_white.exp()).tolist()


@pytest.mark.parametrize("response", [MonotoneCurveConfig(), SrgbResponseConfig()])
def test_a_raw_stack_at_one_exposure_shows_the_light_that_fell_on_it(raw_stack, stripes, response):
    learned = learn(raw_stack, response=response)
    assert learned.notes() == ["RAW files are developed to linear light: the camera has no response to learn."]
    learned.start(lambda index: stripes)
    assert shares_of_white(learned, 0.0) == pytest.approx(SHARES_OF_WHITE, rel=0.02)


def test_moments_in_raw_show_the_light_that_fell_on_them(desk_with_frames, stripes):
    capture = desk_with_frames(3)
    frames = tuple(dataclasses.replace(frame, exposure_index=0) for frame in capture.frames)
    exposures = dataclasses.replace(capture.exposures, stops=(0.0,))
    uint16 = np.dtype(np.uint16)
    raw = dataclasses.replace(capture, frames=frames, exposures=exposures, linear_light=True, number_type=uint16)
    learned = learn(raw, MovingGridSceneConfig(), BlurConfig(), response=SrgbResponseConfig())
    learned.start(lambda index: stripes)
    assert shares_of_white(learned, 0.5) == pytest.approx(SHARES_OF_WHITE, rel=0.02)


def linear_bracket(folder, stops) -> None:
    """Writes over a capture's photographs what a camera without a response would have taken at its focus 1."""
    import tifffile

    truth = read_radiance(folder / "gt" / "all_in_focus_hdr.exr")
    for path in folder.glob("F*.png"):
        path.unlink()
    for index, one in enumerate(stops):
        ldr = np.clip(truth / np.percentile(truth, 90) * 2.0**one, 0, 1)
        tifffile.imwrite(folder / f"F0E{index}.tif", np.rint(65535 * ldr).astype(np.uint16), photometric="rgb")


@pytest.fixture
def linear_manager(tiny_capture):
    """Data manager of such a bracket."""
    linear_bracket(tiny_capture, (-3, 0, 3))
    return datamanager(tiny_capture)


def test_said_to_be_linear_a_bracket_starts_as_its_photographs(linear_manager):
    model = model_of(linear_manager.train_dataset.metadata["capture"], response=ResponseConfig())
    run_before_step(model, 0)
    rays, batch = linear_manager.next_train(0)
    assert model.get_metrics_dict(model.train()(rays), batch)["psnr"] > 60


def test_light_above_the_median_learns_as_the_rest_does(linear_manager):
    model = model_of(linear_manager.train_dataset.metadata["capture"], response=ResponseConfig()).train()
    run_before_step(model, 0)
    with torch.no_grad():
        model.learned.scene.field.pyramid.grids[0].sub_(0.2)
    rays, batch = linear_manager.next_train(0)
    is_bright = (batch["image"] > batch["image"].median()) & (batch["image"] < 1)
    before = (model(rays)["rgb"] - batch["image"]).abs()[is_bright].mean()
    learned(model, rays, batch)
    assert (model(rays)["rgb"] - batch["image"]).abs()[is_bright].mean() < 0.5 * before


def test_without_an_estimate_linear_photographs_are_learned_too(linear_manager):
    capture = linear_manager.train_dataset.metadata["capture"]
    model = model_of(capture, scene=SirenSceneConfig(atlas_width=64), response=ResponseConfig()).train()
    run_before_step(model, 0)
    rays, batch = linear_manager.next_train(0)
    before = model.get_metrics_dict(model(rays), batch)["psnr"]
    assert learned(model, rays, batch, learning_rate=1e-3) > before + 1


def learned(model, rays, batch, learning_rate: float = 0.02) -> float:
    """PSNR in dB after some steps on the same rays."""
    optimizer = FusedAdam([{"params": group} for group in model.get_param_groups().values()], lr=learning_rate)
    for _ in range(15):
        sum(model.get_loss_dict(model(rays), batch).values()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.get_metrics_dict(model(rays), batch)["psnr"].item()
