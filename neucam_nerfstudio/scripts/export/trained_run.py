"""A run of `ns-train`, opened to be rendered picture by picture, in strips of rows that bound the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.errors import NeucamError

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

    from neucam_nerfstudio.capture.manifest import Capture
    from neucam_nerfstudio.models.neucam_model import NeucamModel

EXPECTED_CONFIG = "Give the config.yml in the output folder of an ns-train run of a method of this package."

RAYS_PER_STRIP = 1 << 17
"""Rays whose outputs, all of them, are held at a time: about 20 MB."""

NOT_GIVEN = {"unknown": "estimated", "learned": "learned"}
"""Sources of exposures that are none, and what was done instead."""

Rows = Float[np.ndarray, "rows width channels"]
"""A strip of an output."""


Dial = Literal["focus", "aperture", "exposure"]

SETTINGS: dict[Dial, str] = {"focus": "focus_position", "aperture": "aperture", "exposure": "exposure_stops"}
"""The setting of a `Shot` that each dial sets, which options are named after."""


class Shot(NamedTuple):
    """When and with which settings a picture is taken; None leaves a dial at the frame's own setting.

    Attributes:
        time: Of a capture that moves, [0, 1]; None is the reference frame's.
        focus_position: Focus dial, on the learned scale.
        aperture: Aperture dial: 0 no blur, 1 as captured, up to 3.
        exposure_stops: Exposure dial, +1 doubles the light.
        frame_index: The frame of the capture that the dials stand at; None is the reference frame.
    """

    time: float | None = None
    focus_position: float | None = None
    aperture: float | None = None
    exposure_stops: float | None = None
    frame_index: int | None = None


def typed(dial: Dial, *settings: float) -> str:
    """The option that turns a dial, as it is typed."""
    return " ".join([f"--{SETTINGS[dial].replace('_', '-')}", *(f"{setting:g}" for setting in settings)])


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

    @property
    def exposure_source(self) -> str:
        """What the frames' exposures come from: the capture's source, or `learned` where the model ignores that."""
        follows_capture = isinstance(self.model.camera.exposures, SettingExposures)
        return self.capture.exposures.source if follows_capture else "learned"

    def output_channels(self) -> dict[str, int]:
        """How many channels each output of the model has."""
        first_row = self.model.get_outputs_for_camera(strip_of_rows(self.camera, 0, 1, None))
        return {name: values.shape[-1] for name, values in first_row.items()}

    def set_dials(self, shot: Shot) -> None:
        """Turns the model's dials to a shot's settings, wherever an earlier shot has left them.

        Raises:
            NeucamError: A setting lies beyond its dial's ends.
        """
        dials = self.model.dials
        frame_index = self.capture.reference_index if shot.frame_index is None else shot.frame_index
        dials.stand_at(self.model.settings_of_frame(frame_index))
        for dial, name in SETTINGS.items():
            setting = getattr(shot, name)
            if setting is None:
                continue
            try:
                setattr(dials, name, setting)
            except ValueError as error:
                raise NeucamError(f"{typed(dial, setting)}: {error}") from error

    def render(
        self,
        names: Sequence[str],
        shot: Shot,
        advance: Callable[[], None],
        as_kept: Callable[[Rows], Shaped[np.ndarray, "rows width channels"]] = np.asarray,
    ) -> dict[str, Shaped[np.ndarray, "height width channels"]]:
        """Takes a picture at the photographs' size.

        Args:
            names: The outputs of the model to keep.
            shot: When and with which settings.
            advance: Called after each strip.
            as_kept: What is kept of each strip, so that pictures need no more memory than what becomes of them; all of
                it, as float32, unless told.

        Raises:
            NeucamError: A setting lies beyond its dial's ends.
        """
        self.set_dials(shot)
        height = self.capture.height
        pictures: dict[str, np.ndarray] = {}
        for top in self.strips:
            rows = min(self._rows_per_strip, height - top)
            outputs = self.model.get_outputs_for_camera(strip_of_rows(self.camera, top, rows, shot.time))
            for name in names:
                strip = as_kept(outputs[name].cpu().numpy())
                if name not in pictures:
                    pictures[name] = np.empty((height, *strip.shape[1:]), strip.dtype)
                pictures[name][top : top + rows] = strip
            advance()
        return pictures

    def frame_settings(self) -> list[FrameSettings]:
        """What has been learned of each frame."""
        camera = self.model.camera
        stops, positions = camera.exposures.stops.tolist(), camera.focus.positions.tolist()
        return [
            FrameSettings(
                frame.name, stops[frame.exposure_index], positions[frame.focus_index] if camera.has_focus else None
            )
            for frame in self.capture.frames
        ]


def load_run(load_config: Path) -> TrainedRun:
    """Loads the newest checkpoint of a run.

    Args:
        load_config: The `config.yml` that `ns-train` wrote.

    Raises:
        NeucamError: If there is no such file, or it is not that of a run of one of our methods.
    """
    if not load_config.is_file():
        raise NeucamError(f"{load_config}: no such file. {EXPECTED_CONFIG}")
    from nerfstudio.utils.eval_utils import eval_setup  # takes ten seconds, which --help need not wait

    check_config(load_config)
    _, pipeline, _, _ = eval_setup(load_config, test_mode="inference")
    photographs = pipeline.datamanager.train_dataparser_outputs
    return TrainedRun(pipeline.model, photographs.metadata["capture"], without_settings(photographs.cameras))


def check_config(load_config: Path) -> None:
    """Checks that a file is the config of a run of one of our methods.

    Raises:
        NeucamError: It is not.
    """
    import yaml
    from nerfstudio.engine.trainer import TrainerConfig

    from neucam_nerfstudio.models.neucam_model import NeucamModelConfig

    try:
        config = yaml.load(load_config.read_text(), Loader=yaml.Loader)  # builds objects, as nerfstudio has it
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise NeucamError(f"{load_config}: cannot be read as a config ({reason}). {EXPECTED_CONFIG}") from error
    if not isinstance(config, TrainerConfig):
        raise NeucamError(f"{load_config}: is not the config of a run. {EXPECTED_CONFIG}")
    if not isinstance(config.pipeline.model, NeucamModelConfig):
        raise NeucamError(f"{load_config}: is a run of {config.method_name}, not of NeuCam. {EXPECTED_CONFIG}")


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
