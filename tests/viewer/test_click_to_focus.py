"""A click is a ray; where it meets the picture, the lens tells which focus position is sharp."""

import pytest
import torch

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.viewer.click_to_focus import ClickToFocus
from neucam_nerfstudio.viewer.dials import Dials, OwnSettings

HEIGHT, WIDTH = 12, 18


@pytest.fixture
def click() -> ClickToFocus:
    """A picture whose left is sharp at focus position -0.6 and whose right at 0.6."""
    blur = LensBlur(HEIGHT, WIDTH)
    blur.defocus.start_from(torch.linspace(-0.6, 0.6, WIDTH).expand(HEIGHT, WIDTH)[..., None])
    return ClickToFocus(ImagePlane(HEIGHT, WIDTH), blur, Dials((-1.0, 1.0), (0.0,), OwnSettings(0.0, 0.0)))


@pytest.mark.parametrize(
    ("x", "expected"),
    [pytest.param(4.8, -0.6, id="left"), pytest.param(0.0, 0.0, id="middle"), pytest.param(-4.8, 0.6, id="right")],
)
def test_focus_of_the_place_that_is_clicked(click, x, expected):
    # +x points to the left of the picture, and ten of viser's units are one of ours.
    assert click.focus_position_seen((x, 20.0, 0.0), (0.0, -3.0, 0.0)) == pytest.approx(expected, abs=0.03)


def test_from_an_orbited_camera(click):
    assert click.focus_position_seen((4.8, 10.0, 0.0), (-0.48, -1.0, 0.0)) == pytest.approx(0.0, abs=0.03)


def test_nothing_lies_beside_or_behind_the_picture(click):
    assert click.focus_position_seen((5.2, 20.0, 0.0), (0.0, -1.0, 0.0)) is None
    assert click.focus_position_seen((0.0, -20.0, 0.0), (0.0, 1.0, 0.0)) is None
