"""Frames that share everything but their exposure: a ray through them is traced once and developed as often."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor


class ExposureGroups(NamedTuple):
    """Frames grouped by focus setting, padded to the largest group.

    Attributes:
        frame_index: Frames of each group; padding repeats the group's first frame.
        is_frame: False where padded; None if nothing is.
    """

    frame_index: Int[Tensor, "groups exposures"]
    is_frame: Bool[Tensor, "groups exposures"] | None

    def to(self, device: torch.device | str) -> ExposureGroups:
        """The same on a device."""
        return ExposureGroups(self.frame_index.to(device), None if self.is_frame is None else self.is_frame.to(device))


def exposure_groups(focus_index: Int[Tensor, " frames"]) -> ExposureGroups:
    """Groups the frames of each focus setting."""
    return _padded([torch.nonzero(focus_index == setting).flatten() for setting in focus_index.unique()])


def single_frames(num_frames: int) -> ExposureGroups:
    """Each frame as a group of its own."""
    return _padded(list(torch.arange(num_frames)[:, None]))


def _padded(groups: list[Int[Tensor, " _"]]) -> ExposureGroups:
    longest = max(map(len, groups))
    frame_index = torch.stack([torch.cat([g, g[:1].expand(longest - len(g))]) for g in groups])
    is_frame = torch.stack([torch.arange(longest) < len(g) for g in groups])
    return ExposureGroups(frame_index, None if is_frame.all() else is_frame)
