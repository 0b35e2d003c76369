"""What the viewer lists: names people use, the picture first, and nothing above 1."""

import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.rendering.view import front_view
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL, RESIDUAL_GAIN, Compared, covered_picture, listed_outputs

LONG = 5
"""A frame at +3 stops."""


def shown(learned, name: str, photograph: Compared | None = None, **settings) -> torch.Tensor:
    """An output under the viewer's name."""
    outputs = listed_outputs(learned.renderer.output_names(), photograph)
    view = front_view(learned.scene.plane, "cpu")
    return learned.renderer.render(view, CameraSettings(**settings), {name: outputs[name]})[name]


def rendered(learned, name: str, **settings) -> torch.Tensor:
    """An output under its own name."""
    view = front_view(learned.scene.plane, "cpu")
    return learned.renderer.render(view, CameraSettings(**settings), (name,))[name]


def as_photograph(picture: torch.Tensor) -> Compared:
    """Seen squarely."""
    return Compared(picture.permute(2, 0, 1)[None], lambda places: (places.uv, places.times >= 0))


@pytest.fixture
def lit(learned):
    """A scene from dark at the left to fifty at the right."""
    height, width = learned.capture.height, learned.capture.width
    across = torch.linspace(-4, 4, width).expand(height, -1)[..., None]
    learned.scene.field.pyramid.start_from(across + torch.tensor([0.0, 0.2, -0.2]))
    return learned


def test_names_and_order():
    names = ("hdr", "defocus", "rgb", "hdr_defocused", "all_in_focus", "all_in_focus_hdr", "accumulation", "depth")
    assert list(listed_outputs(names, None)) == [
        *("All in focus, HDR", "Photograph", RESIDUAL),
        *("All in focus, developed", "As focused, HDR", "Defocus (of largest)"),
        *("accumulation", "depth"),
    ]


def test_what_a_scene_shows_besides_is_listed_after_that():
    names = ("rgb", "motion", "opacity", "background", "foreground", "as_filmed")
    assert list(listed_outputs(names, None))[:7] == [
        *("Photograph", RESIDUAL, "Motion", "Opacity", "Foreground", "Background", "As filmed")
    ]


def test_radiance_alone_is_tone_mapped(lit):
    radiance, defocused = rendered(lit, "hdr_defocused"), shown(lit, "As focused, HDR")
    assert radiance.max() > 30 and 0.9 < defocused.max() <= 1
    assert torch.equal(shown(lit, "Photograph"), rendered(lit, "rgb"))
    assert torch.equal(shown(lit, "All in focus, HDR"), rendered(lit, "all_in_focus_hdr"))


def test_the_residual_is_the_amplified_difference_at_the_exposure_of_the_frame_that_is_compared(lit):
    photograph = rendered(lit, "rgb", frame=LONG)
    assert shown(lit, RESIDUAL, as_photograph(photograph), frame=LONG).max() < 1e-4
    darker = shown(lit, RESIDUAL, as_photograph(photograph - 0.01), frame=LONG)
    torch.testing.assert_close(darker, torch.full_like(photograph, 0.01 * RESIDUAL_GAIN), atol=1e-4, rtol=0)
    assert shown(lit, RESIDUAL, as_photograph(photograph), frame=4).max() > 0.5
    assert shown(lit, RESIDUAL, as_photograph(1 - photograph), frame=LONG).max() == 1


def test_the_residual_is_black_where_nothing_is_compared(lit):
    assert shown(lit, RESIDUAL).max() == 0


def test_the_residual_of_a_photograph_of_another_size_is_that_of_the_same_places(lit):
    coarse = as_photograph(torch.full((2, 3, 3), 0.25))
    expected = (RESIDUAL_GAIN * (rendered(lit, "rgb") - 0.25).abs()).clamp(max=1)
    torch.testing.assert_close(shown(lit, RESIDUAL, coarse), expected)


def test_beside_the_picture_nothing_is_shown(lit):
    outputs = listed_outputs(lit.renderer.output_names(), as_photograph(torch.ones(1, 1, 3)))
    view = front_view(lit.scene.plane, "cpu")

    def rays_beside(rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        origins, directions = view.rays_of_rows(rows)
        return origins + torch.tensor([2.0, 0.0, 0.0]), directions

    pictures = lit.renderer.render(view._replace(rays_of_rows=rays_beside), CameraSettings(), outputs)
    assert {name for name, picture in pictures.items() if picture.abs().max() > 0} == {"depth"}


@pytest.mark.parametrize(
    ("opacity", "expected"), [(0.0, (0.2, 0.2, 0.2)), (1.0, (0.76, 0.13, 0.13)), (0.5, (0.48, 0.165, 0.165))]
)
def test_opacity_lies_over_the_picture_in_red(opacity, expected):
    picture = torch.tensor([[0.6, 0.4, 0.2]])  # half of its mean is 0.2
    torch.testing.assert_close(covered_picture(torch.tensor([[opacity]]), picture), torch.tensor([expected]))
