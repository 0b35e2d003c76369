"""The renderer: it computes what is named and no more, in strips that make the whole, at a moment."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pytest
import torch
from torch import nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator, Taps
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.rendering import outputs as module
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, tonemap
from neucam_nerfstudio.rendering.outputs import Film, Renderer
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.plane_field import PlaneField
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces

from .made_renderers import (
    HEIGHT,
    MOVING,
    WIDTH,
    front,
    lens,
    ramp,
    rays_of,
    rendered,
    renderer_of,
    scene_of,
    varied_scene,
)


@pytest.fixture
def scene() -> PlanarScene:
    return varied_scene()


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


def test_pictures_of_a_film_carry_no_graph(scene):
    outputs = rendered(scene, lens(ramp()))
    assert not any(picture.requires_grad for picture in outputs.values())
    film = Film(renderer_of(scene), rays_of(front()), CameraSettings())
    assert film.sharp.requires_grad  # whoever trains on a film can
