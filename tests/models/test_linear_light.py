"""Photographs that are linear light, known to be or said to be, are started and trained as such."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models import classical_start, moving_start
from neucam_nerfstudio.training.optimizers import FusedAdam

from .conftest import start
from .test_neucam_model import datamanager

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
        number_type=stripes.dtype,
    )


def shares_of_white(model, times) -> list[float]:
    uv = torch.tensor([[1 / 6, 0.5], [0.5, 0.5], [5 / 6, 0.5]])
    radiance = model.scene.radiance(uv, times).detach()
    return (radiance[:, 1] / model.camera.response.log_white.exp()).tolist()


@pytest.mark.parametrize("response", ["monotone", "srgb"])
def test_a_raw_stack_at_one_exposure_shows_the_light_that_fell_on_it(build_model, raw_stack, stripes, response, capsys):
    model = build_model(raw_stack, response=response)
    assert "RAW files are developed to linear light" in capsys.readouterr().out
    classical_start.start_from_photographs(model.scene, model.camera, raw_stack, np.repeat(stripes[None], 9, axis=0))
    assert shares_of_white(model, torch.zeros(3, 1)) == pytest.approx(SHARES_OF_WHITE, rel=0.02)


def test_moments_in_raw_show_the_light_that_fell_on_them(build_model, desk_with_frames, stripes):
    capture = desk_with_frames(3)
    frames = tuple(dataclasses.replace(frame, exposure_index=0) for frame in capture.frames)
    exposures = dataclasses.replace(capture.exposures, stops=(0.0,))
    pixels = np.repeat(stripes[None], 3, axis=0)
    raw = dataclasses.replace(capture, frames=frames, exposures=exposures, linear_light=True, number_type=pixels.dtype)
    model = build_model(raw, scene="moving-grid", blur="none", response="srgb")
    moving_start.start_from_photographs(model.scene, model.camera, raw, pixels)
    assert shares_of_white(model, torch.full((3, 1), 0.5)) == pytest.approx(SHARES_OF_WHITE, rel=0.02)


def test_published_responses_are_learned_from_raw_files_too(build_model, raw_stack):
    response = build_model(raw_stack, response="neural-curve").camera.response
    assert not isinstance(response, LinearResponse)


@pytest.mark.parametrize(
    ("number_type", "said"), [(np.uint8, False), (np.uint16, True), (np.float32, True)], ids=["8", "16", "float"]
)
def test_what_may_be_linear_and_is_read_as_srgb_is_said(build_model, desk, number_type, said, capsys):
    capture = dataclasses.replace(desk, number_type=np.dtype(number_type))
    build_model(capture, response="srgb")
    message = "Pixel values are read as sRGB; --pipeline.model.response none takes them for linear light."
    assert (message in " ".join(capsys.readouterr().out.split())) == said


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


def test_said_to_be_linear_a_bracket_starts_as_its_photographs(build_model, linear_manager):
    model = build_model(linear_manager.train_dataset.metadata["capture"], response="none")
    start(model, linear_manager.train_dataset)
    rays, batch = linear_manager.next_train(0)
    assert model.get_metrics_dict(model.train()(rays), batch)["psnr"] > 60


def test_light_above_the_median_learns_as_the_rest_does(build_model, linear_manager):
    model = build_model(linear_manager.train_dataset.metadata["capture"], response="none").train()
    start(model, linear_manager.train_dataset)
    with torch.no_grad():
        model.scene.pyramid.grids[0].sub_(0.2)
    rays, batch = linear_manager.next_train(0)
    is_bright = (batch["image"] > batch["image"].median()) & (batch["image"] < 1)
    before = (model(rays)["rgb"] - batch["image"]).abs()[is_bright].mean()
    learned(model, rays, batch)
    assert (model(rays)["rgb"] - batch["image"]).abs()[is_bright].mean() < 0.5 * before


def test_without_a_classical_start_linear_photographs_are_learned_too(build_model, linear_manager):
    capture = linear_manager.train_dataset.metadata["capture"]
    model = build_model(capture, response="none", start_from_classical=False).train()
    start(model, linear_manager.train_dataset)
    rays, batch = linear_manager.next_train(0)
    before = model.get_metrics_dict(model(rays), batch)["psnr"]
    assert learned(model, rays, batch) > before + 1


def learned(model, rays, batch) -> float:
    """PSNR in dB after some steps on the same rays."""
    optimizer = FusedAdam([{"params": group} for group in model.get_param_groups().values()], lr=0.02)
    for _ in range(15):
        sum(model.get_loss_dict(model(rays), batch).values()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.get_metrics_dict(model(rays), batch)["psnr"].item()
