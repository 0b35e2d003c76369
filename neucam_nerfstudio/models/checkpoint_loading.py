"""Puts a checkpoint of the released NeuCam code into a model of ours: the parts and sizes it needs, and its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.checkpoint import PublishedCheckpoint
from neucam_nerfstudio.published.checkpoint_layout import Part
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes
from neucam_nerfstudio.scene.deformation import DeformedScene
from neucam_nerfstudio.scene.layered_scene import LayeredScene
from neucam_nerfstudio.scene.scene_field import SceneField

if TYPE_CHECKING:
    from neucam_nerfstudio.models.camera_parts import BlurKind
    from neucam_nerfstudio.models.neucam_model import NeucamModel

BLUR_OF_TAPS: dict[int, BlurKind] = {9: "neural-kernel-9", 25: "neural-kernel-25"}

MOTION_PARTS: tuple[Part, ...] = ("deformation", "foreground_deformation", "opacity")
"""The parts that are networks of place and time, under our names of their sizes."""


def network_sizes(checkpoint: PublishedCheckpoint) -> NetworkSizes:
    """Sizes of the networks in the file; of others, the released ones."""
    atlas, response = checkpoint.network_shape("atlas"), checkpoint.network_shape("response")
    sizes = NetworkSizes(
        atlas_width=atlas.layer_width, atlas_layers=atlas.num_layers, response_width=response.layer_width
    )
    if checkpoint.has("blur"):
        blur = checkpoint.network_shape("blur")
        sizes.blur_width, sizes.blur_layers = blur.layer_width, blur.num_layers
    for part in filter(checkpoint.has, MOTION_PARTS):
        shape = checkpoint.network_shape(part)
        setattr(sizes, part, MotionNetworkSizes(shape.num_octaves, shape.layer_width, shape.num_layers))
    return sizes


def blur_kind(checkpoint: PublishedCheckpoint) -> BlurKind:
    """The blur generator with as many taps as the file's, or none where it has none.

    Raises:
        NeucamError: There is none with as many taps.
    """
    if not checkpoint.has("blur"):
        return "none"
    num_taps = checkpoint.network_shape("blur").num_taps
    if num_taps not in BLUR_OF_TAPS:
        raise NeucamError(f"{checkpoint.path}: its blur has {num_taps} taps, expected 9 (3 x 3) or 25 (5 x 5).")
    return BLUR_OF_TAPS[num_taps]


def load_weights(checkpoint: PublishedCheckpoint, model: NeucamModel) -> None:
    """Puts the checkpoint's weights into scene and camera.

    Args:
        checkpoint: Of a published task.
        model: Of that task, with the checkpoint's sizes, and a setting for each of its frames, in its order.

    Raises:
        NeucamError: Sizes differ.
    """
    camera = model.camera
    modules: dict[Part, nn.Module | None] = {
        **{"blur": camera.blur, "focus": camera.focus, "exposures": camera.exposures, "response": camera.response},
        **scene_modules(model.scene),
    }
    for part in checkpoint.weights:
        checkpoint.load_into(modules[part], part)


def scene_modules(scene: SceneField) -> dict[Part, nn.Module]:
    """The published parts of a scene."""
    if isinstance(scene, LayeredScene):
        foreground = {f"foreground_{part}": module for part, module in scene_modules(scene.foreground).items()}
        return {**scene_modules(scene.background), **foreground, "opacity": scene.opacity}
    if isinstance(scene, DeformedScene):
        return {"atlas": scene.canonical, "deformation": scene.deformation}
    return {"atlas": scene}
