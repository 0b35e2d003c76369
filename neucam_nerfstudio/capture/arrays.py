"""The capture of photographs that a program holds as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.alignment.breathing import StillFrames
from neucam_nerfstudio.capture.alignment.still_alignment import (
    AlignChoice,
    alignment_note,
    find_alignment,
    frame_alignment,
)
from neucam_nerfstudio.capture.manifest import Capture, Frame, Told
from neucam_nerfstudio.capture.pixels.file_frames import FileFrames
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.settings.assignment import FrameKind, middle_frame
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings, assign_exposures, exposure_levels, ranks
from neucam_nerfstudio.capture.settings.focus import FocusSettings, spread_evenly
from neucam_nerfstudio.capture.settings.pictures import StillPictures, mean_brightness, thumbnail
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.photometry import WHITE_LEVEL

NAME = Path("photographs")
"""What stands for the file that arrays do not have."""


def capture_of_arrays(
    arrays: Sequence[Shaped[np.ndarray, "height width 3"]],
    *,
    exposure_stops: Sequence[float] | None = None,
    focus: Sequence[int] | None = None,
    frames: FrameKind = "settings",
    reference: str | int | None = None,
    align: AlignChoice = "auto",
    linear_light: bool = False,
) -> tuple[Capture, PixelStore]:
    """The capture of arrays, which all train, and their pixels; arguments as of `neucam_nerfstudio.fuse`.

    Args:
        arrays: Alike in size and number type.
        exposure_stops: Of each.
        focus: Focus setting of each.
        frames: Whether they are settings of a still scene or moments.
        reference: Number of the reference photograph.
        align: Whether focus settings are aligned.
        linear_light: Whether pixel values are linear light.

    Raises:
        NeucamError: There is one array only, settings are not as many as arrays, or there is no such reference.
    """
    count, moves, notes = len(arrays), frames == "moments", []
    for name, given in {"exposure_stops": exposure_stops, "focus": focus}.items():
        if given is not None and len(given) != count:
            raise NeucamError(f"{name}: {len(given)} values for {count} photographs. Give one for each.")
    if count < 2:
        raise NeucamError("photographs: found 1, expected at least two that differ in focus or exposure.")
    if focus is None and frames == "settings":
        notes.append("No focus settings were given: the photographs are taken to share one.")
    focus_index = list(range(count))
    if not moves and focus is not None:
        focus_index = ranks(list(focus))
    elif frames == "settings":
        focus_index = [0] * count
    stops = None if exposure_stops is None else [float(value) for value in exposure_stops]
    exposure_index, stops_of_settings = assign_exposures(None, stops, count)
    brightness = [mean_brightness(thumbnail(array)) for array in arrays]
    if reference is None:
        reference = (count - 1) // 2 if moves else middle_frame(range(count), focus_index, stops or brightness)
    if not isinstance(reference, int) or not 0 <= reference < count:
        raise NeucamError(f"reference: found {reference!r}, expected a number from 0 to {count - 1}.")
    height, width, _ = arrays[0].shape
    found = None
    if not moves and align == "auto" and max(focus_index) > 0:
        levels, pictures = exposure_levels(None, stops, brightness).numbers, StillPictures(arrays, brightness)
        found = find_alignment(StillFrames(pictures, focus_index, levels, reference, height, width, range(count)))
    if found is not None:
        notes.append(alignment_note(found, list(map(str, range(count))), str(reference)))
    times = tuple(index / (count - 1) if moves else 0.0 for index in range(count))
    number_type = arrays[0].dtype

    def told(value: object) -> Told:
        return Told(value, value, "argument")

    capture = Capture(
        kind="array",
        data=NAME,
        data_found=NAME,
        folder=NAME.parent,
        frames=tuple(
            Frame(
                NAME / str(index),
                focus_index[index],
                exposure_index[index],
                exposure=told(stops and stops[index]),
                focus=told(focus_index[index]),
                time=told(times[index] if moves else None),
                **frame_alignment(found, index, "no move found"),
            )
            for index in range(count)
        ),
        train_indices=tuple(range(count)),
        eval_indices=tuple(range(count)),
        exposures=ExposureSettings(stops_of_settings, *(("argument", "fix") if stops else ("unknown", "learn"))),
        focuses=FocusSettings(
            (0.0,) * count if moves else spread_evenly(max(focus_index) + 1),
            "moments" if moves else "argument",
            "learn",
        ),
        height=height,
        width=width,
        downscale_factor=1,
        number_type=number_type,
        white_level=WHITE_LEVEL[number_type],
        white_balance=None,
        linear_light=linear_light,
        reference_index=reference,
        reference=told(str(reference)),
        moves=moves,
        times=times,
        frame_rate=None,
        radiance_truth=(None,) * count,
        sharp_truth=(None,) * count,
        side_maps=SideMaps((), (), (), 1),
        scan_notes=tuple(notes),
        nearness=None if found is None else found.nearness,
    )
    views = {NAME / str(index): array.view() for index, array in enumerate(arrays)}
    cache = FrameCache(sum(array.nbytes for array in arrays))
    return capture, PixelStore(capture, decoded=FileFrames(list(views), views.__getitem__, 1, cache, have_files=False))
