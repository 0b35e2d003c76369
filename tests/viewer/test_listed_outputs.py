"""What the viewer lists: names people use, the picture first, and nothing above 1."""

import pytest
import torch
from neucam_nerfstudio.models.outputs import Display

from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL, listed_outputs

DISPLAY = Display(DisplayAnchors(key=torch.tensor(0.18), white=torch.tensor(8.0)), "reinhard", 0.0)


def test_names_and_order():
    names = ("hdr", "defocus", "rgb", "hdr_defocused", "residual", "all_in_focus", "all_in_focus_hdr")
    outputs = {name: torch.zeros(2, 1 if name == "defocus" else 3) for name in names}
    assert list(listed_outputs(outputs, DISPLAY.tonemap)) == [
        *("All in focus, HDR", "Photograph", RESIDUAL),
        *("All in focus, developed", "As focused, HDR", "Defocus (of largest)"),
    ]


def test_radiance_alone_is_tone_mapped():
    outputs = {"hdr_defocused": torch.full((2, 3), 50.0), "rgb": torch.full((2, 3), 0.3)}
    shown = listed_outputs(outputs, DISPLAY.tonemap)
    assert 0.99 < shown["As focused, HDR"].min() and shown["As focused, HDR"].max() <= 1
    assert shown["Photograph"] is outputs["rgb"]


@pytest.mark.parametrize(
    ("opacity", "expected"), [(0.0, (0.2, 0.2, 0.2)), (1.0, (0.76, 0.13, 0.13)), (0.5, (0.48, 0.165, 0.165))]
)
def test_opacity_lies_over_the_picture_in_red(opacity, expected):
    picture = torch.tensor([[0.6, 0.4, 0.2]])  # half of its mean is 0.2
    outputs = {"opacity": torch.tensor([[opacity]]), "all_in_focus_hdr": picture, "hdr_defocused": picture}
    torch.testing.assert_close(listed_outputs(outputs, DISPLAY.tonemap)["Opacity"], torch.tensor([expected]))
