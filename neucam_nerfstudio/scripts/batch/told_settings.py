"""The settings of a capture in a few words: before its photographs are decoded, and once they are fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.source import SourceKind, frame_reader, open_source
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.capture.settings.evidence import gather_evidence
from neucam_nerfstudio.imaging.large_pictures import open_with_pillow
from neucam_nerfstudio.imaging.photographs import JPEG_SUFFIXES, LOSSLESS_SUFFIXES

PICTURES_TELL = "the pictures"
"""What tells a setting where names, lists and EXIF do not."""
ORIENTATION_TAG, FIRST_ON_ITS_SIDE = 0x0112, 5
"""EXIF's orientation: from the second number on, a picture is stored lying on its side."""


@dataclass(frozen=True)
class ToldSettings:
    """What is known of a capture's frames.

    Attributes:
        kind: Whether they are photographs, or come out of a video or an array.
        num_frames: How many there are.
        width: In pixels, as they are fused.
        height: In pixels, as they are fused.
        num_focus_settings: How many there are; None where only the pictures tell.
        focus_told_by: What tells focus settings.
        exposure_stops: Each exposure that occurs, rising, +1 is twice the light; empty where nothing tells them.
        exposures_told_by: What tells exposures.
    """

    kind: SourceKind
    num_frames: int
    width: int
    height: int
    num_focus_settings: int | None
    focus_told_by: str
    exposure_stops: tuple[float, ...]
    exposures_told_by: str

    def __str__(self) -> str:
        focus = "focus by the pictures"
        if self.num_focus_settings is not None:
            focus = f"{counted(self.num_focus_settings, 'focus setting')} ({self.focus_told_by})"
        exposures = f"exposures by {self.exposures_told_by}"
        if self.exposure_stops:
            ends = (self.exposure_stops[0], self.exposure_stops[-1])
            span = f", {ends[0]:+.3g} to {ends[1]:+.3g} stops" if ends[0] < ends[1] else ""
            exposures = f"{counted(len(self.exposure_stops), 'exposure')}{span} ({self.exposures_told_by})"
        of = {"photographs": "photographs", "video": "frames of a video", "array": "frames of an array"}
        frames = f"{self.num_frames} {of[self.kind]}"
        return f"{frames}, {self.width}x{self.height}, {focus}, {exposures}"


def settings_of(capture: Capture) -> ToldSettings:
    """The settings that were found, or that a manifest has."""
    told, stops = capture.exposures.source, capture.known_train_stops
    return ToldSettings(
        kind=capture.kind,
        num_frames=len(capture.frames),
        width=capture.width,
        height=capture.height,
        num_focus_settings=len(capture.focuses.positions),
        focus_told_by={"single": "one for all"}.get(capture.focuses.source, capture.focuses.source),
        exposure_stops=_distinct(stops or ()),
        exposures_told_by=PICTURES_TELL if told in ("unknown", "brightness") else told,
    )


def glance_at_settings(data: Path, frames: FrameKind, downscale_factor: int | None = None) -> ToldSettings:
    """What names, lists and EXIF say, without a look at the pictures: those may contradict it.

    Args:
        data: As of `open_capture`; at most one frame is decoded, for its size.
        frames: As of `open_capture`.
        downscale_factor: Size divisor.

    Raises:
        NeucamError: The capture cannot be used.
    """
    if data.suffix.lower() == ".json":
        return settings_of(Capture.load(data))
    source, moves = open_source(data), frames == "moments"
    evidence, num_frames = gather_evidence(source, moves), len(source.paths)
    claim = next((claim for claim in evidence.claims if not claim.needs_proof), None)
    stops = () if claim is None else next(iter(claim.readings.values()))
    focus: tuple[int | None, str] = (None, PICTURES_TELL)
    if moves:
        focus = (num_frames, "moments")
    elif evidence.focus_numbers is not None:
        focus = (len(set(evidence.focus_numbers)), "names")
    elif frames == "focus-stack":
        focus = (num_frames, "order")
    elif evidence.dioptres is not None:
        focus = (len(set(evidence.dioptres)), "EXIF")
    width, height = (
        size_by_header(source.paths[0])
        or frame_reader(source.kind, source.data, None, source)(source.paths[0]).shape[1::-1]
    )
    factor = downscale_factor or 1
    named = f"E<j> in {len(set(evidence.exposure_numbers))} names" if evidence.exposure_numbers else PICTURES_TELL
    return ToldSettings(
        kind=source.kind,
        num_frames=num_frames,
        width=width // factor,
        height=height // factor,
        num_focus_settings=focus[0],
        focus_told_by=focus[1],
        exposure_stops=_distinct(stops),
        exposures_told_by=named if claim is None else claim.source,
    )


def _distinct(stops: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted({round(float(value), 2) for value in stops}))


def counted(number: int, what: str) -> str:
    """`1 exposure`, `3 exposures`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def size_by_header(photograph: Path) -> tuple[int, int] | None:
    """Width and height from the header of a common picture file, upright; None of others, and of what is broken."""
    if photograph.suffix.lower() not in JPEG_SUFFIXES | LOSSLESS_SUFFIXES or not photograph.is_file():
        return None
    try:
        with open_with_pillow(photograph) as image:
            is_on_its_side = image.getexif().get(ORIENTATION_TAG, 1) >= FIRST_ON_ITS_SIDE
            return image.size[::-1] if is_on_its_side else image.size
    except Exception:  # noqa: BLE001 - Pillow raises several kinds; decoding the file says what is wrong with it
        return None
