"""Lists of settings in the order of a COLMAP model's images, as Cinematic Gaussians (Wang et al., 2024) has them."""

from __future__ import annotations

import re
from pathlib import Path

from neucam_nerfstudio.capture.views.description import LensSettings
from neucam_nerfstudio.capture.views.geometry import MILLIMETRES
from neucam_nerfstudio.errors import NeucamError

LIST_FOLDERS = ("", "exif_info_txt")
"""Where lists may be, seen from the capture."""
LIST_NAME = re.compile(r"(fd|ap|exp|focal_length)(?:_\w+)?(?:\.txt)?")
"""Names of lists: focus distances in the unit of the poses, f-numbers, exposures in stops, and the focal length of the
lens in the unit of the poses: one number for all, or one for each."""


def read_lens_lists(folder: Path, num_views: int) -> tuple[list[LensSettings], list[str]]:
    """Settings of the views by lists, in the order of the model's images; nothing where there are no lists.

    Poses count as metres then: focus distance, focal length and poses have one unit, and nothing else matters to blur.

    Returns:
        Settings of each view, and what was chosen for the user, a sentence each.

    Raises:
        NeucamError: A list is not as long as there are views, there are two for one setting, or it holds no numbers.
    """
    found: dict[str, Path] = {}
    for place in (folder / name for name in LIST_FOLDERS):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            named = LIST_NAME.fullmatch(path.name)
            if named is None or not path.is_file():
                continue
            if named[1] in found:
                raise NeucamError(
                    f"{path}: a second list of {named[1]}, beside {found[named[1]].name}. Keep only those of this"
                    " capture."
                )
            found[named[1]] = path
    numbers: dict[str, list[float]] = {}
    for name, path in found.items():
        try:
            numbers[name] = [float(word) for word in path.read_text(encoding="utf-8").split()]
        except (OSError, ValueError) as error:
            raise NeucamError(f"{path}: not a list of numbers ({error}). Write one a line.") from error
        if name == "focal_length" and len(numbers[name]) == 1:
            numbers[name] *= num_views
        if len(numbers[name]) != num_views:
            raise NeucamError(
                f"{path}: {len(numbers[name])} numbers for {num_views} views. Expected one for each, in the order of"
                " the model's images."
            )
    evidence = ", ".join(path.name for path in found.values())
    settings = []
    for index in range(num_views):
        told = {name: values[index] for name, values in numbers.items()}
        focal_length = told.get("focal_length")
        settings.append(
            LensSettings(
                focus_distance_m=told.get("fd"),
                f_number=told.get("ap"),
                focal_length_mm=None if focal_length is None else focal_length * MILLIMETRES,
                exposure_stops=told.get("exp"),
                evidence=evidence,
            )
        )
    notes = [f"Settings of the views by {evidence}, in the unit of the poses."] if found else []
    return settings, notes
