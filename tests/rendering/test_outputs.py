"""Outputs: pictures in [0, 1], radiance whole, each made with exactly the camera parts its name says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.rendering.display_tonemapping import tonemap
from neucam_nerfstudio.rendering.outputs import OUTPUTS
from neucam_nerfstudio.rendering.view import View, front_view
from neucam_nerfstudio.scene.plane_field import DeformedField
from neucam_nerfstudio.scene.scene import PlanarScene

from ..scene.made_fields import Level, OpaqueOnTheRight, Pan, TwoLayers
from .made_renderers import (
    HEIGHT,
    MOVING,
    WIDTH,
    front,
    lens,
    ramp,
    rendered,
    renderer_of,
    scene_of,
    varied_scene,
)


@pytest.fixture
def scene() -> PlanarScene:
    return varied_scene()


PICTURES = ("all_in_focus_hdr", "rgb", "all_in_focus", "defocus")
ONE_CHANNEL = ("defocus", "accumulation", "depth")


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
