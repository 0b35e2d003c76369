"""Which folders of a tree are captures, and what is known of each before any photograph is decoded."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from neucam_nerfstudio.capture.ground_truth import GROUND_TRUTH_FOLDER
from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.capture.pixels.source import ARRAY_SUFFIXES, VIDEO_SUFFIXES
from neucam_nerfstudio.capture.side_maps import DEPTH_FOLDER, FLOW_FOLDER, MASK_FOLDER
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif_block import SOFTWARE
from neucam_nerfstudio.imaging.photographs import files_with_suffix, find_photographs, name_of_moment, natural_order

RULES = """\
What is a capture: a folder that directly holds two photographs or more; with a capture.json in it, that counts.
A video, an array file (.npy) and a capture.json are captures where they are named; with --videos, all videos and
array files that are found. What is none: folders gt, mask, depth and flow beside frames; folders of results (their
capture.json names photographs elsewhere, or their pictures say that NeuCam wrote them), runs of ns-train,
the output folder itself; hidden folders; links to folders. A folder with one photograph is named and left alone."""
"""The rules of `find_captures`, as the help shows them."""

BATCH_NAME = "batch.json"
"""The manifest of a batch; where it lies, results lie."""
PREPARED_NAME = ".neucam-prepare.json"
"""The record of `neucam-prepare`; where it lies, results lie."""
BESIDE_FRAMES = frozenset({GROUND_TRUTH_FOLDER, MASK_FOLDER, DEPTH_FOLDER, FLOW_FOLDER})
HIDDEN = (".", "__MACOSX")
"""How names of folders begin that systems make for themselves."""
HEAD_BYTES = 4096
"""Of a picture, in which its header says what program wrote it."""
OUTER_SUFFIX = ".photographs"
"""What the result of a folder's own photographs is called where captures lie below it: no result lies in another."""


@dataclass(frozen=True)
class FoundCapture:
    """A capture in a tree.

    Attributes:
        name: Of its result, below the output folder, with `/`.
        data: Folder or file to open.
    """

    name: str
    data: Path

    @property
    def folder(self) -> Path:
        """Where its frames lie, or the file that names or holds them."""
        return self.data if self.data.is_dir() else self.data.parent

    def inputs(self) -> tuple[str, int]:
        """A fingerprint of its files, by names, sizes and times of change, and how many bytes they are.

        Of a folder that is all visible files in it and in the folders of ground truth and side maps; of a video or
        array the file and what lies beside it but other frames.
        """
        digest, num_bytes = sha256(), 0
        for path in self._files():
            try:
                found = path.stat()
            except OSError:
                continue
            digest.update(f"{path.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
            num_bytes += found.st_size
        return digest.hexdigest(), num_bytes

    def _files(self) -> Iterator[Path]:
        if not self.data.is_dir():
            yield self.data
        if self.data.suffix.lower() == ".json" and self.data.is_file():
            try:
                yield from sorted({frame.path for frame in Capture.load(self.data).frames})
            except NeucamError:
                return
        for folder in (self.folder, *(self.folder / name for name in sorted(BESIDE_FRAMES))):
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                is_other = self.data.is_file() and path.suffix.lower() in VIDEO_SUFFIXES | ARRAY_SUFFIXES
                if path.is_file() and not path.name.startswith(".") and not (folder == self.folder and is_other):
                    yield path


@dataclass(frozen=True)
class PassedOver:
    """A folder or file that might be taken for a capture, and why it is none."""

    path: Path
    reason: str


def find_captures(
    places: Sequence[Path], output: Path, videos: bool = False
) -> tuple[list[FoundCapture], list[PassedOver]]:
    """The captures in folders, in natural order of names, by `RULES`.

    Args:
        places: Folders to search; or files that are captures: a video, an array, a manifest.
        output: Where results go, which is not searched.
        videos: Whether videos and arrays that are found are captures.

    Raises:
        NeucamError: A place does not exist, or two have the same name, which their results would share.
    """
    found: list[FoundCapture] = []
    passed: list[PassedOver] = []
    roots: dict[str, Path] = {}
    for place in dict.fromkeys(Path(os.path.realpath(place)) for place in places):
        if not place.exists():
            raise NeucamError(f"{place}: there is no such folder or file. Give folders that hold captures.")
        if (other := roots.setdefault(place.name, place)) != place:
            raise NeucamError(
                f"{place}: has the same name as {other}, and results are told apart by it. Give the folder above them,"
                " or take one after the other with another --output-path."
            )
        if place.is_file():
            name = place.name if place.name != MANIFEST_NAME else f"{place.parent.name}.json"
            found.append(FoundCapture(name, place))
        else:
            _search(place, Path(place.name), Path(os.path.realpath(output)), videos, found, passed)
    unique = list({capture.data: capture for capture in reversed(found)}.values())[::-1]
    return _none_within_another(unique), passed


def _search(
    folder: Path, name: Path, output: Path, videos: bool, found: list[FoundCapture], passed: list[PassedOver]
) -> None:
    try:
        reason = _why_none_below(folder, output)
        photographs, manifest = find_photographs(folder), folder / MANIFEST_NAME
        frames = files_with_suffix(folder, VIDEO_SUFFIXES | ARRAY_SUFFIXES)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    if reason is not None:
        passed.append(PassedOver(folder, reason))
        return
    shot = set(map(name_of_moment, photographs))
    frames = [path for path in frames if name_of_moment(path) not in shot and not path.stem.endswith("_nearness")]
    if manifest.is_file() and (elsewhere := photographs_of(manifest)) != folder:
        where = "something" if elsewhere is None else elsewhere
        passed.append(PassedOver(folder, f"a result: its {MANIFEST_NAME} names {where}"))
    elif manifest.is_file():
        found.append(FoundCapture(name.as_posix(), manifest))
    elif photographs and all(map(_is_ours, photographs)):
        passed.append(PassedOver(folder, "pictures that NeuCam wrote"))
    elif len(photographs) > 1:
        found.append(FoundCapture(name.as_posix(), folder))
    elif photographs:
        passed.append(PassedOver(photographs[0], "the only photograph in its folder"))
    if not manifest.is_file() and len(photographs) < 2:
        if videos:
            found += [FoundCapture((name / path.name).as_posix(), path) for path in frames]
        else:
            passed += [PassedOver(path, "a video or array of frames: --videos takes it") for path in frames]
    has_frames = bool(photographs or frames)
    for inner in sorted(folder.iterdir(), key=natural_order):
        if inner.is_dir() and not inner.is_symlink() and not inner.name.startswith(HIDDEN):
            if not (has_frames and inner.name in BESIDE_FRAMES):
                _search(inner, name / inner.name, output, videos, found, passed)


def _why_none_below(folder: Path, output: Path) -> str | None:
    if folder == output or (folder / BATCH_NAME).is_file():
        return "results of neucam-batch"
    if (folder / PREPARED_NAME).is_file():
        return "results of neucam-prepare"
    if (folder / "config.yml").is_file() and (folder / "nerfstudio_models").is_dir():
        return "a run of ns-train"
    return None


def photographs_of(manifest: Path) -> Path | None:
    """The folder whose frames a manifest names; None if it names none."""
    try:
        named = json.loads(manifest.read_text(encoding="utf-8-sig"))
        data = Path(os.path.realpath(manifest.parent / named["data"]))
        return data if named["kind"] == "photographs" else data.parent
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_ours(photograph: Path) -> bool:
    """Whether the head of a picture says that this program wrote it."""
    try:
        with photograph.open("rb") as file:
            return SOFTWARE.split()[0].encode() in file.read(HEAD_BYTES)
    except OSError:
        return False


def _none_within_another(captures: Sequence[FoundCapture]) -> list[FoundCapture]:
    """The captures, with other names for results in which others would lie."""
    above = {parent.as_posix() for capture in captures for parent in Path(capture.name).parents}
    renamed = [replace(each, name=each.name + OUTER_SUFFIX) if each.name in above else each for each in captures]
    twice = [name for name, count in Counter(each.name for each in renamed).items() if count > 1]
    if twice:
        raise NeucamError(f"{twice[0]}: two captures would have this name for their results. Rename one of them.")
    return renamed
