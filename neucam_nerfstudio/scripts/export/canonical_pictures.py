"""The pictures that the frames of a moving scene share, and edits of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb
from neucam_nerfstudio.rendering.display_tonemapping import (
    SMALLEST_RADIANCE,
    DisplayAnchors,
    DisplayOperator,
    tonemap,
)
from neucam_nerfstudio.scene.edited_picture import EditedFrames, EditedPicture
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.image_plane import pixel_lattice
from neucam_nerfstudio.scene.plane_field import DeformedField, LayeredField, PlaneField
from neucam_nerfstudio.scripts.export.trained_run import num_strips

Picture = Float[Tensor, "height width 3"]

EDIT_SUFFIXES = (".png", ".tif", ".tiff", ".exr")

UNCHANGED_LDR = 1.5 / 255
"""Pixel values nearer to the written preview are unchanged: editing programs round."""

UNCHANGED_SHARE = 2e-3
"""Radiance nearer to the written one, as a share of it, is unchanged: half precision rounds by a quarter of this."""

INVERSION_STEPS = 60
DARKEST_LIGHT = 1e-5
"""Display-linear light that edits are not darker than, so that ratios stay finite; an 8-bit 1 is thirty times that."""


class Preview(NamedTuple):
    """How the pictures that frames share are shown as PNG: at one grey and white, whatever the dials say.

    Attributes:
        anchors: Grey and white.
        operator: Tone mapping.
    """

    anchors: DisplayAnchors
    operator: DisplayOperator

    def show(self, radiance: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Display values in [0, 1]; strip by strip, for tone mapping takes a few times the memory of what it shows."""
        shown = torch.empty_like(radiance)
        for rows in strips_of_rows(len(radiance), math.prod(radiance.shape[1:-1])):
            shown[rows] = tonemap(radiance[rows], self.operator, self.anchors)
        return shown


def shared_pictures(run: LearnedCapture) -> dict[str, DeformedField]:
    """The layers whose frames share one picture, by name; a scene without layers is all background.

    Raises:
        NeucamError: The scene has none.
    """
    if run.capture.views is not None:
        raise NeucamError(
            "This run has many views: its scene is a volume, and layers are pictures that the frames of one view share."
            " Use `neucam-export hdr` or images for its views and paths, `ns-export` for its shape."
        )
    field = run.planar_scene.field
    candidates: dict[str, PlaneField] = {"background": field}
    if isinstance(field, LayeredField):
        candidates = {"background": field.background, "foreground": field.foreground}
    shared = {name: layer for name, layer in candidates.items() if isinstance(layer, DeformedField)}
    if not shared:
        raise NeucamError(
            "This scene does not move, so it has no layers: its one picture is what `neucam-export hdr` writes."
        )
    return shared


def shared_picture(layer: DeformedField, run: LearnedCapture, advance: Callable[[], None]) -> Picture:
    """Linear radiance of the picture that the frames share: all of a grid, or as much of a network as a frame is large.

    Args:
        layer: One of `shared_pictures`.
        run: Whose layer it is.
        advance: Called as often as `strips_of_shared` says.
    """
    canonical = layer.canonical
    return canonical.picture() if isinstance(canonical, GridField) else radiance_of(canonical, run, 0.0, advance)


def strips_of_shared(layer: DeformedField, run: LearnedCapture) -> int:
    """In how many strips of rows the picture that the frames share is rendered; that of a grid is there already."""
    return 0 if isinstance(layer.canonical, GridField) else num_strips(run)


@torch.no_grad()
def radiance_of(field: PlaneField, run: LearnedCapture, time: float, advance: Callable[[], None]) -> Picture:
    """Linear radiance of a scene field at the places of the photographs' pixels.

    Args:
        field: The whole scene, a layer, or a picture that frames share.
        run: Whose photographs they are.
        time: In [0, 1].
        advance: Called after each strip of rows.
    """
    height, width, device = run.capture.height, run.capture.width, next(run.parameters()).device
    strips = []
    for rows in run.renderer.strips(run.view):
        uv = pixel_lattice(height, width, device, rows)
        strips.append(field.radiance(uv, torch.full_like(uv[..., :1], time)))
        advance()
    return torch.cat(strips)


def put_in(run: LearnedCapture, layer: DeformedField, radiance: Picture, changed: Bool[Tensor, "height width"]) -> None:
    """Lets a layer show an edit, see `edited_pixels`, and frames that show the same surface by their own pictures."""
    before = layer.canonical
    if isinstance(before, GridField):
        learned_cells = math.prod(before.pyramid.grids[0].shape[-2:])
        after = type(before)(run.capture.height, run.capture.width, learned_cells).to(radiance.device)
        after.load_state_dict(before.state_dict())
        after.pyramid.change_to(radiance.log())
    else:
        after = EditedPicture(before, radiance, changed)
    layer.canonical = after
    field = run.planar_scene.field
    if isinstance(field, LayeredField) and not isinstance(field.foreground, DeformedField):
        field.foreground = EditedFrames(field.foreground, layer.deformation, before, after)


def edited_pixels(path: Path, radiance: Picture, preview: Preview) -> tuple[Picture, Bool[Tensor, "height width"]]:
    """A picture with an edit; what was not edited stays as it is, with all its light.

    Args:
        path: The edited picture: PNG or TIFF (an edit of what `neucam-export layers` wrote as PNG; where it is
            transparent, the picture stays) or EXR.
        radiance: Of the picture before.
        preview: How `neucam-export layers` showed it.

    Returns:
        Linear radiance, and where it was edited.

    Raises:
        NeucamError: There is no such file, it is of another type or size, or it cannot be read.
    """
    if path.suffix.lower() not in EDIT_SUFFIXES or not path.is_file():
        found = "no such file" if not path.is_file() else "not a picture that is read"
        raise NeucamError(f"{path}: {found}. Give an edited picture: {', '.join(EDIT_SUFFIXES)}.")
    is_radiance = path.suffix.lower() == ".exr"
    pixels = read_radiance(path) if is_radiance else _rgba(path)
    (height, width), (edited_height, edited_width) = radiance.shape[:2], pixels.shape[:2]
    if (edited_height, edited_width) != (height, width):
        raise NeucamError(
            f"{path}: the picture is {edited_width}x{edited_height} pixels; expected the {width}x{height} that "
            "`neucam-export layers` wrote. Save the edit at that size."
        )
    edit = torch.from_numpy(pixels).to(radiance.device)
    edited = radiance.clone()
    if is_radiance:
        changed = ((edit - radiance).abs() > UNCHANGED_SHARE * radiance).any(-1)
        edited[changed] = edit[changed].clamp(min=SMALLEST_RADIANCE)
    else:
        shown = preview.show(radiance)
        wanted = torch.lerp(shown, edit[..., :3], edit[..., 3:])
        changed = ((wanted - shown).abs() > UNCHANGED_LDR).any(-1)
        edited[changed] = radiance_shown_as(wanted[changed], radiance[changed], preview)
    return edited, changed


def radiance_shown_as(
    ldr: Float[Tensor, "pixels 3"], start: Float[Tensor, "pixels 3"], preview: Preview
) -> Float[Tensor, "pixels 3"]:
    """Radiance that is shown as these display values, as far as the tone mapping can show them at all.

    Each step multiplies radiance by the ratio of wanted and shown light, so an edit that brightens or tints keeps what
    tells pixels apart.

    Args:
        ldr: Display values in [0, 1].
        start: Radiance to start from.
        preview: The tone mapping.
    """
    wanted = decode_srgb(ldr).clamp(min=DARKEST_LIGHT)
    radiance = start
    for _ in range(INVERSION_STEPS):
        shown = decode_srgb(preview.show(radiance)).clamp(min=DARKEST_LIGHT)
        radiance = (radiance * wanted / shown).clamp(SMALLEST_RADIANCE, max(float(preview.anchors.white), 1e-6))
    return radiance


def _rgba(path: Path) -> Float[np.ndarray, "height width 4"]:
    """Pixels in [0, 1]; opaque where the file has no alpha."""
    import cv2

    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in WHITE_LEVEL:
        raise NeucamError(broken_file_message(path, "not a complete picture of 8 or 16 bits"))
    conversions = {2: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    channels = pixels.shape[2] if pixels.ndim == 3 else 2
    return cv2.cvtColor(pixels, conversions[channels]).astype(np.float32) / WHITE_LEVEL[pixels.dtype]
