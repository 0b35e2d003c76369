"""What nerfstudio's viewer lists: outputs under the names people use, all of them fit for a display."""

from __future__ import annotations

from torch import Tensor

from neucam_nerfstudio.models.outputs import Display

RESIDUAL = "Residual (x 4)"
"""The viewer's name of `residual`, see `frame_comparison`."""

VIEWER_NAMES = {
    "all_in_focus_hdr": "All in focus, HDR",
    "rgb": "Photograph",
    "residual": RESIDUAL,
    "all_in_focus": "All in focus, developed",
    "hdr_defocused": "As focused, HDR",
    "defocus": "Defocus (of largest)",
    "motion": "Motion",
    "opacity": "Opacity",
    "foreground": "Foreground",
    "background": "Background",
}
"""The viewer's name of each output, in the order in which it lists them; nerfstudio's own `accumulation` and `depth`,
which it asks for by that name, come last. `hdr` is missing: tone-mapped, as the viewer would show it, it is
`all_in_focus_hdr`."""


def viewer_outputs(outputs: dict[str, Tensor], display: Display) -> dict[str, Tensor]:
    """The outputs that the viewer lists, under its names; linear radiance is tone-mapped, as it shows nothing above 1.

    Args:
        outputs: Of the model, `[rays, channels]`.
        display: How radiance is shown.
    """
    shown = {**outputs, "hdr_defocused": display.tonemap(outputs["hdr_defocused"])}
    return {viewer_name: shown[name] for name, viewer_name in VIEWER_NAMES.items() if name in shown}
