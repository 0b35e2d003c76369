"""What nerfstudio's viewer lists: outputs under the names people use, all of them fit for a display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.grids.plane_pyramid import sample_plane
from neucam_nerfstudio.rendering.outputs import OUTPUTS, WHEREVER_RAYS_GO, Film, Output

RESIDUAL = "Residual (x 4)"
"""The viewer's name of `residual`."""

RESIDUAL_GAIN = 4.0
"""Residuals are shown this much larger than they are."""

VIEWER_NAMES = {
    "all_in_focus_hdr": "All in focus, HDR",
    "rgb": "Photograph",
    "residual": RESIDUAL,
    "all_in_focus": "All in focus, developed",
    "hdr_defocused": "As focused, HDR",
    "defocus": "Defocus (of largest)",
    "confidence": "Confidence",
    "motion": "Motion",
    "opacity": "Opacity",
    "foreground": "Foreground",
    "background": "Background",
    "as_filmed": "As filmed",
}
"""The viewer's name of each output, in the order in which it lists them; nerfstudio's own `accumulation` and `depth`,
which it asks for by that name, come last. `hdr` is missing: tone-mapped, as the viewer would show it, it is
`all_in_focus_hdr`."""

COVER_RED, COVER_STRENGTH = (1.0, 0.1, 0.1), 0.7
"""What the foreground covers is shown in this colour; at full opacity, this share of it."""

PICTURE_BELOW = 0.5
"""Brightness of the picture below, as a share of its own."""


class Compared(NamedTuple):
    """The photograph that pictures are compared with.

    Attributes:
        ldr: Pixel values in [0, 1].
        seen_at: Of where rays look, in the scene's own terms: the places in the photograph, (u, v) in [0, 1], and which
            of them it shows.
    """

    ldr: Float[Tensor, "1 3 height width"]
    seen_at: Callable[[Any], tuple[Float[Tensor, "rays 2"], Bool[Tensor, "rays 1"]]]


def listed_outputs(names: tuple[str, ...], photograph: Compared | None) -> dict[str, Output]:
    """The outputs that the viewer lists, by its names.

    Linear radiance is tone-mapped, as the viewer shows nothing above 1; opacity and shares are laid over the picture.

    Args:
        names: Of the outputs there are.
        photograph: Of the frame that the picture is compared with; None compares with none.
    """
    own: dict[str, Output] = {
        "hdr_defocused": lambda film: film.tonemapped(film.blurred),
        "opacity": lambda film: covered_picture(film.extra("opacity"), film.tonemapped(film.sharp)),
        "as_filmed": lambda film: covered_picture(film.extra("as_filmed"), film.tonemapped(film.sharp)),
        "residual": lambda film: residual(film, photograph),
    }
    listed = {}
    for name, viewer_name in VIEWER_NAMES.items():
        if name in names or name == "residual":
            listed[viewer_name] = own.get(name) or OUTPUTS.get(name) or (lambda film, name=name: film.extra(name))
    return {**listed, **{name: OUTPUTS[name] for name in WHEREVER_RAYS_GO}}


def residual(film: Film, photograph: Compared | None) -> Float[Tensor, "rays 3"]:
    """Absolute difference of rendered pixel values from a photograph's, times `RESIDUAL_GAIN`, [0, 1]; black without a
    photograph, and where it shows nothing."""
    if photograph is None:
        return film.inside.new_zeros(len(film.inside), 3, dtype=torch.float32)
    uv, is_seen = photograph.seen_at(film.places)
    if not is_seen.any():
        return film.inside.new_zeros(len(film.inside), 3, dtype=torch.float32)
    difference = (film.developed(film.blurred) - sample_plane(photograph.ldr, uv)).abs()
    return torch.where(is_seen, (RESIDUAL_GAIN * difference).clamp(max=1), 0)


def covered_picture(opacity: Float[Tensor, "rays 1"], picture: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
    """Red over a dim grey picture where the foreground covers it, as photo editors show masks.

    In a colour map, the picture of a scene whose foreground covers nothing would look as empty as what lies around it.

    Args:
        opacity: How much of the background the foreground covers, [0, 1].
        picture: Display values in [0, 1].
    """
    grey = PICTURE_BELOW * picture.mean(-1, keepdim=True)
    return grey + COVER_STRENGTH * opacity * (picture.new_tensor(COVER_RED) - grey)
