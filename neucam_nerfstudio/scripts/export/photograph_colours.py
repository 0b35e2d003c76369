"""Which colours the pictures of a run are in: those of the photographs it was trained on."""

from __future__ import annotations

from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.rendering.colour_primaries import REC709, ColourPrimaries
from neucam_nerfstudio.rendering.icc_profiles import primaries_of_profile, profile_name
from neucam_nerfstudio.rendering.photograph_metadata import read_metadata
from neucam_nerfstudio.scripts.export.saying import say

PHOTOGRAPHS = ("all_in_focus_hdr", "rgb", "all_in_focus", "background", "foreground")
"""Outputs in the colours of the photographs; the others are maps."""


def photograph_profile(capture: Capture) -> bytes | None:
    """The reference photograph's colour profile; None, for sRGB, if it has none or was RAW."""
    return read_metadata(capture.frames[capture.reference_index].path).icc_profile


def photograph_primaries(capture: Capture) -> ColourPrimaries:
    """Primaries of the radiance that was learned from the photographs, and says so; Rec. 709 without a profile."""
    profile = photograph_profile(capture)
    if profile is None:
        return REC709
    whose = f"{profile_name(profile)}, the colour profile of {capture.frames[capture.reference_index].path.name}"
    primaries = primaries_of_profile(profile)
    if primaries is None:
        say(f"Colours are taken for Rec. 709: {whose}, is a table without primaries.")
        return REC709
    say(f"Colours are those of {whose}.")
    return primaries
