"""What lies in a folder beside photographs that are read: pictures of other kinds, and several views with poses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.phone_pictures import SIGNATURE_BYTES, phone_kind
from neucam_nerfstudio.imaging.photographs import JPEG_SIGNATURE, PHOTOGRAPH_SUFFIXES, natural_order
from neucam_nerfstudio.imaging.tiff_files import TIFF_SIGNATURES

PICTURE_SUFFIXES = frozenset(
    ".avif .avifs .bmp .dib .gif .heic .heif .heics .hif .insp .j2c .j2k .jls .jp2 .jpf .jph .jpx .jxl .jxr .kra .mpo"
    " .pbm .pcx .pgm .pict .pnm .ppm .psb .psd .qoi .svg .tga .wdp .webp .xcf".split()
)
"""Of files that hold pictures; those that are read as photographs are not named."""
OTHER_RAW_SUFFIXES = frozenset(".ari .bay .braw .cap .cine .dcr .eip .gpr .lri .mdc .ptx .r3d .rwz".split())
"""Of RAW files of cameras that are not read."""
OTHER_VIDEO_SUFFIXES = frozenset(".3g2 .asf .f4v .flv .gifv .insv .m2t .m2v .mpe .ogv .rm .y4m".split())
"""Of videos that are not read."""
SIGNATURES = (JPEG_SIGNATURE, *TIFF_SIGNATURES, b"\x89PNG\r\n\x1a\n")
"""First bytes of photographs, whatever their files are called, beside those of phones' formats."""
NO_PHOTOGRAPHS = frozenset(
    ".csv .dat .exr .hdr .json .lrv .npy .npz .pfm .pp3 .thm .txt .tsv .lst .list .xmp .zip .dop .md .html .log".split()
)
"""Of files that belong to photographs but are none, or are named where they are looked for; `.thm` are thumbnails."""
NAMED_FIRST = 5
"""How many file names of a kind a message has."""


def unread_note(folder: Path, known: Sequence[Path]) -> str | None:
    """Names the files beside photographs that look like photographs or videos and are not read, with the reasons.

    Args:
        folder: Where they lie.
        known: Photographs that are read, and files that are told of elsewhere.

    Raises:
        NeucamError: A picture is named like the photographs but for its numbers: exposures would be counted off wrong.
    """
    unread = []
    for path in sorted(folder.iterdir(), key=natural_order):
        if path.is_file() and not path.name.startswith(".") and path not in known:
            reason = _why_unread(path)
            unread += [] if reason is None else [(reason, path)]
    _check_no_frame([path for _, path in unread if path.suffix.lower() in PICTURE_SUFFIXES], known)
    parts = []
    for reason, group in groupby(sorted(unread, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        names = [path.name for _, path in group]
        more = f" and {len(names) - NAMED_FIRST} more" if len(names) > NAMED_FIRST else ""
        parts.append(f"{', '.join(names[:NAMED_FIRST])}{more} ({reason})")
    return f"Not read as photographs: {'; '.join(parts)}." if parts else None


def _why_unread(path: Path) -> str | None:
    """Why a file that looks like a photograph or video is not read; None if it looks like neither."""
    suffix = path.suffix.lower()
    if suffix in PHOTOGRAPH_SUFFIXES or suffix in NO_PHOTOGRAPHS:
        return None
    if suffix in OTHER_RAW_SUFFIXES:
        return f"RAW files {suffix} are not read: convert them to DNG or TIFF"
    if suffix in OTHER_VIDEO_SUFFIXES:
        return f"{suffix} is a video"
    if suffix in PICTURE_SUFFIXES:
        return f"{suffix} files are not read: convert them to PNG, TIFF or JPEG"
    try:
        with path.open("rb") as file:
            start = file.read(SIGNATURE_BYTES)
    except OSError:
        return None
    if not start.startswith(SIGNATURES) and phone_kind(start) is None:
        return None
    return f"holds a picture, but {'its name ends in ' + suffix if suffix else 'its name has no ending'}: rename it"


def _check_no_frame(unread: Sequence[Path], photographs: Sequence[Path]) -> None:
    def without_numbers(path: Path) -> str:
        return re.sub(r"\d+", "#", path.stem.lower())

    names = {path.stem.lower() for path in photographs}
    patterns = {without_numbers(path): path for path in photographs}
    for path in unread:
        alike = patterns.get(without_numbers(path))
        if alike is not None and path.stem.lower() not in names:
            raise NeucamError(
                f"{path}: named as a frame like {alike.name}, but {path.suffix} files are not read. Convert it to PNG,"
                " TIFF or JPEG, or take it out of the folder."
            )


class FoundViews(NamedTuple):
    """Several views with poses: the file that tells them, how many, and the command that trains on them."""

    told_by: Path
    num_views: int | None
    command: str


COLMAP_FOLDERS = ("colmap/sparse/0", "sparse/0", "colmap/sparse", "sparse", "colmap", "")
COLMAP_FILES = ("images.bin", "images.txt")
TRANSFORMS = ("transforms.json", "transforms_train.json")
LLFF_POSES = ("poses_bounds.npy", "poses_bounds_exps.npy")
TRAIN = "ns-train neucam-3d --data"
THEN_TRAIN = f", then {TRAIN} OUT"
SAME_POSE = 1e-6
"""Entries of pose matrices that differ by less are equal: then the frames show one view."""


def check_one_view(folder: Path, is_parent: bool) -> None:
    """Raises `NeucamError` if a folder holds several views with camera poses, or the poses lie in the one above it.

    Args:
        folder: Of the photographs.
        is_parent: Whether it has no frames itself, so that those in its sub-folders may be meant.
    """
    views = next(_views_around(folder, is_parent), None)
    if views is None:
        return
    count = "" if views.num_views is None else f"{views.num_views} "
    raise NeucamError(
        f"{folder}: {count}views of a scene with camera poses ({views.told_by}). What was called takes photographs of"
        " one view, from one place, and has no use for poses. Many views, each with its own focus and exposure, are"
        f" learned by {views.command}. If photographs of one view are the capture, put them into a folder of their own."
    )


def _views_around(folder: Path, is_parent: bool) -> Iterator[FoundViews]:
    yield from _views_in(folder)
    if is_parent:
        for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            yield from _views_in(place)
    # The folder of the pictures themselves, beside which poses lie.
    above = folder.resolve().parent
    for name in TRANSFORMS:
        views = _by_transforms(above / name)
        if views is not None and _names_files_in(above / name, folder):
            yield views
    if folder.name == "images" and _has_colmap(above / "sparse") is not None:
        yield from _views_in(above)


def _views_in(folder: Path) -> Iterator[FoundViews]:
    for name in TRANSFORMS:
        views = _by_transforms(folder / name)
        if views is not None:
            yield views
    for part in COLMAP_FOLDERS:
        told_by = _has_colmap(folder / part)
        if told_by is not None:
            yield FoundViews(told_by, None, f"{TRAIN} {folder}")
    captured = {"polycam": folder / "keyframes" / "cameras", "record3d": folder / "EXR_RGBD" / "metadata.json"}
    for kind, told_by in captured.items():
        if told_by.exists():
            yield FoundViews(told_by, None, f"ns-process-data {kind} --data {folder} --output-dir OUT{THEN_TRAIN}")
    for name in LLFF_POSES:
        if (folder / name).is_file():
            yield FoundViews(folder / name, None, f"{TRAIN} {folder}")


def _has_colmap(folder: Path) -> Path | None:
    """The file of a COLMAP model that tells poses, if a folder holds one."""
    has_cameras = any((folder / f"cameras{suffix}").is_file() for suffix in (".bin", ".txt"))
    return next((folder / name for name in COLMAP_FILES if (folder / name).is_file()), None) if has_cameras else None


def _by_transforms(path: Path) -> FoundViews | None:
    poses = [frame["transform_matrix"] for frame in _frames_of(path) if "transform_matrix" in frame]
    if len(poses) < 2 or not _differ(poses):
        return None
    return FoundViews(path, len(poses), f"{TRAIN} {path.parent}")


def _differ(poses: Sequence[list]) -> bool:
    try:
        first = [float(value) for row in poses[0] for value in row]
        return any(
            abs(float(value) - known) > SAME_POSE
            for pose in poses[1:]
            for value, known in zip((value for row in pose for value in row), first, strict=True)
        )
    except (TypeError, ValueError):
        return True


def _frames_of(path: Path) -> list[dict]:
    """The frames of nerfstudio's `transforms.json`; none if it is not there or is something else."""
    try:
        frames = json.loads(path.read_text(encoding="utf-8")).get("frames", [])
        return [frame for frame in frames if isinstance(frame, dict)]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def _names_files_in(path: Path, folder: Path) -> bool:
    names = {Path(str(frame.get("file_path", ""))) for frame in _frames_of(path)}
    return any(name.parent.name == folder.resolve().name for name in names)
