"""Results take the place of results, and of nothing else."""

from __future__ import annotations

import pytest

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.batch.result_folders import check_replaceable, put_in_place, remove_unfinished


def folder_with(path, text):
    path.mkdir(parents=True)
    (path / "hdr.exr").write_text(text)
    return path


def test_a_result_replaces_an_older_one_as_a_whole(tmp_path):
    final = folder_with(tmp_path / "a.b", "old")
    (final / "left_from_before.png").write_text("")
    put_in_place(folder_with(tmp_path / ".a.b.12345678.unfinished", "new"), final)
    assert [path.name for path in tmp_path.iterdir()] == ["a.b"]
    assert [path.name for path in final.iterdir()] == ["hdr.exr"] and (final / "hdr.exr").read_text() == "new"


def test_what_a_killed_process_left_is_removed_and_an_older_result_brought_back(tmp_path):
    folder_with(tmp_path / ".a[1].12345678.unfinished", "half")
    folder_with(tmp_path / ".a[1].12345678.replaced", "old")
    other = folder_with(tmp_path / ".a1.12345678.unfinished", "of another")
    remove_unfinished(tmp_path / "a[1]")
    assert (tmp_path / "a[1]/hdr.exr").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a[1]"]
    folder_with(tmp_path / ".a[1].12345678.replaced", "older")
    remove_unfinished(tmp_path / "a[1]")
    assert (tmp_path / "a[1]/hdr.exr").read_text() == "old"


def test_photographs_and_strange_folders_are_not_replaced(tmp_path, tiny_capture):
    with pytest.raises(NeucamError, match="TinyDesk: holds photographs, which results would replace"):
        check_replaceable(tiny_capture, tiny_capture, is_known=True)
    with pytest.raises(NeucamError, match="holds photographs"):
        check_replaceable(tiny_capture.parent, tiny_capture, is_known=True)
    mine, elsewhere = folder_with(tmp_path / "mine", ""), tmp_path / "elsewhere"
    with pytest.raises(NeucamError, match="mine: is there already and holds no result"):
        check_replaceable(mine, elsewhere, is_known=False)
    capture, _ = open_capture(tiny_capture)
    capture.save(tiny_capture / "capture.json")
    with pytest.raises(NeucamError, match="TinyDesk: is there already and holds no result"):
        check_replaceable(tiny_capture, elsewhere, is_known=False)
    capture.save(mine / "capture.json")
    check_replaceable(mine, elsewhere, is_known=False)
    check_replaceable(tmp_path / "missing", elsewhere, is_known=False)
