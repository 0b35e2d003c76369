"""nerfstudio's pipeline, whose evaluation also scores the one picture that a run is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig

from neucam_nerfstudio.models.evaluation_scores import score_reference


@dataclass
class NeucamPipelineConfig(VanillaPipelineConfig):
    """A data manager and a model."""

    _target: type = field(default_factory=lambda: NeucamPipeline)
    """The pipeline."""


class NeucamPipeline(VanillaPipeline):
    """Scores the all-in-focus picture at the reference frame beside the photographs."""

    def get_average_eval_image_metrics(
        self, step: int | None = None, output_path: Path | None = None, get_std: bool = False
    ) -> dict[str, float]:
        """Mean scores of the evaluation frames, as nerfstudio takes them, and the `reference_*` of `score_reference`.

        Args:
            step: Training step.
            output_path: Folder for the pictures of the evaluation frames.
            get_std: Whether each mean comes with its standard deviation, `<name>_std`; one picture's scores have none.
        """
        averages = super().get_average_eval_image_metrics(step, output_path, get_std)
        return averages | self._reference_scores()

    def _reference_scores(self) -> dict[str, float]:
        capture = self.model.capture
        position = capture.reference_position
        camera = self.datamanager.train_dataset.cameras[position : position + 1].to(self.device)
        self.eval()
        outputs = self.model.get_outputs_for_camera(camera)
        self.train()
        return score_reference(capture, self.model.alignment, outputs)
