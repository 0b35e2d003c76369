"""What nerfstudio's viewer lists: outputs under the names people use, all of them fit for a display."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

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


COVER_RED, COVER_STRENGTH = (1.0, 0.1, 0.1), 0.7
"""What the foreground covers is shown in this colour; at full opacity, this share of it."""

PICTURE_BELOW = 0.5
"""Brightness of the picture below, as a share of its own."""


def listed_outputs(
    outputs: dict[str, Tensor], tonemap: Callable[[Float[Tensor, "rays 3"]], Float[Tensor, "rays 3"]]
) -> dict[str, Tensor]:
    """The outputs that the viewer lists, under its names.

    Linear radiance is tone-mapped, as the viewer shows nothing above 1, and opacity is laid over the picture.

    Args:
        outputs: Of the model, `[rays, channels]`.
        tonemap: Shows linear radiance, [0, 1].
    """
    shown = {**outputs, "hdr_defocused": tonemap(outputs["hdr_defocused"])}
    if "opacity" in outputs:
        shown["opacity"] = covered_picture(outputs["opacity"], outputs["all_in_focus_hdr"])
    return {viewer_name: shown[name] for name, viewer_name in VIEWER_NAMES.items() if name in shown}


def covered_picture(opacity: Float[Tensor, "rays 1"], picture: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
    """Red over a dim grey picture where the foreground covers it, as photo editors show masks.

    In a colour map, the picture of a scene whose foreground covers nothing would look as empty as what lies around it.

    Args:
        opacity: How much of the background the foreground covers, [0, 1].
        picture: Display values in [0, 1].
    """
    grey = PICTURE_BELOW * picture.mean(-1, keepdim=True)
    return grey + COVER_STRENGTH * opacity * (picture.new_tensor(COVER_RED) - grey)
