"""Runs are found under the name of what they were trained on, each in a folder of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.training.trainer import check_is_free, claim_folder, experiment_name


@pytest.mark.parametrize(
    ("data", "beside", "name"),
    [
        ("clip.mp4", [], "clip"),
        ("clip.v2.mp4", [], "clip.v2"),
        ("clip.v2.mp4", ["clip.mp4", "clip.v3.mp4"], "clip.v2"),
        ("clip.mp4", ["clip.mov"], "clip.mp4"),
        ("clip.mov", ["clip.mp4"], "clip.mov"),
        ("clip.mp4", ["clip.jpg", "clip.txt"], "clip"),
        ("frames.npy", [], "frames"),
    ],
)
def test_a_file_gives_its_name(tmp_path, data, beside, name):
    for file in (data, *beside):
        (tmp_path / file).touch()
    assert experiment_name(tmp_path / data) == name


@pytest.mark.parametrize("name", ["Desk", "Desk.v2", "2026.05 Oslo"])
def test_a_folder_gives_its_whole_name(tmp_path, name):
    (tmp_path / name).mkdir()
    assert experiment_name(tmp_path / name) == name


def test_the_current_folder_has_a_name_too(tmp_path, monkeypatch):
    (tmp_path / "Desk").mkdir()
    monkeypatch.chdir(tmp_path / "Desk")
    assert experiment_name(Path()) == experiment_name(Path("../Desk/")) == "Desk"


def test_a_link_keeps_its_own_name(tmp_path):
    (tmp_path / "2026-05-12").mkdir()
    (tmp_path / "today").symlink_to(tmp_path / "2026-05-12")
    assert experiment_name(tmp_path / "today") == "today"


def test_data_that_is_not_there_is_named_all_the_same():
    assert experiment_name(Path("/nowhere/Desk")) == "Desk"


def test_a_manifest_gives_the_name_of_what_it_describes(desk, tmp_path):
    desk.save(tmp_path / "capture.json")
    assert experiment_name(tmp_path / "capture.json") == "TinyDesk"


def test_a_stamp_that_is_taken_is_numbered(tmp_path):
    assert [claim_folder(tmp_path / "neucam", "noon") for _ in range(3)] == ["noon", "noon-2", "noon-3"]
    assert sorted(path.name for path in (tmp_path / "neucam").iterdir()) == ["noon", "noon-2", "noon-3"]


def test_runs_that_begin_at_once_get_a_folder_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: claim_folder(tmp_path, "noon"), range(16)))
    assert len(set(names)) == 16


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("config.yml", "or remove that folder, which has no checkpoint"),
        ("nerfstudio_models/step-000000003.ckpt", "or go on with that run: --load-dir .*nerfstudio_models"),
    ],
)
def test_a_folder_that_holds_a_run_is_not_free(tmp_path, file, advice):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(NeucamError, match=f"--timestamp names a run that is there already.*{advice}"):
        check_is_free(tmp_path, tmp_path / "nerfstudio_models")


def test_a_folder_without_a_run_is_free(tmp_path):
    (tmp_path / "notes.txt").touch()
    check_is_free(tmp_path, tmp_path / "nerfstudio_models")
    check_is_free(tmp_path / "missing", tmp_path / "missing" / "nerfstudio_models")
