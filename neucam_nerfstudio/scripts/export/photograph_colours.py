"""Which colours the pictures of a run are in: those of the photographs it was trained on."""

from __future__ import annotations

from collections.abc import Collection

from neucam_nerfstudio.camera.response.response import LinearResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.imaging.colour_profiles import (
    REC709,
    ColourPrimaries,
    linear_profile,
    primaries_of_profile,
    srgb_curve_profile,
    told_primaries,
)
from neucam_nerfstudio.imaging.photograph_metadata import (
    PhotographMetadata,
    TurnedDial,
    name_of_source,
    read_metadata,
)
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scripts.run_command import say

DEVELOPED = ("rgb", "all_in_focus")
"""Outputs that are encoded as the photographs are."""
TONE_MAPPED = ("all_in_focus_hdr", "background", "foreground")
"""Outputs in the photographs' colours, but encoded as sRGB is."""
PHOTOGRAPHS = (*DEVELOPED, *TONE_MAPPED)
"""The others are maps."""


def profile_of_output(run: LearnedCapture, name: str, photograph: bytes | None) -> bytes | None:
    """The colour profile of an output that is shown as it is; None is sRGB.

    Args:
        run: Whose output.
        name: Of the output.
        photograph: Profile of the photograph whose settings it has; None is sRGB's, or linear light.
    """
    if name in DEVELOPED:
        is_linear = photograph is None and isinstance(run.camera.response, LinearResponse)
        return linear_profile(REC709) if is_linear else photograph
    if name not in TONE_MAPPED or photograph is None:
        return None
    primaries = primaries_of_profile(photograph)
    return None if primaries is None else srgb_curve_profile(primaries)


def kept_metadata(
    capture: Capture,
    frame_index: int,
    width_px: int | None = None,
    turned: Collection[TurnedDial] = (),
    is_elsewhere: bool = False,
) -> PhotographMetadata:
    """Profile and EXIF of a frame, for a picture of this width; None is the capture's own.

    Args:
        capture: Whose frame.
        frame_index: Its index in the capture.
        width_px: Of the picture that keeps them: a sensor's pixels an inch are fewer where it is reduced.
        turned: Dials that the picture has differently.
        is_elsewhere: Whether the picture is seen from where no photograph was taken, so that no EXIF is true of it.
    """
    if capture.views is not None and capture.radiance_truth[frame_index] == capture.frames[frame_index].path:
        # Nobody has photographed this view; there is its truth alone.
        frame_index, is_elsewhere = capture.reference_index, True
    path = capture.frames[frame_index].path
    if is_elsewhere:
        return PhotographMetadata(read_metadata(path).icc_profile, None)
    reduction = capture.downscale_factor * capture.width / (width_px or capture.width)
    return read_metadata(path, turned).at_size(reduction)


def photograph_profile(capture: Capture) -> bytes | None:
    """The reference photograph's colour profile; None, for sRGB, if it has none or was RAW."""
    return read_metadata(capture.frames[capture.reference_index].path).icc_profile


def photograph_primaries(capture: Capture) -> ColourPrimaries:
    """Primaries of the radiance that was learned from the photographs, and says so; Rec. 709 without a profile."""
    name = name_of_source(capture.frames[capture.reference_index].path)
    primaries, note = told_primaries(photograph_profile(capture), name)
    if note is not None:
        say(note)
    return primaries
