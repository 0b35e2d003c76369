"""A run of `ns-train`, opened to be rendered picture by picture, in strips of rows that bound the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.blur.motion_blur import MotionBlur

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

    from neucam_nerfstudio.capture.capture import Capture
    from neucam_nerfstudio.models.neucam_model import NeucamModel
    from neucam_nerfstudio.viewer.dials import Dials

EXPECTED_CONFIG = "Give the config.yml in the output folder of an ns-train run of a method of this package."

RAYS_PER_STRIP = 1 << 17
"""Rays whose outputs, all of them, are held at a time: about 20 MB."""


class ExportError(ValueError):
    """Something asked of `neucam-export` that this run cannot give. The message says what to ask instead."""


class Shot(NamedTuple):
    """When and with which settings a picture is taken; None leaves a dial where it is, at the reference frame's.

    Attributes:
        time: Of a capture that moves, [0, 1]; None is the reference frame's.
        focus_position: Focus dial, on the learned scale.
        aperture: Aperture dial: 0 no blur, 1 as captured, up to 3.
        exposure_stops: Exposure dial, +1 doubles the light.
    """

    time: float | None = None
    focus_position: float | None = None
    aperture: float | None = None
    exposure_stops: float | None = None

    def turn(self, dials: Dials) -> None:
        """Sets the dials.

        Raises:
            ExportError: A setting lies beyond its dial's ends.
        """
        for dial in ("focus_position", "aperture", "exposure_stops"):
            setting = getattr(self, dial)
            if setting is None:
                continue
            try:
                setattr(dials, dial, setting)
            except ValueError as error:
                raise ExportError(f"--{dial.replace('_', '-')} {setting:g}: {error}") from error


class FrameSettings(NamedTuple):
    """What has been learned of how a frame was taken.

    Attributes:
        name: Of the frame.
        exposure_stops: Its exposure, +1 doubles the light.
        focus_position: Its focus position, unitless; None if the camera has no blur, or only that of motion.
    """

    name: str
    exposure_stops: float
    focus_position: float | None


class TrainedRun(NamedTuple):
    """A trained model, the photographs it was trained on and the camera that took them.

    Attributes:
        model: In evaluation mode.
        capture: The training photographs.
        camera: One camera without time and settings of its own.
    """

    model: NeucamModel
    capture: Capture
    camera: Cameras

    @property
    def strips(self) -> range:
        """The first row of each strip that a picture is rendered in."""
        return range(0, self.capture.height, self._rows_per_strip)

    @property
    def _rows_per_strip(self) -> int:
        return max(1, RAYS_PER_STRIP // self.capture.width)

    def output_channels(self) -> dict[str, int]:
        """How many channels each output of the model has."""
        first_row = self.model.get_outputs_for_camera(strip_of_rows(self.camera, 0, 1, None))
        return {name: values.shape[-1] for name, values in first_row.items()}

    def render(
        self, names: Sequence[str], shot: Shot, advance: Callable[[], None]
    ) -> dict[str, Float[np.ndarray, "height width channels"]]:
        """Takes a picture at the photographs' size.

        Args:
            names: The outputs of the model to keep.
            shot: When and with which settings.
            advance: Called after each strip.

        Raises:
            ExportError: A setting lies beyond its dial's ends.
        """
        shot.turn(self.model.dials)
        height, width = self.capture.height, self.capture.width
        pictures: dict[str, np.ndarray] = {}
        for top in self.strips:
            rows = min(self._rows_per_strip, height - top)
            outputs = self.model.get_outputs_for_camera(strip_of_rows(self.camera, top, rows, shot.time))
            for name in names:
                strip = _as_numpy(outputs[name])
                picture = pictures.setdefault(name, np.empty((height, width, strip.shape[-1]), np.float32))
                picture[top : top + rows] = strip
            advance()
        return pictures

    def frame_settings(self) -> list[FrameSettings]:
        """What has been learned of each frame."""
        camera, has_focus = self.model.camera, self.has_focus
        stops, positions = camera.exposures.stops.tolist(), camera.focus.positions.tolist()
        return [
            FrameSettings(frame.name, stops[frame.exposure_index], positions[frame.focus_index] if has_focus else None)
            for frame in self.capture.frames
        ]

    @property
    def has_focus(self) -> bool:
        """Whether the camera has a blur that depends on focus: that of motion does not."""
        blur = self.model.camera.blur
        return blur is not None and not isinstance(blur, MotionBlur)


def load_run(load_config: Path) -> TrainedRun:
    """Loads the newest checkpoint of a run.

    Args:
        load_config: The `config.yml` that `ns-train` wrote.

    Raises:
        ExportError: If there is no such file, or it is not that of a run of one of our methods.
    """
    if not load_config.is_file():
        raise ExportError(f"{load_config}: no such file. {EXPECTED_CONFIG}")
    from nerfstudio.utils.eval_utils import eval_setup  # takes ten seconds, which --help need not wait

    check_config(load_config)
    _, pipeline, _, _ = eval_setup(load_config, test_mode="inference")
    photographs = pipeline.datamanager.train_dataparser_outputs
    return TrainedRun(pipeline.model, photographs.metadata["capture"], without_settings(photographs.cameras))


def check_config(load_config: Path) -> None:
    """Checks that a file is the config of a run of one of our methods.

    Raises:
        ExportError: It is not.
    """
    import yaml
    from nerfstudio.engine.trainer import TrainerConfig

    from neucam_nerfstudio.models.neucam_model import NeucamModelConfig

    try:
        config = yaml.load(load_config.read_text(), Loader=yaml.Loader)  # builds objects, as nerfstudio has it
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ExportError(f"{load_config}: cannot be read as a config ({reason}). {EXPECTED_CONFIG}") from error
    if not isinstance(config, TrainerConfig):
        raise ExportError(f"{load_config}: is not the config of a run. {EXPECTED_CONFIG}")
    if not isinstance(config.pipeline.model, NeucamModelConfig):
        raise ExportError(f"{load_config}: is a run of {config.method_name}, not of NeuCam. {EXPECTED_CONFIG}")


def without_settings(cameras: Cameras) -> Cameras:
    """The first of the cameras, without the time, focus and exposure of its photograph: the dials are its settings."""
    camera = cameras[0:1]
    camera.times = camera.metadata = None
    return camera


def strip_of_rows(camera: Cameras, top: int, rows: int, time: float | None) -> Cameras:
    """A camera that sees only some rows of a picture.

    Args:
        camera: One camera that sees the whole picture.
        top: The first row.
        rows: How many.
        time: Of the picture, [0, 1]; None is the reference frame's.
    """
    from nerfstudio.cameras.cameras import Cameras

    return Cameras(
        camera_to_worlds=camera.camera_to_worlds,
        fx=camera.fx,
        fy=camera.fy,
        cx=camera.cx,
        cy=camera.cy - top,
        width=camera.width,
        height=camera.height.new_full(camera.height.shape, rows),
        camera_type=camera.camera_type,
        times=None if time is None else camera.fx.new_full((1, 1), time),
    )


def _as_numpy(values: Tensor) -> Float[np.ndarray, "rows width channels"]:
    return values.cpu().numpy()
