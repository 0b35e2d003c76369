"""Builds the scene field and the implicit camera that a method's configuration names, for one capture."""

from __future__ import annotations

from typing import Literal

from typing_extensions import assert_never

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.blur.neural_kernel import NeuralKernelBlur
from neucam_nerfstudio.camera.exposure.bounded_exposures import BoundedExposures
from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveResponse
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse
from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.published.network_sizes import NetworkSizes
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.scene_field import SceneField
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas

SceneKind = Literal["grid", "siren"]
BlurKind = Literal["lens", "neural-kernel-9", "neural-kernel-25", "none"]
ExposureKind = Literal["settings", "bounded"]
ResponseKind = Literal["monotone", "srgb", "neural-curve", "none"]


def build_scene(kind: SceneKind, capture: Capture, sizes: NetworkSizes) -> SceneField:
    """The scene field of this kind at the capture's size; `sizes` are the published one's."""
    if kind == "grid":
        return GridScene(capture.height, capture.width)
    if kind == "siren":
        return SirenAtlas(capture.height, capture.width, sizes.atlas_width, sizes.atlas_layers)
    assert_never(kind)


def build_blur(kind: BlurKind, capture: Capture, sizes: NetworkSizes) -> BlurGenerator | None:
    """The blur generator of this kind at the capture's size; None to leave it out. `sizes` are the published one's."""
    network = {"layer_width": sizes.blur_width, "num_layers": sizes.blur_layers}
    if kind == "lens":
        return LensBlur(capture.height, capture.width)
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


def build_response(kind: ResponseKind, sizes: NetworkSizes) -> CameraResponse | None:
    """The camera response of this kind; None to leave it out. `sizes` are the published one's."""
    if kind == "monotone":
        return MonotoneCurveResponse()
    if kind == "srgb":
        return SrgbResponse()
    if kind == "neural-curve":
        return NeuralCurveResponse(sizes.response_width)
    if kind == "none":
        return None
    assert_never(kind)
