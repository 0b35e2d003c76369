"""Starts scene and camera as the published method does: with a plausible response and frames that stand still."""

from __future__ import annotations

from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.models.motion_losses import MotionTraining, deformations_of
from neucam_nerfstudio.published.warm_up import warm_up_deformation, warm_up_response
from neucam_nerfstudio.scene.scene_field import SceneField


def warm_up(scene: SceneField, camera: ImplicitCamera, motion: MotionTraining, num_frames: int) -> None:
    """Fits response and deformations, in place, to where training starts; says so where that takes long.

    Args:
        scene: The scene field; without a published deformation it is left as it is.
        camera: The implicit camera.
        motion: How deformations are warmed up.
        num_frames: Frames of the capture.
    """
    if camera.response is not None:
        warm_up_response(camera.response)
    deformations = deformations_of(scene) if motion.warm_up_rounds > 0 else []
    if deformations:
        CONSOLE.print(
            f"Warming up {len(deformations)} deformations: {motion.warm_up_rounds} rounds over {num_frames} frames."
        )
    for deformation in deformations:
        warm_up_deformation(deformation, num_frames, motion.mapping_scale, motion.warm_up_rounds)
