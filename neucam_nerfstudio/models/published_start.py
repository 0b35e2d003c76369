"""Starts scene and camera as the published method does: with a plausible response and frames that stand still."""

from __future__ import annotations

import math

import torch
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.fixed_response import FixedResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.models.held_out_exposures import unlearned_exposures_note
from neucam_nerfstudio.models.motion_losses import MotionTraining, deformations_of
from neucam_nerfstudio.published.warm_up import warm_up_deformation, warm_up_response
from neucam_nerfstudio.scene.scene_field import SceneField

STOPS_BELOW_WHITE = 2.0
"""Where radiance 1 starts below a fixed response's white at the longest exposure: what is clipped learns nothing."""


def warm_up(scene: SceneField, camera: ImplicitCamera, motion: MotionTraining, capture: Capture) -> None:
    """Fits response and deformations, in place, to where training starts; says so where that takes long.

    A fixed response has nothing to fit, and gets a white above all that the scene starts with.

    Args:
        scene: The scene field; without a published deformation it is left as it is.
        camera: The implicit camera.
        motion: How deformations are warmed up.
        capture: Whose frames they are.
    """
    if isinstance(camera.response, FixedResponse):
        camera.response.set_white(math.log(2) * (_longest_stops(camera, capture) + STOPS_BELOW_WHITE))
    elif camera.response is not None:
        warm_up_response(camera.response)
    if note := unlearned_exposures_note(camera.exposures, capture):
        CONSOLE.print(note, markup=False)
    deformations = deformations_of(scene) if motion.warm_up_rounds > 0 else []
    num_frames = len(capture.frames)
    if deformations:
        CONSOLE.print(
            f"Warming up {len(deformations)} deformations: {motion.warm_up_rounds} rounds over {num_frames} frames."
        )
    for deformation in deformations:
        warm_up_deformation(deformation, num_frames, motion.mapping_scale, motion.warm_up_rounds)


def _longest_stops(camera: ImplicitCamera, capture: Capture) -> float:
    """The longest exposure of the training frames, as it starts."""
    settings = torch.tensor([capture.frames[index].exposure_index for index in capture.train_indices])
    return float(camera.exposures(settings).max())
