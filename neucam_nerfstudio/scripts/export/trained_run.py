"""A run of `ns-train`, opened to be rendered picture by picture, in strips of rows that bound the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.view import View

EXPECTED_CONFIG = "Give the config.yml in the output folder of an ns-train run of a method of this package."

Rows = Float[np.ndarray, "rows width channels"]
"""A strip of an output."""


class LearnedFrame(NamedTuple):
    """What has been learned of how a frame was taken.

    Attributes:
        name: Of the frame.
        exposure_stops: Its exposure, +1 doubles the light.
        focus_position: Its focus position, unitless; of many views, the inverse of the distance in focus, 1/m. None if
            the camera has no blur, or only that of motion.
        focus_distance_m: Of many views with such a blur, the distance in focus; infinity allowed.
        f_number: Of many views, where it is told.
    """

    name: str
    exposure_stops: float
    focus_position: float | None
    focus_distance_m: float | None = None
    f_number: float | None = None


def load_run(load_config: Path) -> LearnedCapture:
    """Loads the newest checkpoint of a run.

    Args:
        load_config: The `config.yml` that `ns-train` wrote.

    Returns:
        Scene and camera, in evaluation mode.

    Raises:
        NeucamError: There is no such file, or it is not that of a run of one of our methods.
    """
    if not load_config.is_file():
        raise NeucamError(f"{load_config}: no such file. {EXPECTED_CONFIG}")
    import yaml
    from nerfstudio.engine.trainer import TrainerConfig
    from nerfstudio.utils.eval_utils import eval_setup  # takes ten seconds, which --help need not wait

    from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
    from neucam_nerfstudio.training.pipeline import NeucamPipeline

    try:
        config = yaml.load(load_config.read_text(), Loader=yaml.Loader)  # builds objects, as nerfstudio has it
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise NeucamError(f"{load_config}: cannot be read as a config ({reason}). {EXPECTED_CONFIG}") from error
    if not isinstance(config, TrainerConfig):
        raise NeucamError(f"{load_config}: is not the config of a run. {EXPECTED_CONFIG}")
    if not isinstance(config.pipeline.model, NeucamModelConfig):
        raise NeucamError(f"{load_config}: is a run of {config.method_name}, not of NeuCam. {EXPECTED_CONFIG}")
    _, pipeline, _, _ = eval_setup(load_config, test_mode="inference")
    return cast(NeucamPipeline, pipeline).model.learned


def num_strips(run: LearnedCapture, view: View | None = None) -> int:
    """In how many strips of rows a picture is rendered; the reference frame's, unless a view is told."""
    return len(run.renderer.strips(view or run.view))


def render(
    run: LearnedCapture,
    names: Sequence[str],
    settings: CameraSettings,
    advance: Callable[[], None],
    as_kept: Callable[[Rows], Shaped[np.ndarray, "rows width channels"]] = np.asarray,
    view: View | None = None,
) -> dict[str, Shaped[np.ndarray, "height width channels"]]:
    """Takes a picture.

    Args:
        run: Scene and camera.
        names: The outputs to render.
        settings: When and how.
        advance: Called after each strip of rows.
        as_kept: What is kept of a strip, see `Renderer.render`.
        view: What is seen; by default the reference frame's view, at the photographs' size.
    """

    def kept(strip: Tensor) -> Tensor:
        return torch.from_numpy(as_kept(strip.cpu().numpy()))

    pictures = run.renderer.render(view or run.view, settings, names, kept, advance)
    return {name: picture.numpy() for name, picture in pictures.items()}


def learned_frames(run: LearnedCapture) -> list[LearnedFrame]:
    """What has been learned of each frame."""
    camera, has_metres = run.camera, run.capture.views is not None
    stops, positions = camera.exposures.stops.tolist(), camera.focus.positions.tolist()
    frames = []
    for index, frame in enumerate(run.capture.frames):
        position = positions[frame.focus_index] if camera.has_focus else None
        distance_m = None
        if has_metres and position is not None:
            distance_m = math.inf if position <= 0 else 1 / position
        f_number = run.f_number_of_frame(index)
        frames.append(LearnedFrame(frame.name, stops[frame.exposure_index], position, distance_m, f_number))
    return frames


def exposure_source(run: LearnedCapture) -> str:
    """What the frames' exposures come from: the capture's source, or `learned` where the camera ignores that."""
    return run.capture.exposures.source if run.camera.exposures.follows_capture else "learned"
