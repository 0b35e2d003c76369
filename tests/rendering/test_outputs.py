"""Outputs: pictures in [0, 1], radiance whole, each made with exactly the camera parts its name says, and no more."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pytest
import torch
from torch import nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator, Taps
from neucam_nerfstudio.camera.blur.lens import LensBlur, LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import SettingExposures, SettingExposuresConfig
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.rendering import outputs as module
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, tonemap
from neucam_nerfstudio.rendering.outputs import OUTPUTS, Film, Renderer
from neucam_nerfstudio.rendering.view import View, front_view
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.plane_field import DeformedField, PlaneField
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces, Rays

from ..learned import capture_of, moving_capture_of
from ..scene.made_fields import Level, OpaqueOnTheRight, Pan, TwoLayers

HEIGHT, WIDTH = 12, 16
CAPTURE = capture_of(HEIGHT, WIDTH)
MOVING = moving_capture_of(HEIGHT, WIDTH, (0.0, 0.5, 1.0))
PICTURES = ("all_in_focus_hdr", "rgb", "all_in_focus", "defocus")
ONE_CHANNEL = ("defocus", "accumulation", "depth")


class SquareRoot(CameraResponse):
    """Pixel value = sqrt(exposure), clipped."""

    def forward(self, log_exposure):
        return (log_exposure / 2).exp().clamp(max=1)


def scene_of(field: PlaneField, capture=CAPTURE) -> PlanarScene:
    return PlanarScene(field, capture)


@pytest.fixture
def scene() -> PlanarScene:
    """Light that varies from pixel to pixel, up to 50."""
    torch.manual_seed(0)
    field = GridField(HEIGHT, WIDTH)
    field.pyramid.start_from(torch.rand(HEIGHT, WIDTH, 3) * 6 - 2)
    return scene_of(field)


def ramp() -> torch.Tensor:
    """Defocus from -1 at the left to 1 at the right."""
    return torch.linspace(-1, 1, WIDTH).expand(HEIGHT, WIDTH)[..., None]


def lens(defocus: torch.Tensor | None = None, radius_px: float = 2.0) -> LensBlur:
    blur = LensBlur(LensBlurConfig(), CAPTURE, scene_of(Level(0.0))).eval()
    if defocus is not None:
        blur.defocus.start_from(defocus)
    with torch.no_grad():
        blur.log_radius_px.fill_(math.log(radius_px))
    return blur


def renderer_of(scene: PlanarScene, blur: BlurGenerator | None = None, capture=CAPTURE) -> Renderer:
    exposures = SettingExposures(SettingExposuresConfig(), capture)
    camera = ImplicitCamera(capture, blur, exposures, SquareRoot())
    return Renderer(scene, camera, HEIGHT, WIDTH, capture.times[capture.reference_index])


def front() -> View:
    return front_view(scene_of(Level(0.0)).plane, "cpu")


def rendered(scene, blur, names=None, **settings) -> dict[str, torch.Tensor]:
    renderer = renderer_of(scene, blur)
    return renderer.render(front(), CameraSettings(**settings), names or renderer.output_names())


def test_the_all_in_focus_hdr_picture_comes_first(scene):
    assert renderer_of(scene, lens()).output_names()[0] == "all_in_focus_hdr"


def test_pictures_are_between_black_and_white_and_everything_is_finite(scene):
    outputs = rendered(scene, lens(ramp()), exposure_stops=4.0)
    assert tuple(outputs) == tuple(OUTPUTS)
    for name, values in outputs.items():
        assert values.shape == (HEIGHT, WIDTH, 1 if name in ONE_CHANNEL else 3) and values.isfinite().all(), name
        if name in PICTURES:
            assert values.min() >= 0 and values.max() <= 1, name
    assert outputs["hdr"].max() > 1 and (outputs["accumulation"] == 1).all()


def test_each_output_has_the_parts_that_its_name_says(scene):
    outputs = rendered(scene, lens(ramp()), focus_position=0.3, exposure_stops=-2.0)
    sharp = scene.field.picture()
    torch.testing.assert_close(outputs["hdr"], sharp, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outputs["all_in_focus"], (sharp / 4).sqrt().clamp(max=1), atol=1e-4, rtol=1e-3)
    blurred = outputs["hdr_defocused"]
    assert not torch.allclose(blurred, sharp, rtol=0.05)
    torch.testing.assert_close(outputs["rgb"], (blurred / 4).sqrt().clamp(max=1), atol=1e-4, rtol=1e-3)
    anchors = renderer_of(scene).anchors()
    torch.testing.assert_close(outputs["all_in_focus_hdr"], tonemap(outputs["hdr"], "reinhard", anchors))


class Even(BlurGenerator[PlanePlaces]):
    """The mean of the pixel and its right neighbour."""

    def forward(self, places, settings):
        step = settings.aperture * torch.tensor([[0.0, 0.0], [1 / WIDTH, 0.0]])
        times = places.times[:, None].expand(-1, 2, -1)
        return Taps(PlanePlaces(places.uv[:, None] + step, times), torch.full(times.shape[:2], 0.5))

    def radius_px(self, places, taps):
        return torch.full_like(places.times, 0.5)

    @property
    def largest_radius_px(self):
        return torch.tensor(1.0)


class Counted:
    """Counts what a renderer's scene and blur are asked for."""

    def __init__(self, renderer: Renderer) -> None:
        self.calls: Counter[str] = Counter()
        self.within = ""
        renderer.scene.radiance = self.counting("radiance", renderer.scene.radiance)
        renderer.camera.blur.spread = self.counting("blur", renderer.camera.blur.spread)
        renderer.camera.blur.forward = self.counting("taps", renderer.camera.blur.forward)
        renderer.camera.response.forward = self.counting("response", renderer.camera.response.forward)

    def counting(self, name, function):
        def counted(*arguments):
            if self.within:  # what the blur asks for is its own affair
                return function(*arguments)
            self.calls[name] += 1
            self.within = "blur" if name == "blur" else ""
            try:
                return function(*arguments)
            finally:
                self.within = ""

        return counted


@pytest.mark.parametrize(
    ("names", "calls"),
    [
        pytest.param(("hdr",), {"radiance": 1}, id="the sharp picture needs no blur"),
        pytest.param(("hdr_defocused",), {"blur": 1}, id="the blurred one is never sharp"),
        pytest.param(("rgb",), {"blur": 1, "response": 1}, id="nor is the photograph"),
        pytest.param(("all_in_focus",), {"radiance": 1, "response": 1}, id="all in focus needs no blur"),
        pytest.param(("hdr", "all_in_focus"), {"radiance": 1, "response": 1}, id="what is shared is computed once"),
        pytest.param(
            ("rgb", "hdr_defocused"),
            {"blur": 1, "response": 1},
            id="so is blurred light",
        ),
        pytest.param(("defocus",), {"taps": 1}, id="defocus needs no light"),
        pytest.param(("depth", "accumulation"), {}, id="geometry needs neither"),
    ],
)
def test_only_what_is_named_is_computed(scene, names, calls):
    renderer = renderer_of(scene, Even())
    counted = Counted(renderer)
    outputs = renderer.render(front(), CameraSettings(0.3), names)
    assert tuple(outputs) == names and counted.calls == calls


def test_outputs_of_one_s_own_by_name(scene):
    renderer = renderer_of(scene, lens(ramp()))
    counted = Counted(renderer)
    own = {"twice": lambda film: 2 * film.sharp, "hdr": lambda film: film.sharp}
    outputs = renderer.render(front(), CameraSettings(), own)
    torch.testing.assert_close(outputs["twice"], 2 * outputs["hdr"])
    assert counted.calls == {"radiance": 1}


def test_an_output_that_there_is_not_is_no_output(scene):
    with pytest.raises(KeyError, match="opacity"):
        rendered(scene, None, ("opacity",))


@pytest.mark.parametrize("tone_mapping", ["reinhard", "local"])
def test_strips_are_parts_of_the_whole(scene, monkeypatch, tone_mapping):
    renderer, settings = renderer_of(scene, lens(ramp())), CameraSettings(display=Display(tone_mapping))
    whole = renderer.render(front(), settings, renderer.output_names())
    monkeypatch.setattr(module, "RAYS_AT_ONCE", 5 * WIDTH + 3)
    assert renderer.strips(front()) == [slice(0, 5), slice(5, 10), slice(10, 12)]
    advanced = []
    pictures = renderer.render(front(), settings, renderer.output_names(), advance=lambda: advanced.append(1))
    assert len(advanced) == 3
    for name, picture in pictures.items():
        torch.testing.assert_close(picture, whole[name], msg=name)


def test_no_more_of_a_strip_is_kept_than_told(scene, monkeypatch):
    renderer = renderer_of(scene, lens(ramp()))
    whole = renderer.render(front(), CameraSettings(), ("rgb", "depth"))
    monkeypatch.setattr(module, "RAYS_AT_ONCE", 5 * WIDTH)
    kept = renderer.render(front(), CameraSettings(), ("rgb", "depth"), lambda strip: (strip * 100).to(torch.int32))
    for name, picture in kept.items():
        assert picture.dtype == torch.int32 and picture.shape == whole[name].shape
        torch.testing.assert_close(picture.float(), whole[name] * 100, atol=1.01, rtol=0)


def test_a_row_is_the_least_that_is_rendered_at_once(scene, monkeypatch):
    monkeypatch.setattr(module, "RAYS_AT_ONCE", 1)
    assert len(renderer_of(scene, lens()).strips(front())) == HEIGHT


def test_exposure_develops_but_does_not_change_the_light(scene):
    dark, bright = (rendered(scene, lens(ramp()), exposure_stops=stops) for stops in (-3.0, 3.0))
    assert (dark["rgb"] < bright["rgb"]).any() and (dark["all_in_focus"] < bright["all_in_focus"]).any()
    for name in ("hdr", "hdr_defocused", "all_in_focus_hdr", "defocus"):
        assert torch.equal(dark[name], bright[name]), name


def test_display_exposure_brightens_the_tone_mapped_picture_alone(scene):
    plain, brighter = rendered(scene, lens()), rendered(scene, lens(), display=Display(exposure_stops=2.0))
    assert (brighter["all_in_focus_hdr"].mean() > plain["all_in_focus_hdr"].mean() + 0.05).item()
    assert [name for name in plain if not torch.equal(plain[name], brighter[name])] == ["all_in_focus_hdr"]


@pytest.mark.parametrize("tone_mapping", ["log", "local"])
def test_tone_mapping_changes_the_tone_mapped_picture_alone(scene, tone_mapping):
    plain, other = rendered(scene, lens()), rendered(scene, lens(), display=Display(tone_mapping))
    assert [name for name in plain if not torch.equal(plain[name], other[name])] == ["all_in_focus_hdr"]


def test_without_the_response_photographs_are_linear_light(scene):
    outputs = rendered(scene, lens(ramp()), exposure_stops=-2.0, developed=False)
    torch.testing.assert_close(outputs["rgb"], (outputs["hdr_defocused"] / 4).clamp(max=1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(outputs["all_in_focus"], (outputs["hdr"] / 4).clamp(max=1), atol=1e-5, rtol=1e-4)


def test_closed_aperture_shows_everything_sharp(scene):
    outputs = rendered(scene, lens(ramp()), aperture=0.0)
    assert torch.equal(outputs["rgb"], outputs["all_in_focus"])
    assert torch.equal(outputs["hdr_defocused"], outputs["hdr"])


def test_defocus_is_zero_in_focus_and_grows_to_either_side(scene):
    defocus = rendered(scene, lens(ramp()))["defocus"][HEIGHT // 2, :, 0]
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


def test_beside_the_picture_there_is_nothing_but_a_distance(scene):
    plane = scene.plane

    def from_half_a_picture_aside(rows: slice):
        origins, directions = front_view(plane, "cpu").rays_of_rows(rows)
        return origins + torch.tensor([0.5, 0.0, 0.0]), directions

    view = View(HEIGHT, WIDTH, from_half_a_picture_aside)
    outputs = renderer_of(scene, lens(ramp())).render(view, CameraSettings(), tuple(OUTPUTS))
    seen = outputs["accumulation"][..., 0] == 1
    assert seen.float().mean() == 0.5
    for name in outputs.keys() - {"depth"}:
        assert (outputs[name][~seen] == 0).all(), name
    assert (outputs["depth"] >= 1).all()


def test_nothing_is_said_to_be_farther_than_the_viewer_bears(scene):
    view = View(1, 1, lambda rows: (torch.tensor([[0.0, 500.0, 0.0]]), torch.tensor([[0.0, -1.0, 0.0]])))
    assert renderer_of(scene).render(view, CameraSettings(), ("depth",))["depth"].item() == 100.0


def test_anchors_suit_the_whole_picture():
    field = GridField(HEIGHT, WIDTH)
    halves = torch.zeros(HEIGHT, WIDTH, 3)
    halves[:, WIDTH // 2 :] = math.log(16.0)
    field.pyramid.start_from(halves)
    anchors = renderer_of(scene_of(field)).anchors()
    assert anchors.key.item() == pytest.approx(4.0, rel=0.1)  # geometric mean of 1 and 16
    assert anchors.white.item() == pytest.approx(16.0, rel=1e-3)
    assert not anchors.key.requires_grad


class Dawn(PlaneField):
    """Light that grows by e^3 from the first moment to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))

    def log_radiance(self, uv, times):
        return (3 * times + self.level).expand(*uv.shape[:-1], 3)


def test_anchors_suit_the_reference_frame_s_moment():
    keys = []
    for reference_index in (0, 2):
        capture = dataclasses.replace(MOVING, reference_index=reference_index)
        keys.append(renderer_of(scene_of(Dawn(), capture), capture=capture).anchors().key.item())
    assert keys == [pytest.approx(1.0), pytest.approx(math.exp(3.0), rel=1e-4)]


def test_anchors_can_be_fixed(scene):
    renderer = renderer_of(scene)
    renderer.fixed_anchors = DisplayAnchors(key=torch.tensor(1.0), white=torch.tensor(100.0))
    outputs = renderer.render(front(), CameraSettings(), ("hdr", "all_in_focus_hdr"))
    expected = tonemap(outputs["hdr"], "reinhard", renderer.fixed_anchors)
    torch.testing.assert_close(outputs["all_in_focus_hdr"], expected)


def test_display_follows_training(scene):
    renderer = renderer_of(scene)
    before = renderer.render(front(), CameraSettings(), ("all_in_focus_hdr",))["all_in_focus_hdr"]
    with torch.no_grad():
        scene.field.pyramid.grids[0].add_(2.0)  # all light grows alike, so grey and white move with it
    after = renderer.render(front(), CameraSettings(), ("all_in_focus_hdr",))["all_in_focus_hdr"]
    torch.testing.assert_close(after, before, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("settings", "time"),
    [
        pytest.param(CameraSettings(), 0.5, id="of the reference frame"),
        pytest.param(CameraSettings(frame=2), 1.0, id="of the frame that is named"),
        pytest.param(CameraSettings(frame=2, time=0.25), 0.25, id="as told"),
    ],
)
def test_the_moment_of_a_picture(settings, time):
    renderer = renderer_of(scene_of(Dawn(), MOVING), capture=MOVING)
    assert renderer.render(front(), settings, ("hdr",))["hdr"].log().mean().item() == pytest.approx(3 * time)


def test_what_a_scene_shows_besides_is_listed_before_what_is_wherever_rays_go():
    field = TwoLayers(Level(0.0), DeformedField(Level(math.log(20.0)), Pan()), OpaqueOnTheRight())
    field.background.level = nn.Parameter(torch.zeros(()))
    renderer = renderer_of(scene_of(field.eval(), MOVING), capture=MOVING)
    names = renderer.output_names()
    assert names[-6:] == ("opacity", "background", "foreground", "motion", "accumulation", "depth")
    outputs = renderer.render(front(), CameraSettings(time=1.0), names)
    assert outputs["opacity"][..., 0].unique().tolist() == [0.0, 1.0]
    assert (outputs["background"] < outputs["foreground"]).all() and outputs["foreground"].max() <= 1
    still, moving = outputs["motion"][:, : WIDTH // 2], outputs["motion"][:, WIDTH // 2 :]
    assert still.min() > 0.99 and moving[..., 0].max() < 0.2


def test_pictures_of_a_film_carry_no_graph(scene):
    outputs = rendered(scene, lens(ramp()))
    assert not any(picture.requires_grad for picture in outputs.values())
    film = Film(renderer_of(scene), rays_of(front()), CameraSettings())
    assert film.sharp.requires_grad  # whoever trains on a film can


def rays_of(view: View) -> Rays:
    origins, directions = view.rays_of_rows(slice(None))
    return Rays(origins, directions, torch.zeros_like(origins[:, :1]))
