"""Captures without files, and what is learned of them, for tests of any folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig, SettingExposuresConfig
from neucam_nerfstudio.camera.exposure.white_balance import WhiteBalanceKind
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.capture.manifest import Capture, Frame, Told
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.capture.settings.focus import FocusSettings
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.scene.grid_scene import GridSceneConfig
from neucam_nerfstudio.scene.scene import SceneConfig

MADE = Path("made")
"""Where captures without files lie."""


def capture_of(
    height: int,
    width: int,
    stops: tuple[float, ...] = (0.0,),
    positions: tuple[float, ...] = (0.0,),
    mode: str = "fix",
    reference_index: int = 0,
    number_type: type = np.uint8,
    **changed: object,
) -> Capture:
    """A still scene at every exposure of every focus setting; all pixels are black.

    Args:
        height: In pixels.
        width: In pixels.
        stops: Of each exposure setting.
        positions: Of each focus setting.
        mode: What training does to exposures and focus.
        reference_index: Frame that holds the scale of the exposures.
        number_type: Of the pixels.
        changed: Other fields of the capture.
    """
    settings = [(focus, exposure) for focus in range(len(positions)) for exposure in range(len(stops))]
    indices = tuple(range(len(settings)))
    capture = Capture(
        kind="array",
        data=MADE,
        data_found=MADE,
        folder=Path("made"),
        frames=tuple(Frame(Path(f"F{focus}E{exposure}.png"), focus, exposure) for focus, exposure in settings),
        train_indices=indices,
        eval_indices=indices,
        exposures=ExposureSettings(stops, "exposure.txt", mode),
        focuses=FocusSettings(positions, "names", "learn" if mode == "fix" else mode),
        height=height,
        width=width,
        downscale_factor=1,
        number_type=np.dtype(number_type),
        white_level=WHITE_LEVEL[np.dtype(number_type)],
        white_balance=None,
        reference_index=reference_index,
        reference=Told("", "", ""),
        moves=False,
        times=(0.0,) * len(settings),
        frame_rate=None,
        radiance_truth=(None,) * len(settings),
        sharp_truth=(None,) * len(settings),
        linear_light=False,
        side_maps=SideMaps((), (), (), 1),
        scan_notes=(),
    )
    return replace(capture, **changed)


def moving_capture_of(height: int, width: int, times: tuple[float, ...]) -> Capture:
    """Moments of a scene that moves, an exposure a frame, with the middle one as reference; all pixels are black."""
    return capture_of(
        height,
        width,
        stops=tuple(float(index) for index in range(len(times))),
        reference_index=(len(times) - 1) // 2,
        moves=True,
        times=times,
    )


def with_maps(capture: Capture, **maps: object) -> Capture:
    """The capture with these `mask`, `depth` and `flow`, and without those that are not told."""
    side_maps = replace(capture.side_maps)
    side_maps.__dict__.update({"mask": None, "depth": None, "flow": None, **maps})
    return replace(capture, side_maps=side_maps)


def learn(
    capture: Capture,
    scene: SceneConfig | None = None,
    blur: BlurConfig | None = None,
    exposures: ExposureConfig | None = None,
    response: ResponseConfig | None = None,
    white_balance: WhiteBalanceKind = "none",
) -> LearnedCapture:
    """An untrained capture, the same whenever it is built; our parts unless others are told."""
    torch.manual_seed(0)
    return LearnedCapture(
        capture,
        scene or GridSceneConfig(),
        blur or LensBlurConfig(),
        exposures or SettingExposuresConfig(),
        response or MonotoneCurveConfig(),
        white_balance,
    )


def photographs_of(capture: Capture) -> Callable[[int], np.ndarray]:
    """Pixels of a frame, by its index in the capture: black if the capture is made up."""
    if capture.data == MADE:
        return lambda index: np.zeros((capture.height, capture.width, 3), capture.number_type)
    pixels = PixelStore(capture)
    return lambda index: np.asarray(pixels[index])


def start(learned: LearnedCapture) -> str:
    """Starts it from the photographs of its capture; tells what was said."""
    return " ".join(learned.start(photographs_of(learned.capture)))


def load_capture(data: Path, **options) -> Capture:
    """What is known of a capture."""
    return open_capture(data, **options)[0]
