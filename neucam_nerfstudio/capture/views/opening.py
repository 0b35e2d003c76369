"""Opens a capture of many views, whatever its layout: what is known of its frames, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median_low

import numpy as np

from neucam_nerfstudio.capture.manifest import Capture, Frame, found
from neucam_nerfstudio.capture.pixels.source import in_order
from neucam_nerfstudio.capture.pixels.store import DEFAULT_BUDGET_BYTES, PixelStore
from neucam_nerfstudio.capture.settings.exposure_steps import ranked_values
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings, LearnChoice
from neucam_nerfstudio.capture.side_maps import SideMaps
from neucam_nerfstudio.capture.views.checks import (
    check_count,
    check_files,
    check_seen_in_common,
    check_settings,
    check_sizes,
)
from neucam_nerfstudio.capture.views.description import DescribedView, Description, viewpoints_of
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.capture.views.layouts import describe
from neucam_nerfstudio.capture.views.lens_settings import (
    assign_exposures,
    assign_focus,
    column,
    stops_by_brightness,
    with_exif,
)
from neucam_nerfstudio.capture.views.pixels import RADIANCE_SUFFIXES, OpenedPixels, is_radiance, open_pixels
from neucam_nerfstudio.capture.views.scene_depths import focus_note, middle_disparities, scene_scale
from neucam_nerfstudio.errors import NeucamError

MOST_ASPECT_CHANGE = 0.02
"""How much wider or narrower pictures may be than their cameras are said to be: sizes are rounded when reduced."""
SAME_EXPOSURE_STOPS = 0.5
"""Exposures this near to the middle one are as good as it for a reference."""
LEAST_HELD_OUT_OF = 8
"""Of fewer views none is held out where neither a file nor the user says."""


def open_views(
    data: Path | Description,
    *,
    downscale_factor: int | None = None,
    exposures: LearnChoice = "auto",
    focus: LearnChoice = "auto",
    eval_every: int | None = None,
    metres_per_unit: float | None = None,
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
) -> tuple[Capture, PixelStore]:
    """Reads the poses of a capture of many views, and how each was taken.

    Args:
        data: The capture's folder, or its file of poses, see `layouts.describe` for the layouts; or what these say.
        downscale_factor: Size divisor, by area averaging; None keeps the size.
        exposures: Whether exposures are fixed, refined or learned; auto fixes told ones and learns others.
        focus: The same for focus distances.
        eval_every: Hold out views 0, k, 2k, ...; frames of one pose are one of them, and 0 holds out none. None does as
            the capture's files say, else as is custom for its layout.
        metres_per_unit: How many metres a unit of the poses has; None as the files say, else as is assumed.
        budget_bytes: The most bytes of decoded frames that are kept at a time.

    Returns:
        What is known of the frames, with `Capture.views`, and their pixels.

    Raises:
        NeucamError: The capture cannot be used; the message says why and what to do.
    """
    told = describe(data) if isinstance(data, Path) else data
    views = [_with_truth(view, told.folder) for view in told.views]
    check_count(views, told.told_by)
    check_files(views, told.told_by)
    check_sizes(views, told.told_by)
    check_settings(views)
    photographs = [index for index, view in enumerate(views) if view.truth != view.path]
    train, held_out, split_note = _split(views, photographs, eval_every, told)
    settings, exif = with_exif(views)
    views = [replace(view, settings=each) for view, each in zip(views, settings, strict=True)]
    check_settings(views)
    notes = [*told.notes, split_note]
    factor = 1 if downscale_factor is None else downscale_factor
    truth = {index: view.path for index, view in enumerate(views) if view.truth == view.path}
    opened = open_pixels([view.path for view in views], truth, factor, budget_bytes)
    notes += opened.notes
    decoded = opened.decoded
    assert decoded.likeness is not None, "one photograph was decoded"
    (height, width, _), number_type = decoded.likeness
    bounds = [view.bounds for view in views]
    unscaled = _geometry(told, views, opened.full_size, width, height)
    check_seen_in_common(unscaled, views, train, told.told_by)
    geometry, scale_note = scene_scale(unscaled, told, bounds, metres_per_unit)
    names = [view.path.name for view in views]
    notes += [scale_note, focus_note(geometry, bounds, names)]
    by_exposure = assign_exposures(views, exif, train, told.folder, exposures, opened.white_radiance)
    sharp = [index for index in range(len(views)) if index not in set(photographs)]
    middle = middle_disparities(geometry, bounds) / geometry.metres_per_unit
    by_focus = assign_focus(settings, train, sharp, middle.tolist(), focus, names)
    notes += [*by_exposure.notes, *by_focus.notes]
    known = by_exposure.settings.source != "unknown"
    if not known:
        by_exposure = by_exposure._replace(settings=_started(by_exposure.settings, opened, train))
    stops = [by_exposure.settings.stops[setting] for setting in by_exposure.indices]
    frames = tuple(
        Frame(
            view.path,
            by_focus.indices[index],
            by_exposure.indices[index],
            exposure=found(stops[index] if known else None, by_exposure.evidence[index]),
            focus=found(by_focus.indices[index], by_focus.evidence[index]),
        )
        for index, view in enumerate(views)
    )
    reference = reference_view(geometry, train, stops)
    capture = Capture(
        kind="photographs",
        data=told.folder,
        data_found=told.folder,
        folder=told.folder,
        frames=frames,
        train_indices=tuple(train),
        eval_indices=tuple(held_out or train),
        exposures=by_exposure.settings,
        focuses=by_focus.settings,
        height=height,
        width=width,
        downscale_factor=factor,
        number_type=number_type,
        white_level=decoded.white_level,
        white_balance=opened.white_balance,
        linear_light=opened.linear_light,
        reference_index=reference,
        reference=found(frames[reference].name, "nearest to the middle of the views"),
        moves=False,
        times=(0.0,) * len(frames),
        frame_rate=None,
        radiance_truth=tuple(view.truth for view in views),
        sharp_truth=tuple(view.sharp_truth for view in views),
        side_maps=SideMaps((), (), (), factor),
        scan_notes=tuple(filter(None, notes)),
        views=geometry,
    )
    return capture, PixelStore(capture, decoded=decoded)


def _with_truth(view: DescribedView, folder: Path) -> DescribedView:
    """The view with the file of its radiance, if `gt/` has one of its name; one without a photograph is that file."""
    if view.truth is None:
        beside = (folder / "gt" / f"{view.path.stem}{suffix}" for suffix in sorted(RADIANCE_SUFFIXES))
        own = view.path if is_radiance(view.path) and view.path.parent.name == "gt" else None
        view = replace(view, truth=own or next((path for path in beside if path.is_file()), None))
    is_missing = view.truth is not None and not view.path.is_file()
    return replace(view, path=view.truth) if is_missing and view.truth is not None else view


def _split(
    views: Sequence[DescribedView], photographs: Sequence[int], eval_every: int | None, told: Description
) -> tuple[list[int], list[int], str | None]:
    """Frames to train on, frames that are held out, and what was chosen, in a sentence."""
    everything, note, viewpoints = range(len(views)), None, viewpoints_of(views)
    if eval_every is None and any(view.split is not None for view in views):
        held_out = [index for index in everything if views[index].split == "test"]
    else:
        every = eval_every
        if every is None:
            every = told.eval_every if max(viewpoints) + 1 >= LEAST_HELD_OUT_OF else 0
            if every:
                what = "view" if max(viewpoints) + 1 == len(views) else "viewpoint, with all its frames,"
                note = f"Every {every}th {what} is held out for evaluation; --eval-every 0 trains on all."
        if every < 0 or every == 1:
            raise NeucamError(f"--eval-every {every}: expected 0, which holds out no view, or a number from 2.")
        held_out = [index for index in everything if every and viewpoints[index] % every == 0]
    held_out = sorted({*held_out, *(index for index in everything if index not in set(photographs))})
    train = [index for index in everything if index not in set(held_out)]
    if len(train) < 2:
        raise NeucamError(
            f"{told.told_by}: {len(train)} of {len(views)} views is left to train on. Expected at least two: hold out"
            " fewer."
        )
    return train, held_out, note


def _geometry(
    told: Description, views: Sequence[DescribedView], full_size: tuple[int, int], width: int, height: int
) -> Views:
    """Poses and lenses as arrays; cameras as of pictures of this size."""
    focal, centre, distortion = [], [], []
    for view in views:
        camera = view.intrinsics
        told_width, told_height = camera.size_px or full_size
        across, down = width / told_width, height / told_height
        if abs(across / down - 1) > MOST_ASPECT_CHANGE:
            raise NeucamError(
                f"{told.told_by}: the camera of {view.path.name} is told for {told_width}x{told_height} pixels, but the"
                f" photographs have {full_size[0]}x{full_size[1]}. Correct w and h, or put the photographs there that"
                " the poses were found with."
            )
        centre_x, centre_y = camera.centre_px or (told_width / 2, told_height / 2)
        focal.append((camera.focal_px[0] * across, camera.focal_px[1] * down))
        centre.append((centre_x * across, centre_y * down))
        distortion.append(camera.distortion)
    settings = [view.settings for view in views]
    return Views(
        camera_to_world=np.stack([view.camera_to_world for view in views]),
        focal_px=np.array(focal, np.float64),
        centre_px=np.array(centre, np.float64),
        distortion=np.array(distortion, np.float64) if np.any(distortion) else None,
        metres_per_unit=1.0,
        scale_evidence="",
        focus_distance_m=column([each.focus_distance_m for each in settings]),
        f_number=column([each.f_number for each in settings]),
        focal_length_mm=column([each.focal_length_mm for each in settings]),
        points=told.points,
    )


def _started(exposures: ExposureSettings, opened: OpenedPixels, train: Sequence[int]) -> ExposureSettings:
    """Unknown exposures, one a frame, with those of training frames as their brightness tells them."""
    decoded, ranked = opened.decoded, []
    for index, full_size in zip(train, in_order(decoded.full_size, train), strict=True):
        pixels = decoded.taken_in(full_size, index)
        decoded.cache.put(index, pixels)
        ranked.append(ranked_values(pixels))
    of_train = dict(zip(train, stops_by_brightness(ranked, opened.linear_light).tolist(), strict=True))
    return replace(exposures, stops=tuple(of_train.get(index, 0.0) for index in range(len(exposures.stops))))


def reference_view(views: Views, train: Sequence[int], stops: Sequence[float]) -> int:
    """The training frame nearest to the middle of all poses, of those with about the middle exposure.

    Args:
        views: All frames.
        train: The training frames.
        stops: Of each frame.
    """
    middle = median_low(stops[index] for index in train)
    candidates = [index for index in train if abs(stops[index] - middle) < SAME_EXPOSURE_STOPS]
    spread = max(float(np.linalg.norm(views.places[train].std(axis=0))), 1e-9)
    away = np.linalg.norm(views.places - views.places[train].mean(axis=0), axis=1) / spread
    away += np.linalg.norm(views.axes - views.axes[train].mean(axis=0), axis=1)
    return min(candidates, key=lambda index: away[index])
