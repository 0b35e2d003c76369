"""Frames beyond a budget: let go, or kept in a file that no folder lists."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from neucam_nerfstudio.capture.pixels import frame_cache
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache, ScratchFrames, scratch_folder
from neucam_nerfstudio.capture.pixels.source import frozen
from neucam_nerfstudio.errors import NeucamError

RANDOM = np.random.default_rng(0)
FRAMES = [frozen(RANDOM.integers(0, 65536, (30, 40, 3)).astype(np.uint16)) for _ in range(5)]
FRAME_BYTES = FRAMES[0].nbytes


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Where temporary files of these tests go."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path
    tempfile.tempdir = None


def test_the_least_recently_used_frame_is_let_go():
    cache = FrameCache(budget_bytes=150)
    for key in "ab":
        cache.put(key, np.zeros((5, 4, 3), np.uint8))
    cache.get("a")
    cache.put("c", np.zeros((5, 4, 3), np.uint8))
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]
    cache.put("large", np.zeros((10, 10, 3), np.uint8))
    assert all(cache.get(key) is None for key in ("a", "c", "large"))


@pytest.mark.parametrize("num_in_memory", [0, 2, 5])
def test_with_a_scratch_file_all_are_kept_bit_for_bit(num_in_memory, folder):
    cache = FrameCache(num_in_memory * FRAME_BYTES, len(FRAMES))
    for number, frame in enumerate(FRAMES):
        cache.put(number, frame)
    assert cache.num_in_scratch == 5 - num_in_memory
    for number, frame in enumerate(FRAMES):
        np.testing.assert_array_equal(cache.get(number), frame)
        part = cache.get(number, np.s_[3:17, 5:21])
        np.testing.assert_array_equal(part, frame[3:17, 5:21])
        assert not part.flags.writeable and number in cache
    assert list(folder.iterdir()) == [], "the file has no name"


def test_frames_that_are_taken_out_make_room_for_others():
    cache = FrameCache(FRAME_BYTES, len(FRAMES))
    for number, frame in enumerate(FRAMES):
        cache.put(number, frame)
    for number, frame in enumerate(FRAMES):
        cache.put(("aligned", number), cache.pop(number)[::-1])
        assert number not in cache
        np.testing.assert_array_equal(cache.get(("aligned", number)), frame[::-1])
    assert cache.num_in_scratch == 4 and cache.scratch._num_slots == 4


def test_values_are_scaled_in_memory_and_in_the_file():
    cache = FrameCache(2 * FRAME_BYTES, len(FRAMES))
    for number, frame in enumerate(FRAMES):
        cache.put(number, frame)
    cache.scale(np.arange(65536)[::-1].astype(np.uint16))
    for number, frame in enumerate(FRAMES):
        np.testing.assert_array_equal(cache.get(number), 65535 - frame)


def test_a_disk_without_room_is_said_before_anything_is_written(folder, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(frame_cache.shutil, "disk_usage", lambda folder: usage(1_000_000_000))
    with pytest.raises(NeucamError) as refused:
        ScratchFrames((4000, 6000, 3), np.dtype(np.uint8), 100)
    said = str(refused.value)
    assert said.startswith(f"{folder}: ") and "need 7.2 GB; 1.0 GB are free." in said
    assert "TMPDIR" in said and "--memory-budget" in said and "--downscale-factor" in said


def test_without_tmpdir_large_files_go_to_a_disk(monkeypatch, tmp_path):
    for name in frame_cache.FOLDER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(frame_cache, "DISK_FOR_TEMPORARY_FILES", tmp_path)
    assert scratch_folder() == tmp_path
    monkeypatch.setattr(frame_cache, "DISK_FOR_TEMPORARY_FILES", tmp_path / "missing")
    assert scratch_folder() == Path(tempfile.gettempdir())


READS_PARTS = """
import resource, numpy as np
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
cache = FrameCache(0, 20)
for number in range(20):
    cache.put(number, np.full((1000, 1500, 3), number, np.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(2):
    for number in range(20):
        assert (cache.get(number, np.s_[100:300, 200:400]) == number).all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
def test_reading_parts_takes_their_memory_alone(folder):
    grown_kb = int(subprocess.run([sys.executable, "-c", READS_PARTS], capture_output=True, check=True).stdout)
    assert grown_kb < 3000, "one frame has 4500 kB, all of them 90000"
    assert list(folder.iterdir()) == []
