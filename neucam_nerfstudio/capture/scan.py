"""Finds out all that photographs, a video or an array of frames tell of a capture; each frame is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from neucam_nerfstudio.capture.alignment.breathing import StillFrames
from neucam_nerfstudio.capture.alignment.still_alignment import (
    AlignChoice,
    Alignment,
    alignment_note,
    find_alignment,
    find_moved,
    frame_alignment,
    moved_note,
)
from neucam_nerfstudio.capture.ground_truth import GroundTruth, check_of_reference, check_sizes, find_ground_truth
from neucam_nerfstudio.capture.manifest import Capture, Frame, found
from neucam_nerfstudio.capture.pixels.file_frames import FileFrames
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.memory import MemoryBudget
from neucam_nerfstudio.capture.pixels.source import (
    FrameReader,
    FrameSource,
    choose_white_balance,
    frame_reader,
    in_order,
    num_readers,
    open_source,
)
from neucam_nerfstudio.capture.pixels.store import DEFAULT_BUDGET_BYTES, PixelStore, num_within
from neucam_nerfstudio.capture.pixels.white_level import ValueCount
from neucam_nerfstudio.capture.scene_cuts import (
    LEAST_VIDEO_FRAMES,
    Glance,
    find_cuts,
    glance,
    said_of_scenes,
    scenes_between,
)
from neucam_nerfstudio.capture.settings.assignment import FrameKind, SettingsChoice, assign_settings
from neucam_nerfstudio.capture.settings.evidence import gather_evidence
from neucam_nerfstudio.capture.settings.exposures import LearnChoice
from neucam_nerfstudio.capture.settings.pictures import StillPictures, mean_brightness, thumbnail
from neucam_nerfstudio.capture.settings.selection import FrameChoice, frame_times, select_frames
from neucam_nerfstudio.capture.side_maps import find_side_maps
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import orientation_hint
from neucam_nerfstudio.imaging.photographs import hold_linear_light
from neucam_nerfstudio.photometry import WHITE_LEVEL, full_scale_table


def open_capture(
    data: Path,
    *,
    frames: FrameKind = "settings",
    train_frames: tuple[str, ...] = (),
    eval_frames: tuple[str, ...] = (),
    eval_every: int | None = None,
    frame_range: tuple[int, int] | None = None,
    frame_stride: int = 1,
    downscale_factor: int | None = None,
    exposures: LearnChoice = "auto",
    focus: LearnChoice = "auto",
    settings_per_frame: bool = False,
    reference: str | None = None,
    align: AlignChoice = "auto",
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
    memory: MemoryBudget | None = None,
    report: Callable[[float], None] = lambda share_done: None,
    read: FrameReader | None = None,
) -> tuple[Capture, PixelStore]:
    """Scans the frames of a capture for their settings, or reads what an earlier scan has found.

    Exposure comes from `exposure.txt`, else from another list or EXIF unless names or pictures contradict, else from
    stops or seconds in names; else it is one for all frames of one `E<j>` or, without such names, one brightness; else
    it is unknown. Focus settings come from `F<i>` in
    the names, else from EXIF focus distances unless pictures contradict; else each frame of a focus stack has its own,
    and others are told by their order, or by the detail they share where exposures are missing. Of a scene that moves
    each frame has its own.

    Args:
        data: A folder of photographs of one view, a video file, a `.npy` file with the array of frames, or a folder
            with one such file. Beside the frames optionally `exposure.txt`, ground truth in `gt/` or under a name that
            says so (see `find_radiance`), `mask/`, `depth/` and `flow/`. Or the manifest of a capture
            (`capture.json`): then nothing is scanned, and what it says counts instead of options.
        frames: Whether frames are settings of one still scene, in particular of a focus stack, or moments of a scene or
            camera that moves.
        train_frames: Names, or name patterns, of the frames to train on; the others are held out.
        eval_frames: Names, or name patterns, of the frames to hold out; the others train. With both, exactly those are
            used.
        eval_every: Hold out frames k, 2k, ... counted from 0.
        frame_range: Use frames from the first number, up to the second, exclusive; None uses all.
        frame_stride: Use every k-th frame of the range.
        downscale_factor: Size divisor, by area averaging; None keeps the size.
        exposures: Whether exposures are fixed, refined or learned; auto learns unknown ones.
        focus: Whether focus positions are fixed, refined or learned; auto learns.
        settings_per_frame: Each frame has settings of its own, even where it shares them by all that is known.
        reference: Name of the reference frame; None takes the middle exposure of the middle focus, or the middle frame
            of a scene that moves.
        align: Whether photographs of a still scene are aligned to the reference frame where focusing moves the picture.
        budget_bytes: The most bytes of decoded frames that are kept at a time; others are decoded again when they are
            used.
        memory: Instead of that: what the fusion of the frames may hold in memory. What is beyond it is kept in a
            temporary file, and nothing is decoded twice.
        report: Called with the share of the frames that is read, (0, 1], from time to time.
        read: Decodes files smaller than they are, for a preview; None as they are.

    Returns:
        What is known of the frames, and their pixels.

    Raises:
        NeucamError: The capture cannot be used; the message says why and what to do.
    """
    which = FrameChoice(train_frames, eval_frames, eval_every, frame_range, frame_stride)
    choice = SettingsChoice(frames, exposures, focus, settings_per_frame, reference)
    if data.suffix.lower() == ".json" and data.is_file():
        capture = Capture.load(data)
        given = (which, choice, downscale_factor, align)
        _check_fits(capture, data, frames, given != (FrameChoice(), SettingsChoice(frames), None, "auto"))
        if memory is not None:
            budget_bytes = memory.of_frames(capture.height, capture.width)
        return capture, PixelStore(capture, budget_bytes, uses_scratch=memory is not None)
    factor = 1 if downscale_factor is None else downscale_factor
    return _scanned(data, which, choice, factor, align, memory or budget_bytes, report, read)


def _scanned(
    data: Path,
    which: FrameChoice,
    choice: SettingsChoice,
    factor: int,
    align: AlignChoice,
    budget: MemoryBudget | int,
    report: Callable[[float], None],
    read: FrameReader | None,
) -> tuple[Capture, PixelStore]:
    """Scans frames; arguments as of `open_capture`."""
    source, moves = open_source(data), choice.frames == "moments"
    if len(source.paths) < 2:
        raise NeucamError(
            f"{''.join(map(str, source.paths))}: the only frame of this capture. At least two are needed: add others."
        )
    evidence = gather_evidence(source, moves)
    kept, split, selection_note = select_frames(source.paths, which)
    paths = [source.paths[index] for index in kept]
    linear_light = hold_linear_light(paths)
    balance, balance_note = choose_white_balance(source.paths, paths)
    read = read or frame_reader(source.kind, source.data, balance, source)
    decoded, pictures, white_note, glances = _scan_pixels(
        source, paths, read, factor, budget, moves, linear_light, report
    )
    scenes = scenes_between(find_cuts(glances), kept)
    if len(scenes) > 1:
        longest = max(scenes, key=lambda scene: scene[1] - scene[0])
        if which != FrameChoice():
            raise NeucamError(f"{said_of_scenes(data, scenes)} Give one of them as --frame-range, and none beyond it.")
        capture, store = _scanned(data, FrameChoice(frame_range=longest), choice, factor, align, budget, report, read)
        note = f"{said_of_scenes(data, scenes)} Used is the longest; give another one as --frame-range."
        store.capture = replace(capture, scan_notes=(note, *capture.scan_notes))
        return store.capture, store
    assert decoded.likeness is not None, "at least one frame was decoded"
    (height, width, _), number_type = decoded.likeness
    if not moves and len(split.train) > 1:
        _check_not_identical(decoded, pictures.mean_brightness, split.train, data)
    settings = assign_settings(paths, split.train, evidence.of_frames(kept), pictures, choice)
    truth = find_ground_truth(source.folder, source.paths, kept, kept[settings.reference_index] if moves else None)
    check_sizes(truth, factor, height, width)
    alignment, align_notes = None, ()
    if not moves and align == "auto":
        order = list(dict.fromkeys((*split.train, *split.held_out)))
        known = (settings.known_focus, settings.known_exposure)
        still = StillFrames(pictures, *known, settings.reference_index, height, width, order)
        alignment, align_notes = _find_alignment(paths, still, truth)
    times, frame_rate, time_note = (0.0,) * len(paths), source.frame_rate, None
    if moves:
        times, frame_rate, time_note = frame_times([float(source.moments[index]) for index in kept], frame_rate)
    notes = (*source.notes, balance_note, selection_note, white_note, *settings.notes)
    capture = Capture(
        kind=source.kind,
        data=source.data,
        data_found=source.data,
        folder=source.folder,
        frames=tuple(_placed(settings.frames, times if moves else None, alignment, align)),
        train_indices=split.train,
        eval_indices=split.held_out or split.train,
        exposures=settings.exposures,
        focuses=settings.focuses,
        height=height,
        width=width,
        downscale_factor=factor,
        number_type=number_type,
        white_level=decoded.white_level,
        white_balance=balance,
        linear_light=linear_light,
        reference_index=settings.reference_index,
        reference=settings.reference,
        moves=moves,
        times=times,
        frame_rate=frame_rate,
        radiance_truth=truth.radiance,
        sharp_truth=truth.sharp,
        side_maps=find_side_maps(source.folder, paths, split.train, factor, height, width),
        scan_notes=tuple(filter(None, (*notes, time_note, *align_notes, *truth.notes))),
        nearness=None if alignment is None else alignment.nearness,
    )
    store = PixelStore(capture, decoded=decoded)
    if (coverage_note := store.coverage_note(capture.train_indices)) is not None:
        capture = replace(capture, scan_notes=(*capture.scan_notes, coverage_note))
        store = PixelStore(capture, decoded=decoded)
    return capture, store


def _scan_pixels(
    source: FrameSource,
    paths: Sequence[Path],
    read: FrameReader,
    factor: int,
    budget: MemoryBudget | int,
    moves: bool,
    linear_light: bool,
    report: Callable[[float], None],
) -> tuple[FileFrames, StillPictures, str | None, list[Glance]]:
    """Decodes each frame once; looks at it closely at once, too, where it may have to be decoded again later.

    Returns:
        The frames, kept as far as the budget goes; what they show; which value was taken for white, in a sentence,
        where the number type does not tell; and a glance at each frame of a video.
    """
    has_files = source.kind == "photographs"
    cache = FrameCache(budget) if isinstance(budget, int) else FrameCache(0, len(paths))
    decoded = FileFrames(paths, read, factor, cache, have_files=has_files)
    count, thumbnails, brightness, glances = ValueCount(source.holds_sensor_values), [], [], []
    is_video = moves and (source.kind == "video" or len(paths) >= LEAST_VIDEO_FRAMES)
    pictures = (
        StillPictures(thumbnails, brightness, linear_light)
        if moves
        else StillPictures(decoded, brightness, linear_light, decoded.coverage)
    )
    first = decoded.full_size(0)
    num_at_once = num_readers(source.kind)
    if isinstance(budget, MemoryBudget):
        height, width = first.shape[0] // factor, first.shape[1] // factor
        cache.budget_bytes = budget.of_frames(height, width)
        num_at_once = num_within(budget.of_reading(height, width), first.nbytes, source.kind)
    others = in_order(decoded.full_size, range(1, len(paths)), num_at_once)
    for index, full_size in enumerate(chain([first], others)):
        count.add(full_size)
        pixels = decoded.taken_in(full_size, index)
        cache.put(index, pixels)
        report((index + 1) / len(paths))
        thumbnails.append(thumbnail(pixels).copy())
        if is_video:
            glances.append(glance(pixels))
        knows_white = pixels.dtype != np.uint16 or not count.is_open
        if not moves and knows_white:
            is_decoded_again = isinstance(budget, int) and pixels.nbytes * len(paths) > budget
            pictures.measure(index, is_last_time=is_decoded_again)
    number_type, white_note = thumbnails[0].dtype, None
    decoded.white_level = WHITE_LEVEL[number_type]
    if number_type == np.uint16:
        for path in source.paths:
            if count.is_open and path not in paths:
                with suppress(NeucamError):  # a frame that is not used and cannot be read tells nothing
                    count.add(read(path))
        decoded.white_level, white_note = count.white()
        if decoded.white_level != WHITE_LEVEL[number_type]:
            table = full_scale_table(decoded.white_level)
            cache.scale(table)
            thumbnails[:] = [table[pixels] for pixels in thumbnails]
    brightness += map(mean_brightness, thumbnails)
    return decoded, pictures, white_note, glances


def _check_not_identical(decoded: FileFrames, brightness: Sequence[float], train: Sequence[int], data: Path) -> None:
    """Raises `NeucamError` if all training frames show the very same picture."""
    first, *others = train
    if any(brightness[other] != brightness[first] for other in others):
        return
    if all(np.array_equal(decoded[first], decoded[other]) for other in others):
        raise NeucamError(
            f"{data}: all {len(train)} training frames are the same picture, so neither focus nor exposure differs."
            " Give photographs taken at different focus or exposure settings."
        )


def _find_alignment(
    paths: Sequence[Path], still: StillFrames, truth: GroundTruth
) -> tuple[Alignment | None, tuple[str | None, ...]]:
    """How photographs are to be aligned where the picture has moved, and what to say of it and of what moves in it."""
    alignment, reference = find_alignment(still), still.reference
    names = [path.stem for path in paths]
    moved = moved_note(find_moved(still, alignment), names, names[reference])
    if alignment is None:
        return None, (moved,)
    check_of_reference(truth, paths, list(alignment.maps), reference)
    turned = (orientation_hint(paths[frame], paths[reference]) for frame in alignment.untold)
    return alignment, (alignment_note(alignment, names, names[reference]) + "".join(turned), moved)


def _placed(
    frames: Sequence[Frame], times: Sequence[float] | None, alignment: Alignment | None, align: AlignChoice
) -> Iterator[Frame]:
    """The frames with their times, and how each is aligned."""
    unmoved = "--align off" if align == "off" else "no move found" if times is None else "a moment"
    for index, frame in enumerate(frames):
        time = frame.time if times is None else found(times[index], "place among the frames")
        yield replace(frame, time=time, **frame_alignment(alignment, index, unmoved))


def _check_fits(capture: Capture, path: Path, frames: FrameKind, has_options: bool) -> None:
    """Refuses a manifest of the other kind of scene, and options that would say otherwise than it does."""
    if capture.moves != (frames == "moments"):
        of, wanted = ("moments", "settings of a still scene") if capture.moves else ("a still scene", "moments")
        raise NeucamError(f"{path}: the capture of {of}, but this method takes {wanted}. Give --data the photographs.")
    if has_options:
        raise NeucamError(
            f"{path}: says already which frames are used and how. Leave the options about frames, size, settings and"
            " alignment out, and edit the file instead; or give --data the photographs."
        )
