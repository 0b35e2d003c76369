"""Our methods as plain values: which parts each has, and how fast they learn. nerfstudio is not needed here."""

from __future__ import annotations

from dataclasses import dataclass, field

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig, SettingExposuresConfig
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.scene.grid_scene import GridSceneConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import SceneConfig

# Responses start as the photographs tell them. Learning faster, they bend to errors that are not theirs.
LEARNING_RATES = {
    **{"scene": 4e-3, "motion": 1e-1, "opacity": 5e-2},
    **{"blur": 1e-2, "focus": 1e-2, "exposures": 1e-2, "response": 1e-3},
}


@dataclass(frozen=True)
class Preset:
    """A method.

    Attributes:
        description: What it is for, in a sentence.
        frames: Whether frames are settings of a still scene, a focus stack, or moments of a scene that moves.
        scene, blur, exposures, response: Configurations of the parts.
        needs_bracket: Whether captures of one known exposure are refused.
        learning_rates: By the name of the parameter group.
        num_steps: Training steps.
        rays_per_step: Rays a step.
    """

    description: str
    frames: FrameKind = "settings"
    scene: SceneConfig = field(default_factory=GridSceneConfig)
    blur: BlurConfig = field(default_factory=LensBlurConfig)
    exposures: ExposureConfig = field(default_factory=SettingExposuresConfig)
    response: ResponseConfig = field(default_factory=MonotoneCurveConfig)
    needs_bracket: bool = False
    learning_rates: dict[str, float] = field(default_factory=lambda: dict(LEARNING_RATES))
    num_steps: int = 600
    rays_per_step: int = 8192


PRESETS = {
    "neucam": Preset("All-in-focus HDR from a focus stack, an exposure bracket or both, from a tripod."),
    "neucam-multifocus": Preset(
        "All-in-focus picture from a focus stack at one exposure.",
        frames="focus-stack",
        response=SrgbResponseConfig(),
    ),
    "neucam-hdr": Preset(
        "HDR from a hand-held exposure bracket, or one of something that moves.",
        frames="moments",
        scene=MovingGridSceneConfig(),
        blur=BlurConfig(),
        needs_bracket=True,
    ),
    "neucam-deblur": Preset(
        "Sharp video from one blurred by motion.",
        frames="moments",
        # What starts from blurred frames must not be held to them.
        scene=MovingGridSceneConfig(start_mult=0.0),
        blur=MotionBlurConfig(),
        response=SrgbResponseConfig(),
        # The share of open shutter time shrinks first and seldom comes back, where it learns faster than motion does.
        learning_rates={**LEARNING_RATES, "blur": 2e-3},
    ),
    "neucam-hdr-video": Preset(
        "HDR video from one with alternating exposures.",
        frames="moments",
        scene=MovingGridSceneConfig(),
        blur=BlurConfig(),
        needs_bracket=True,
    ),
}
"""Our methods by name."""
