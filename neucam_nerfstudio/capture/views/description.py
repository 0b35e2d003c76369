"""What files of poses say, in one plain form whatever their layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.views.geometry import Points
from neucam_nerfstudio.errors import NeucamError

Split = Literal["train", "test"]
POSE_DECIMALS = 9
"""Of poses that count as one, in the unit of the file."""
NO_DISTORTION = (0.0,) * 6


@dataclass(frozen=True)
class Intrinsics:
    """A camera without its pose, in pixels; the size is that of the pictures it is told for, None where untold."""

    focal_px: tuple[float, float]
    centre_px: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None
    distortion: tuple[float, ...] = NO_DISTORTION


@dataclass(frozen=True)
class LensSettings:
    """How one frame was taken, as far as a file says; None where it does not.

    Attributes:
        focus_distance_m: Infinity allowed.
        f_number: Focal length over the diameter of the aperture.
        focal_length_mm: Of the lens.
        exposure_stops: +1 is twice the light.
        exposure_time_s: Used where stops are not told.
        iso: Goes with the time.
        evidence: Which file told these.
        from_exif: Names of those of them that EXIF told.
    """

    focus_distance_m: float | None = None
    f_number: float | None = None
    focal_length_mm: float | None = None
    exposure_stops: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None
    evidence: str = ""
    from_exif: frozenset[str] = frozenset()

    def told_by(self, *names: str) -> str:
        """What told some of the settings, in words."""
        known = [name for name in names if getattr(self, name) is not None]
        exif = [name for name in known if name in self.from_exif]
        words = (self.evidence if len(exif) < len(known) else "", "EXIF" if exif else "")
        return " and ".join(filter(None, words))


@dataclass(frozen=True)
class DescribedView:
    """A frame as a file of poses describes it.

    Attributes:
        path: The photograph.
        camera_to_world: OpenGL axes, in the unit of the file.
        intrinsics: Of its camera; those of Blender's files have the angle of view instead of a focal length.
        split: What the frame is for; None where nothing says.
        settings: How it was taken.
        truth: The file with its linear radiance, if the layout names one.
        sharp_truth: The photograph without blur, if the layout has one.
        bounds: The nearest and farthest depth that it shows, in the unit of the file, where the layout says.
        seen: Numbers of the points that structure from motion has seen in it, where that is known.
    """

    path: Path
    camera_to_world: Float[np.ndarray, "3 4"]
    intrinsics: Intrinsics
    split: Split | None = None
    settings: LensSettings = LensSettings()
    truth: Path | None = None
    bounds: tuple[float, float] | None = None
    seen: frozenset[int] | None = None
    sharp_truth: Path | None = None


@dataclass(frozen=True)
class Description:
    """A capture of many views as its files describe it.

    Attributes:
        told_by: The file with the poses, which messages name.
        folder: Of the capture.
        views: In the capture's order.
        metres_per_unit: None where nothing tells.
        scale_evidence: What told that.
        is_reconstructed: Whether poses come from structure from motion, which knows no scale.
        points: Of structure from motion.
        applied_transform: That the poses have had since structure from motion, and by which they were scaled after it.
        eval_every: The layout's custom: which views are held out where no file says.
        notes: What was chosen for the user, a sentence each.
    """

    told_by: Path
    folder: Path
    views: tuple[DescribedView, ...]
    metres_per_unit: float | None = None
    scale_evidence: str = ""
    is_reconstructed: bool = False
    points: Points | None = None
    applied_transform: tuple[Float[np.ndarray, "3 4"], float] | None = None
    eval_every: int = 8
    notes: tuple[str, ...] = field(default=())


def viewpoints_of(views: Sequence[DescribedView]) -> list[int]:
    """Number of each view's pose, counted from 0 in the order in which they come first."""
    numbers: dict[bytes, int] = {}
    return [numbers.setdefault(np.round(view.camera_to_world, POSE_DECIMALS).tobytes(), len(numbers)) for view in views]


def number_of(value: Any, what: str, told_by: Path) -> float | None:
    """A number of a file, or None for none.

    Raises:
        NeucamError: It is something else; `what` names it.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NeucamError(f"{told_by}: {what} is {value!r}. Expected a number, or leave it out where it is not known.")
    return float(value)
