"""Builds the parts of the implicit camera that a method's configuration names, for one capture."""

from __future__ import annotations

from typing import Literal

from nerfstudio.utils.rich_utils import CONSOLE
from typing_extensions import assert_never

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.depth_maps import DepthMaps
from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlur
from neucam_nerfstudio.camera.blur.neural_kernel import NeuralKernelBlur
from neucam_nerfstudio.camera.exposure.bounded_exposures import BoundedExposures
from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveResponse
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.network_sizes import NetworkSizes
from neucam_nerfstudio.scene.moving_scene import MovingScene
from neucam_nerfstudio.scene.scene_field import SceneField

BlurKind = Literal["lens", "motion", "neural-kernel-9", "neural-kernel-25", "none"]
ExposureKind = Literal["settings", "bounded"]
ResponseKind = Literal["monotone", "srgb", "neural-curve", "none"]


def build_blur(
    kind: BlurKind,
    capture: Capture,
    sizes: NetworkSizes,
    scene: SceneField | None = None,
    by_depth: bool = True,
    most_learned_cells: int | None = None,
) -> BlurGenerator | None:
    """The blur generator of this kind at the capture's size; None to leave it out.

    Args:
        kind: Which one.
        capture: The photographs.
        sizes: Of the published one.
        scene: Whose motion blurs, for the blur of motion.
        by_depth: Whether the published one goes by the capture's depth maps, where it has them.
        most_learned_cells: Of the lens's defocus map; None for a cell a pixel.

    Raises:
        NeucamError: Motion is to blur a scene that does not know it.
    """
    network = {"layer_width": sizes.blur_width, "num_layers": sizes.blur_layers}
    if by_depth and kind.startswith("neural-kernel") and capture.side_maps.depth is not None:
        CONSOLE.print("The capture has depth maps: blur goes by depth instead of place.")
        network["depth"] = DepthMaps(capture.side_maps.depth, [capture.times[index] for index in capture.train_indices])
    if kind == "lens":
        return LensBlur(capture.height, capture.width, most_learned_cells)
    if kind == "motion":
        if not isinstance(scene, MovingScene):
            raise NeucamError("--pipeline.model.blur motion needs --pipeline.model.scene moving-grid.")
        return MotionBlur(scene.motion)
    if kind == "neural-kernel-9":
        return NeuralKernelBlur(capture.height, capture.width, num_taps=9, **network)
    if kind == "neural-kernel-25":
        return NeuralKernelBlur(capture.height, capture.width, num_taps=25, **network)
    if kind == "none":
        return None
    assert_never(kind)


def build_exposures(kind: ExposureKind, capture: Capture) -> ExposureTable:
    """The exposure table of this kind, starting where the capture says."""
    given = capture.exposures
    if kind == "settings":
        reference = capture.frames[capture.reference_index].exposure_index
        return SettingExposures(given.stops, reference, given.mode)
    if kind == "bounded":
        return BoundedExposures(len(given.stops))
    assert_never(kind)


def build_focus(capture: Capture) -> FocusPositions:
    """The focus positions, starting where the capture says."""
    return FocusPositions(capture.focuses.positions, learned=capture.focuses.mode != "fix")


def build_response(kind: ResponseKind, sizes: NetworkSizes) -> CameraResponse:
    """The camera response of this kind; `sizes` are the published one's."""
    if kind == "monotone":
        return MonotoneCurveResponse()
    if kind == "srgb":
        return SrgbResponse()
    if kind == "neural-curve":
        return NeuralCurveResponse(sizes.response_width)
    if kind == "none":
        return LinearResponse()
    assert_never(kind)
