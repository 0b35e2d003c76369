"""The averages of an evaluation come with the scores of the one picture that a run is for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from nerfstudio.pipelines.base_pipeline import VanillaPipeline
from torch import Tensor, nn

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import frame_cameras
from neucam_nerfstudio.models.evaluation_scores import score_reference
from neucam_nerfstudio.training.pipeline import NeucamPipeline

AVERAGES = {"psnr": 30.0, "psnr_std": 1.0}


class Painted(nn.Module):
    """Renders its photographs' mean, and remembers which camera it was asked for and in which mode."""

    alignment, device = "scale", "cpu"

    def __init__(self, capture) -> None:
        super().__init__()
        self.capture = capture
        self.mean = torch.from_numpy(PixelStore(capture).stack(capture.train_indices).mean(0) / 255).float()

    def get_outputs_for_camera(self, camera) -> dict[str, Tensor]:
        self.camera, self.rendered_in_training = camera, self.training
        return {"hdr": self.mean, "all_in_focus": self.mean.sqrt()}


def pipeline_of(capture) -> NeucamPipeline:
    """A pipeline whose evaluation frames have been scored."""
    pipeline = NeucamPipeline.__new__(NeucamPipeline)
    nn.Module.__init__(pipeline)
    pipeline._model = Painted(capture)
    pipeline.datamanager = SimpleNamespace(
        train_dataset=SimpleNamespace(cameras=frame_cameras(capture, capture.train_indices))
    )
    return pipeline


@pytest.fixture(autouse=True)
def scored_frames(monkeypatch) -> list[tuple]:
    """What nerfstudio's own evaluation was asked for."""
    calls = []

    def averages(self, *arguments):
        calls.append(arguments)
        return dict(AVERAGES)

    monkeypatch.setattr(VanillaPipeline, "get_average_eval_image_metrics", averages)
    return calls


def test_scores_of_the_reference_frame_beside_the_averages(tiny_desk, tmp_path, scored_frames):
    capture = open_capture(tiny_desk, train_frames=("F1*", "F2*"), reference="F2E1")[0]
    pipeline = pipeline_of(capture)
    averages = pipeline.get_average_eval_image_metrics(step=7, output_path=tmp_path, get_std=True)
    assert scored_frames == [(7, tmp_path, True)]
    assert averages == AVERAGES | score_reference(capture, "scale", pipeline.model.get_outputs_for_camera(None))
    assert {"reference_psnr_mu_scale", "reference_flip", "reference_mef_ssim"} <= set(averages)


def test_it_is_rendered_as_the_reference_frame_s_camera_sees_it_and_training_goes_on(tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F1*", "F2*"), reference="F2E1")[0]
    pipeline = pipeline_of(capture).train()
    pipeline.get_average_eval_image_metrics()
    model, reference = pipeline.model, capture.frames[capture.reference_index]
    assert model.camera.metadata["exposure_index"].tolist() == [[reference.exposure_index]]
    assert model.camera.metadata["focus_index"].tolist() == [[reference.focus_index]]
    assert not model.rendered_in_training and model.training


def test_one_exposure_gives_a_photograph(tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F0E1", "F1E1", "F2E1"))[0]
    averages = pipeline_of(capture).get_average_eval_image_metrics()
    wanted = score_reference(capture, "scale", {"all_in_focus": pipeline_of(capture).model.mean.sqrt()})
    assert averages == AVERAGES | wanted
    assert set(wanted) == {"reference_mef_ssim", "reference_q_abf", "reference_tenengrad"}  # radiance alone is known
