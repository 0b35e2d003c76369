"""Frames of one focus setting are one group; groups of unequal size are padded, and say where."""

from __future__ import annotations

import torch

from neucam_nerfstudio.datasets.exposure_groups import exposure_groups, single_frames


def test_frames_of_a_focus_setting_are_together():
    groups = exposure_groups(torch.tensor([0, 1, 0, 1]))
    assert groups.frame_index.tolist() == [[0, 2], [1, 3]]
    assert groups.is_frame is None


def test_smaller_groups_are_padded_with_their_own_first_frame():
    groups = exposure_groups(torch.tensor([5, 2, 5, 5, 9]))
    assert groups.frame_index.tolist() == [[1, 1, 1], [0, 2, 3], [4, 4, 4]]
    assert groups.is_frame.tolist() == [[True, False, False], [True, True, True], [True, False, False]]


def test_every_frame_occurs_once_outside_of_the_padding():
    groups = exposure_groups(torch.tensor([0, 0, 3, 1, 1, 1, 0]))
    assert sorted(groups.frame_index[groups.is_frame].tolist()) == list(range(7))


def test_single_frames_are_never_padded():
    groups = single_frames(3)
    assert groups.frame_index.tolist() == [[0], [1], [2]] and groups.is_frame is None


def test_move_to_a_device_with_and_without_padding():
    for groups in (exposure_groups(torch.tensor([0, 0, 1])), single_frames(2)):
        moved = groups.to("meta")
        assert moved.frame_index.is_meta
        assert (moved.is_frame is None) == (groups.is_frame is None)
