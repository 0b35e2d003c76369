"""What the viewer lists: names people use, the picture first, and nothing above 1."""

import torch

from neucam_nerfstudio.models.outputs import Display
from neucam_nerfstudio.models.viewer_outputs import RESIDUAL, viewer_outputs
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors

DISPLAY = Display(DisplayAnchors(key=torch.tensor(0.18), white=torch.tensor(8.0)), "reinhard", 0.0)


def test_names_and_order():
    names = ("hdr", "defocus", "rgb", "hdr_defocused", "residual", "all_in_focus", "all_in_focus_hdr")
    outputs = {name: torch.zeros(2, 1 if name == "defocus" else 3) for name in names}
    assert list(viewer_outputs(outputs, DISPLAY)) == [
        *("All in focus, HDR", "Photograph", RESIDUAL),
        *("All in focus, developed", "As focused, HDR", "Defocus (of largest)"),
    ]


def test_radiance_alone_is_tone_mapped():
    outputs = {"hdr_defocused": torch.full((2, 3), 50.0), "rgb": torch.full((2, 3), 0.3)}
    shown = viewer_outputs(outputs, DISPLAY)
    assert 0.99 < shown["As focused, HDR"].min() and shown["As focused, HDR"].max() <= 1
    assert shown["Photograph"] is outputs["rgb"]
