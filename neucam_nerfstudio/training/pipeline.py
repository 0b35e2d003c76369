"""nerfstudio's pipeline, with the camera's back for its viewer, and an evaluation of the one picture a run is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.models.evaluation_scores import score_reference, score_views
from neucam_nerfstudio.models.neucam_model import NeucamModel
from neucam_nerfstudio.viewer.camera_back import CameraBack


@dataclass
class NeucamPipelineConfig(VanillaPipelineConfig):
    """A data manager and a model."""

    _target: type = field(default_factory=lambda: NeucamPipeline)
    """The pipeline."""


class NeucamPipeline(VanillaPipeline):
    """Shows the back of the camera in nerfstudio's viewer, which finds it as an attribute, and scores the all-in-focus
    picture at the reference frame beside the photographs."""

    def __init__(self, config: NeucamPipelineConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        dataset = self.datamanager.train_dataset
        assert dataset is not None  # our data manager always has one
        self.pixels: PixelStore = dataset.metadata["pixels"]
        self.camera_back = CameraBack(self.model, self.pixels.whole)

    @property
    def model(self) -> NeucamModel:
        """Ours, which nerfstudio knows as one of its own."""
        return cast(NeucamModel, super().model)

    def get_average_eval_image_metrics(
        self, step: int | None = None, output_path: Path | None = None, get_std: bool = False
    ) -> dict[str, float]:
        """Mean scores of the evaluation frames, as nerfstudio takes them, and the `reference_*` of `score_reference`.
        Of many views with true radiance, those of `score_views` instead, which are printed with how they are taken.

        Args:
            step: Training step.
            output_path: Folder for the pictures of the evaluation frames.
            get_std: Whether each mean comes with its standard deviation, `<name>_std`; one picture's scores have none.
        """
        averages = super().get_average_eval_image_metrics(step, output_path, get_std)
        learned, capture = self.model.learned, self.model.capture
        if capture.views is not None:
            return averages | self._scores_of_views()
        self.eval()
        settings = learned.camera.settings_of_frame(capture.reference_index)
        outputs = learned.renderer.render(learned.view, settings, ("hdr", "all_in_focus"))
        self.train()
        return averages | score_reference(capture, self.pixels, self.model.alignment, outputs)

    def _scores_of_views(self) -> dict[str, float]:
        self.eval()
        scores, protocol = score_views(self.model.learned, self.model.alignment)
        self.train()
        if scores:
            told = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
            CONSOLE.print(f"{told} ({protocol}).", markup=False, soft_wrap=True)
        return scores
