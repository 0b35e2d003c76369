"""Settings written in file names: `F<i>` is the focus setting, `E<j>` the exposure setting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from neucam_nerfstudio.errors import NeucamError

# A token stands alone between separators, so the F of DSCF0001 and the E of IMG_E1234 (four digits: a camera's counter)
# are letters of a word, and f2.8 is an f-number.
_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])
    (?: F(?P<focus>\d{1,3}) (?: E(?P<exposure>\d{1,3}) )? | E(?P<lone_exposure>\d{1,3}) )
    (?![A-Za-z0-9]|\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)


class NamedSettings(NamedTuple):
    """Setting numbers that a file name carries; None where it carries none."""

    focus: int | None
    exposure: int | None


def parse_settings(stem: str) -> NamedSettings:
    """Reads `F<i>` and `E<j>` from a file name without suffix: `F0E1`, `F0_a`, `IMG_F2_E1`, `desk-e1`."""
    focus = exposure = None
    for token in _TOKEN.finditer(stem):
        if focus is None and token["focus"]:
            focus = int(token["focus"])
        exposure_digits = token["exposure"] or token["lone_exposure"]
        if exposure is None and exposure_digits:
            exposure = int(exposure_digits)
    return NamedSettings(focus, exposure)


class NamedFrames(NamedTuple):
    """Setting numbers of all files, None for a kind that the names do not tell; and what was found and not used."""

    focuses: list[int] | None
    exposures: list[int] | None
    note: str | None = None


def settings_from_names(paths: Sequence[Path]) -> NamedFrames:
    """Focus and exposure numbers of all files.

    One number that all files share, alone in their names, tells no frame from another: it is taken for no setting, as
    the aperture in `macro_f8_001`.

    Raises:
        NeucamError: Some names carry a number and others don't.
    """
    named = [parse_settings(path.stem) for path in paths]
    focuses = _all_or_none([settings.focus for settings in named], paths, "F")
    exposures = _all_or_none([settings.exposure for settings in named], paths, "E")
    for letter, numbers, others in (("F", focuses, exposures), ("E", exposures, focuses)):
        if numbers is not None and others is None and len(set(numbers)) == 1:
            return NamedFrames(None, None, f"All names say {letter}{numbers[0]}, which is taken for no setting.")
    return NamedFrames(focuses, exposures)


def _all_or_none(numbers: Sequence[int | None], paths: Sequence[Path], letter: str) -> list[int] | None:
    missing = [path.name for path, number in zip(paths, numbers, strict=True) if number is None]
    if len(missing) == len(paths):
        return None
    if missing:
        carrying = next(path.name for path, number in zip(paths, numbers, strict=True) if number is not None)
        raise NeucamError(
            f"{missing[0]}: its name carries no {letter}<number>, but {carrying} does. Name all frames alike, or none."
        )
    return [number for number in numbers if number is not None]
