"""Puts a checkpoint of the released NeuCam code into a model of ours: the parts and sizes it needs, and its weights."""

from __future__ import annotations

from torch import nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.published.checkpoint import Part, PublishedCheckpoint
from neucam_nerfstudio.published.fields import TwoLayerField
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import SirenSceneConfig
from neucam_nerfstudio.scene.plane_field import DeformedField, PlaneField

MOTION_PARTS: tuple[Part, ...] = ("deformation", "foreground_deformation", "opacity")
"""The parts that are networks of place and time, under our names of their sizes."""


def fit_to_checkpoint(model: PublishedModelConfig, checkpoint: PublishedCheckpoint) -> None:
    """Gives the networks of a configuration, in place, the sizes of those in the file.

    Raises:
        NeucamError: The file's blur has another number of taps than released ones.
    """
    atlas, scene, response = checkpoint.network_shape("atlas"), model.scene, model.response
    assert isinstance(scene, SirenSceneConfig) and isinstance(response, NeuralCurveConfig)  # as published methods have
    scene.atlas_width, scene.atlas_layers = atlas.layer_width, atlas.num_layers
    response.layer_width = checkpoint.network_shape("response").layer_width
    for part in MOTION_PARTS:
        if part in checkpoint.weights:
            shape = checkpoint.network_shape(part)
            setattr(scene, part, NetworkSizes(shape.num_octaves, shape.layer_width, shape.num_layers))
    model.blur = blur_of(checkpoint)


def blur_of(checkpoint: PublishedCheckpoint) -> BlurConfig:
    """The blur generator with the sizes of the file's, or none where it has none.

    Raises:
        NeucamError: It has another number of taps than released ones.
    """
    if "blur" not in checkpoint.weights:
        return BlurConfig()
    shape = checkpoint.network_shape("blur")
    if shape.num_taps not in (9, 25):
        raise NeucamError(f"{checkpoint.path}: its blur has {shape.num_taps} taps, expected 9 (3 x 3) or 25 (5 x 5).")
    return NeuralKernelConfig(
        num_taps=shape.num_taps,
        layer_width=shape.layer_width,
        num_layers=shape.num_layers,
        by_depth=shape.num_inputs == 2,
    )


def load_weights(checkpoint: PublishedCheckpoint, learned: LearnedCapture) -> None:
    """Puts the checkpoint's weights into scene and camera.

    Args:
        checkpoint: Of a published task.
        learned: Of that task, with the checkpoint's sizes, and a setting for each of its frames, in its order.

    Raises:
        NeucamError: Sizes differ.
    """
    camera = learned.camera
    modules = {"focus": camera.focus, "exposures": camera.exposures, "response": camera.response}
    modules |= field_modules(learned.planar_scene.field)
    if camera.blur is not None:
        modules["blur"] = camera.blur
    for part in checkpoint.weights:
        checkpoint.load_into(modules[part], part)


def field_modules(field: PlaneField) -> dict[str, nn.Module]:
    """The published parts of a field, by their name."""
    if isinstance(field, TwoLayerField):
        foreground = {f"foreground_{part}": module for part, module in field_modules(field.foreground).items()}
        return {**field_modules(field.background), **foreground, "opacity": field.opacity}
    if isinstance(field, DeformedField):
        return {"atlas": field.canonical, "deformation": field.deformation}
    return {"atlas": field}
