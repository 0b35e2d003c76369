"""Outputs: pictures in [0, 1], radiance whole, and each made with exactly the camera parts its name says."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.models.outputs import (
    Display,
    layer_outputs,
    motion_output,
    picture_anchors,
    render_outputs,
)
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, tonemap
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.deformation import Deformation, DeformedScene
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.layered_scene import LayeredScene, Opacity
from neucam_nerfstudio.scene.scene_field import SceneField

HEIGHT, WIDTH = 12, 16
PICTURES = ("all_in_focus_hdr", "rgb", "all_in_focus", "defocus")


class SquareRoot(CameraResponse):
    """Pixel value = sqrt(exposure), clipped."""

    def forward(self, log_exposure):
        return (log_exposure / 2).exp().clamp(max=1)


@pytest.fixture
def scene() -> GridScene:
    """Light that varies from pixel to pixel, up to 50."""
    torch.manual_seed(0)
    scene = GridScene(HEIGHT, WIDTH)
    scene.pyramid.start_from(torch.rand(HEIGHT, WIDTH, 3) * 6 - 2)
    return scene


def lens(defocus: torch.Tensor | None = None, radius_px: float = 2.0) -> LensBlur:
    blur = LensBlur(HEIGHT, WIDTH).eval()
    if defocus is not None:
        blur.defocus.start_from(defocus)
    with torch.no_grad():
        blur.log_radius_px.fill_(math.log(radius_px))
    return blur


def ramp() -> torch.Tensor:
    """Defocus from -1 at the left to 1 at the right."""
    return torch.linspace(-1, 1, WIDTH).expand(HEIGHT, WIDTH)[..., None]


def every_pixel() -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return torch.stack([(columns + 0.5) / WIDTH, (rows + 0.5) / HEIGHT], -1).reshape(-1, 2)


@torch.no_grad()
def rendered(scene, blur, focus_position=0.0, stops=0.0, aperture=1.0, brighter=0.0, response_on=True):
    uv = every_pixel()
    column = torch.ones_like(uv[:, :1])
    camera = ImplicitCamera(FocusPositions((0.0,)), blur, SettingExposures((0.0,), 0, "fix"), SquareRoot())
    settings = CameraSettings(focus_position * column, stops * column, aperture)
    display = Display(picture_anchors(scene), "reinhard", brighter)
    response = camera.response if response_on else None
    return render_outputs(scene, camera, uv, torch.zeros_like(column), settings, display, response)


def test_viewer_opens_on_the_all_in_focus_hdr_picture(scene):
    assert next(iter(rendered(scene, lens()))) == "all_in_focus_hdr"


def test_pictures_are_between_black_and_white_and_everything_is_finite(scene):
    outputs = rendered(scene, lens(ramp()), stops=4.0)
    for name, values in outputs.items():
        assert values.shape == (HEIGHT * WIDTH, 1 if name == "defocus" else 3) and values.isfinite().all(), name
        if name in PICTURES:
            assert values.min() >= 0 and values.max() <= 1, name
    assert outputs["hdr"].max() > 1


def test_each_output_has_the_parts_that_its_name_says(scene):
    outputs = rendered(scene, lens(ramp()), focus_position=0.3, stops=-2.0)
    sharp = scene.radiance(every_pixel(), torch.zeros(HEIGHT * WIDTH, 1)).detach()
    torch.testing.assert_close(outputs["hdr"], sharp)
    torch.testing.assert_close(outputs["all_in_focus"], (sharp / 4).sqrt().clamp(max=1), atol=1e-4, rtol=1e-3)
    blurred = outputs["hdr_defocused"]
    assert not torch.allclose(blurred, sharp, rtol=0.05)
    torch.testing.assert_close(outputs["rgb"], (blurred / 4).sqrt().clamp(max=1), atol=1e-4, rtol=1e-3)
    anchors = picture_anchors(scene)
    torch.testing.assert_close(outputs["all_in_focus_hdr"], tonemap(sharp, "reinhard", anchors))


def test_exposure_develops_but_does_not_change_the_light(scene):
    dark, bright = (rendered(scene, lens(ramp()), stops=stops) for stops in (-3.0, 3.0))
    assert (dark["rgb"] < bright["rgb"]).any() and (dark["all_in_focus"] < bright["all_in_focus"]).any()
    for name in ("hdr", "hdr_defocused", "all_in_focus_hdr", "defocus"):
        assert torch.equal(dark[name], bright[name]), name


def test_display_exposure_brightens_the_tone_mapped_picture_alone(scene):
    plain, brighter = rendered(scene, lens()), rendered(scene, lens(), brighter=2.0)
    assert (brighter["all_in_focus_hdr"].mean() > plain["all_in_focus_hdr"].mean() + 0.05).item()
    assert torch.equal(brighter["rgb"], plain["rgb"])


def test_without_the_response_photographs_are_linear_light(scene):
    outputs = rendered(scene, lens(ramp()), stops=-2.0, response_on=False)
    torch.testing.assert_close(outputs["rgb"], (outputs["hdr_defocused"] / 4).clamp(max=1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(outputs["all_in_focus"], (outputs["hdr"] / 4).clamp(max=1), atol=1e-5, rtol=1e-4)


def test_closed_aperture_shows_everything_sharp(scene):
    outputs = rendered(scene, lens(ramp()), aperture=0.0)
    assert torch.equal(outputs["rgb"], outputs["all_in_focus"])
    assert torch.equal(outputs["hdr_defocused"], outputs["hdr"])


def test_defocus_is_zero_in_focus_and_grows_to_either_side(scene):
    defocus = rendered(scene, lens(ramp()))["defocus"].reshape(HEIGHT, WIDTH)[HEIGHT // 2]
    # Largest radius: the right end seen with the focus on the left end, so the ends reach a half.
    torch.testing.assert_close(defocus, ramp()[0, :, 0].abs() / 2, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("aperture", [0.0, 0.5, 2.5])
def test_defocus_map_does_not_depend_on_the_aperture(scene, aperture):
    dialled, as_captured = (rendered(scene, lens(ramp()), aperture=a)["defocus"] for a in (aperture, 1.0))
    assert torch.equal(dialled, as_captured) and as_captured.max() > 0.4


@pytest.mark.parametrize("focus_position", [0.0, 0.4])
def test_a_lens_that_knows_of_no_depth_still_gives_a_number(scene, focus_position):
    defocus = rendered(scene, lens(), focus_position=focus_position)["defocus"]
    assert defocus.isfinite().all()
    assert (defocus == 0).all() == (focus_position == 0.0)


def test_without_a_blur_generator_there_is_no_defocus(scene):
    outputs = rendered(scene, None)
    assert "defocus" not in outputs
    assert torch.equal(outputs["hdr"], outputs["hdr_defocused"])


def test_anchors_suit_the_whole_picture():
    scene = GridScene(HEIGHT, WIDTH)
    halves = torch.zeros(HEIGHT, WIDTH, 3)
    halves[:, WIDTH // 2 :] = math.log(16.0)
    scene.pyramid.start_from(halves)
    anchors = picture_anchors(scene)
    assert anchors.key.item() == pytest.approx(4.0, rel=0.1)  # geometric mean of 1 and 16
    assert anchors.white.item() == pytest.approx(16.0, rel=1e-3)
    assert not anchors.key.requires_grad


class Level(SceneField):
    """The same light everywhere."""

    def __init__(self, log_radiance: float) -> None:
        super().__init__()
        self.level = log_radiance

    def log_radiance(self, uv, times):
        return torch.zeros(*uv.shape[:-1], 3) + self.level


class OpaqueOnTheRight(Opacity):
    def forward(self, uv, times):
        return (uv[..., :1] > 0.5).float()


class PanRight(Deformation):
    """The picture moves to the right by half its width from the first moment to the last."""

    def forward(self, uv, times):
        return uv - torch.cat([times / 2, torch.zeros_like(times)], -1)


DISPLAY = Display(DisplayAnchors(key=torch.tensor(1.0), white=torch.tensor(100.0)), "reinhard", 0.0)


def test_layers_are_shown_apart():
    scene = LayeredScene(Level(0.0), Level(math.log(20.0)), OpaqueOnTheRight())
    uv, times = torch.tensor([[0.2, 0.5], [0.8, 0.5]]), torch.zeros(2, 1)
    outputs = layer_outputs(scene, uv, times, DISPLAY)
    assert list(outputs) == ["opacity", "background", "foreground"]
    assert outputs["opacity"].tolist() == [[0.0], [1.0]]
    torch.testing.assert_close(outputs["background"], DISPLAY.tonemap(torch.ones(2, 3)))
    torch.testing.assert_close(outputs["foreground"], DISPLAY.tonemap(torch.full((2, 3), 20.0)))
    assert (outputs["background"] < outputs["foreground"]).all() and outputs["foreground"].max() <= 1


def test_motion_is_shown_since_the_reference_frame():
    scene = DeformedScene(Level(0.0), PanRight())
    uv, times = torch.full((3, 2), 0.5), torch.tensor([[0.0], [0.5], [1.0]])
    plane = ImagePlane(HEIGHT, WIDTH)
    (name, motion), *others = motion_output(scene, plane, uv, times, 0.5, torch.tensor(0.25)).items()
    assert name == "motion" and others == [] and motion.shape == (3, 3)
    before, now, after = motion
    assert now.min() > 0.99  # white: nothing has moved yet
    assert after[0] > 0.99 and after[1:].max() < 0.2  # red: to the right
    assert before[0] < 0.2 and before[1:].min() > 0.6  # cyan: to the left


def test_anchors_suit_the_reference_frame_s_moment():
    class Dawn(Level):
        def log_radiance(self, uv, times):
            return super().log_radiance(uv, times) + 3 * times

    scene = Dawn(0.0)
    scene.level = torch.nn.Parameter(torch.zeros(()))
    dark, bright = (picture_anchors(scene, time).key.item() for time in (0.0, 1.0))
    assert (dark, bright) == (pytest.approx(1.0), pytest.approx(math.exp(3.0), rel=1e-4))
