"""What a program asks of this package without nerfstudio: photographs in, pictures out. NumPy and OpenCV alone.

The steps, `merge_exposures`, `estimate_response` and `fuse_focus`, take photographs as they are; `fuse` first finds out
what settings they were taken at, as the commands do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.memory import MemoryBudget, default_budget
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.classical.motion.moving_start import moving_estimate
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_samples import reduce_frames
from neucam_nerfstudio.classical.response_table import ResponseTable, linear_response, srgb_response
from neucam_nerfstudio.classical.warm_start import LEAST_STOPS_FOR_RESPONSE, classical_estimate, response_of_frames
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.fused_photographs import FusedPhotographs
from neucam_nerfstudio.photographs import Photographs, open_for_preview, open_photographs, read_arrays
from neucam_nerfstudio.stand import Stand

ResponseChoice = Literal["estimated", "srgb", "linear"]
"""What pixel values mean as light: what the photographs tell, the sRGB standard, or light itself (RAW files always)."""

DONE_WHEN_READ, DONE_WHEN_SCANNED, DONE_WHEN_ALIGNED = 0.08, 0.11, 0.2
"""Shares of the work that are done when all photographs are decoded, when it is known how they lie, and when they are
brought there; measured on nine of 24 megapixels."""


def fuse(
    photographs: Photographs,
    *,
    exposure_stops: Sequence[float] | None = None,
    focus: Sequence[int] | None = None,
    frames: FrameKind = "settings",
    reference: str | int | None = None,
    align: AlignChoice = "auto",
    downscale_factor: int | None = None,
    response: ResponseChoice | ResponseTable = "estimated",
    budget_bytes: int | None = None,
    report: Callable[[float], None] = lambda share_done: None,
    preview: Callable[[Float[np.ndarray, "rows columns 3"]], None] | None = None,
    stand: Stand | None = None,
) -> FusedPhotographs:
    """Fuses photographs of one view into one picture: all in focus, with all the light. Takes seconds, not minutes.

    Args:
        photographs: A folder of photographs, a video, a `.npy` file or a `capture.json`; a list of photographs' files
            in one folder; or a list of arrays [height, width, 3], RGB, uint8, uint16 or float32 in [0, 1].
        exposure_stops: Of arrays: exposure of each, +1 is twice the light; None estimates it. Files tell theirs by
            `exposure.txt` or EXIF, else it is estimated.
        focus: Of arrays: number of each one's focus setting, in the order of distance; None: all share one.
        frames: Whether photographs are settings of one still scene, in particular of a focus stack, or moments of a
            scene or camera that moves: those give the reference frame's moment.
        reference: The photograph that others are aligned to, and whose exposure and moment count: its name, or the
            number of an array; None takes the middle one.
        align: Whether photographs of a still scene are aligned where focusing moves the picture.
        downscale_factor: Size divisor, by area averaging; None keeps the size.
        response: Of the camera.
        budget_bytes: What the process may take of memory, about: decoded photographs beyond it wait in a temporary file
            while a still scene is fused. The picture is the same, bit for bit. None takes half of what is free, and at
            most 2.4 GB.
        report: Called with the share that is done, (0, 1], from time to time.
        preview: Called once with a small picture of a still scene, linear radiance: at once, of a few photographs,
            where files are JPEGs and large; else when all photographs are read.
        stand: How photographs that were taken from the same stand, under another light, lie and are focused
            (`FusedPhotographs.stand`): these are taken to be the same, so that both pictures register pixel by pixel.

    Returns:
        The picture, and what was found out on the way.

    Raises:
        NeucamError: The photographs or settings cannot be used; the message says why and what to do.
    """
    memory = default_budget() if budget_bytes is None else MemoryBudget(budget_bytes)
    if (
        preview is not None
        and stand is None
        and frames != "moments"
        and _preview_early(photographs, frames, align, response, preview)
    ):
        preview = None
    capture, store = open_photographs(
        photographs,
        exposure_stops=exposure_stops,
        focus=focus,
        frames=frames,
        reference=reference,
        align=align if stand is None else "off",
        downscale_factor=downscale_factor,
        linear_light=response == "linear",
        memory=memory,
        report=part_of(report, 0, DONE_WHEN_READ),
    )
    if stand is not None:
        store.capture = capture = stand.placed(capture)
    report(DONE_WHEN_SCANNED)
    pictures = [store[index] for index in capture.train_indices]
    focus_index = [frame.focus_index for frame in capture.train_frames]
    exposure_index = [frame.exposure_index for frame in capture.train_frames]
    stops, known = capture.known_train_stops, _known_response(response, capture)
    defocus, confidence, blur_px, notes = None, None, 0.0, ()
    if capture.moves:
        camera = moving_estimate(pictures, stops, exposure_index, capture.reference_position, response=known)
        log_radiance = camera.moments[capture.reference_position]
        report(1.0)
    else:
        store.make_ready(
            capture.train_indices,
            part_of(report, DONE_WHEN_SCANNED, DONE_WHEN_ALIGNED),
            memory.of_reading(capture.height, capture.width),
        )
        notes = filter(None, (memory.note(capture.height, capture.width), store.scratch_note()))
        camera = classical_estimate(
            pictures,
            focus_index,
            stops,
            exposure_index,
            known,
            part_of(report, DONE_WHEN_ALIGNED, 1),
            [store.stored_coverage(index) for index in capture.train_indices],
            memory.of_tiles(capture.height, capture.width),
            None if preview is None else lambda log_radiance, response: preview(np.exp(log_radiance)),
            None if stand is None else stand.focus,
        )
        log_radiance, confidence = camera.log_radiance, camera.confidence
        if len(set(focus_index)) > 1:
            defocus, blur_px = camera.sharpest_focus, camera.blur_per_setting_px
    return FusedPhotographs(
        radiance=np.exp(log_radiance, out=log_radiance),
        defocus=defocus,
        blur_per_setting_px=blur_px,
        response=camera.response,
        exposures=camera.exposure_stops,
        capture=capture,
        training_notes=tuple(notes),
        confidence=confidence,
    )


def _preview_early(
    photographs: Photographs,
    frames: FrameKind,
    align: AlignChoice,
    response: ResponseChoice | ResponseTable,
    preview: Callable[[Float[np.ndarray, "rows columns 3"]], None],
) -> bool:
    """Shows a picture of a few photographs made small, if that is quick; arguments as of `fuse`."""
    small = open_for_preview(photographs, frames, align)
    if small is None:
        return False
    capture, store = small
    camera = classical_estimate(
        [store.whole(index) for index in capture.train_indices],
        [frame.focus_index for frame in capture.train_frames],
        capture.known_train_stops,
        [frame.exposure_index for frame in capture.train_frames],
        _known_response(response, capture),
        coverage=[store.coverage(index) for index in capture.train_indices],
    )
    preview(np.exp(camera.log_radiance))
    return True


def part_of(report: Callable[[float], None], start: float, end: float) -> Callable[[float], None]:
    """What is to be called with the share that is done of a part of the work, from one share of all of it to another.

    Args:
        report: To be called with the share of all of it.
        start: Where the part starts.
        end: Where it ends.
    """
    return lambda share: report(start + (end - start) * share)


def merge_exposures(
    photographs: Photographs, exposure_stops: Sequence[float], response: ResponseTable | None = None
) -> Float[np.ndarray, "height width 3"]:
    """Merges aligned photographs at one focus, differently exposed, into linear radiance.

    Each pixel's most likely radiance: the mean of the logarithms, weighted by the slope of the response there
    (Robertson et al. 2003), without what is black or saturated.

    Args:
        photographs: Files, or arrays [height, width, 3], RGB, uint8, uint16 or float32 in [0, 1].
        exposure_stops: Exposure of each, +1 is twice the light.
        response: Of the camera; None estimates it from the photographs.

    Returns:
        Radiance, float32: what `response` turns into the photograph's pixel values at 0 stops.

    Raises:
        NeucamError: Photographs cannot be read or differ in size or number type, or their number is not that of the
            exposures.
    """
    frames = read_arrays(photographs)
    _check_count(exposure_stops, frames)
    response = response or estimate_response(frames, exposure_stops)
    estimate = classical_estimate(frames, [0] * len(frames), exposure_stops, response=response)
    to_scale_of_response = response.log_exposure[0] - estimate.response.log_exposure[0]
    return np.exp(estimate.log_radiance + to_scale_of_response)


def estimate_response(photographs: Photographs, exposure_stops: Sequence[float]) -> ResponseTable:
    """The camera's response from aligned photographs at several exposures (Debevec & Malik 1997, robustly).

    Args:
        photographs: Files, or arrays [height, width, 3], RGB, uint8, uint16 or float32 in [0, 1].
        exposure_stops: Exposure of each, +1 is twice the light.

    Returns:
        The response: pixel value in [0, 1] over ln radiance + ln 2 * stops, middle grey at 0.

    Raises:
        NeucamError: Photographs cannot be read or differ in size or number type, their number is not that of the
            exposures, or exposures hardly differ.
    """
    frames = read_arrays(photographs)
    _check_count(exposure_stops, frames)
    stops = np.asarray(exposure_stops, np.float64)
    if np.ptp(stops) < LEAST_STOPS_FOR_RESPONSE:
        raise NeucamError(
            f"exposure_stops: differ by {np.ptp(stops):g} stops, expected at least {LEAST_STOPS_FOR_RESPONSE}: equal"
            " exposures do not tell a response. Give photographs at other exposures, or a response that is known, such"
            " as neucam_nerfstudio.classical.response_table.srgb_response()."
        )
    one_focus = np.zeros(len(frames), int)
    return response_of_frames(reduce_frames(frames), one_focus, stops, frames[0].dtype)


class FusedFocus(NamedTuple):
    """A focus stack in one picture.

    Attributes:
        all_in_focus: The sharp photograph, RGB in [0, 1].
        sharpest_focus: The photograph, counted from 0 and fractional, in which each pixel is sharpest.
        blur_per_setting_px: Standard deviation of the blur of a pixel that is one photograph away from its sharpest.
    """

    all_in_focus: Float[np.ndarray, "height width 3"]
    sharpest_focus: Float[np.ndarray, "height width"]
    blur_per_setting_px: float


def fuse_focus(photographs: Photographs) -> FusedFocus:
    """Fuses aligned photographs of one exposure, focused at one distance after the other, into a sharp one.

    Light is fused, as the sRGB standard reads it from pixel values, and developed again.

    Args:
        photographs: Files, or arrays [height, width, 3], RGB, uint8, uint16 or float32 in [0, 1], in the order of
            distance.

    Raises:
        NeucamError: Photographs cannot be read or differ in size or number type, or there is only one.
    """
    frames = read_arrays(photographs)
    if len(frames) < 2:
        raise NeucamError("photographs: found 1, expected at least two that differ in focus.")
    estimate = classical_estimate(
        frames, range(len(frames)), [0.0] * len(frames), response=srgb_response(half_step(frames[0].dtype))
    )
    developed = estimate.response.develop(estimate.log_radiance)
    return FusedFocus(developed, estimate.sharpest_focus, estimate.blur_per_setting_px)


def _known_response(choice: ResponseChoice | ResponseTable, capture: Capture) -> ResponseTable | None:
    """The response to decode photographs with; None if they tell it."""
    black = half_step(capture.number_type)
    if isinstance(choice, ResponseTable):
        return choice
    if choice == "linear" or capture.linear_light:
        return linear_response(black)
    if choice == "srgb":
        return srgb_response(black)
    if choice != "estimated":
        raise NeucamError(f"response: found {choice!r}, expected 'estimated', 'srgb', 'linear' or a ResponseTable.")
    return None


def _check_count(exposure_stops: Sequence[float], frames: Sequence[np.ndarray]) -> None:
    if len(exposure_stops) != len(frames):
        raise NeucamError(
            f"exposure_stops: {len(exposure_stops)} values for {len(frames)} photographs. Give one for each."
        )
