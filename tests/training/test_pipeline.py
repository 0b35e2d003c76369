"""The averages of an evaluation come with the scores of the one picture that a run is for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from nerfstudio.pipelines.base_pipeline import VanillaPipeline
from torch import nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.models.evaluation_scores import score_reference
from neucam_nerfstudio.training.pipeline import NeucamPipeline

from ..learned import load_capture, photographs_of
from ..nerfstudio_models import model_of

AVERAGES = {"psnr": 30.0, "psnr_std": 1.0}


def pipeline_of(capture: Capture) -> tuple[NeucamPipeline, list[tuple]]:
    """A pipeline whose evaluation frames have been scored, which renders its photographs' mean; and what that renderer
    is asked for: size, settings, outputs, and whether the model was in training."""
    pipeline = NeucamPipeline.__new__(NeucamPipeline)
    nn.Module.__init__(pipeline)
    pipeline._model, pipeline.pixels = model_of(capture), PixelStore(capture)
    asked = []

    def render(view, settings, names):
        asked.append(((view.height, view.width), settings, tuple(names), pipeline.model.training))
        return {name: picture for name, picture in rendered(capture).items() if name in names}

    pipeline.model.learned.renderer.render = render
    pipeline.datamanager = SimpleNamespace()
    return pipeline, asked


def rendered(capture: Capture) -> dict[str, torch.Tensor]:
    mean = sum(torch.from_numpy(photographs_of(capture)(index) / 255.0) for index in capture.train_indices).float()
    mean = mean / len(capture.train_indices)
    return {"hdr": mean, "all_in_focus": mean.sqrt()}


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
    capture = load_capture(tiny_desk, train_frames=("F1*", "F2*"), reference="F2E1")
    pipeline, _ = pipeline_of(capture)
    averages = pipeline.get_average_eval_image_metrics(step=7, output_path=tmp_path, get_std=True)
    assert scored_frames == [(7, tmp_path, True)]
    assert averages == AVERAGES | score_reference(capture, PixelStore(capture), "scale", rendered(capture))
    assert {"reference_psnr_mu_scale", "reference_flip", "reference_mef_ssim"} <= set(averages)


def test_it_is_rendered_whole_at_the_reference_frame_s_settings_and_training_goes_on(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F1*", "F2*"), reference="F2E1")
    pipeline, asked = pipeline_of(capture)
    pipeline.train().get_average_eval_image_metrics()
    settings = pipeline.model.learned.camera.settings_of_frame(capture.reference_index)
    assert asked == [((60, 90), settings, ("hdr", "all_in_focus"), False)]
    assert settings.frame == capture.reference_index and pipeline.model.training


def test_one_exposure_gives_a_photograph(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F0E1", "F1E1", "F2E1"))
    averages = pipeline_of(capture)[0].get_average_eval_image_metrics()
    wanted = score_reference(capture, PixelStore(capture), "scale", rendered(capture))
    assert averages == AVERAGES | wanted
    assert set(wanted) == {"reference_mef_ssim", "reference_q_abf", "reference_tenengrad"}  # radiance alone is known
