"""How much memory is taken: shares of a budget, and what containers leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.pixels.memory import MemoryBudget, cgroup_free_bytes, default_budget, free_bytes
from neucam_nerfstudio.classical.tile_planning import TILE_BYTES

GB = 10**9


def test_frames_and_tiles_share_what_the_picture_leaves():
    budget = MemoryBudget(int(2.4 * GB))
    shares = budget.of_frames(4000, 6000), budget.of_tiles(4000, 6000)
    assert sum(shares) == pytest.approx(2.4 * GB - 0.2 * GB - 24e6 * 36, abs=2)
    assert shares[1] >= 2 * TILE_BYTES, "two tiles are worked on at a time"
    assert budget.of_reading(4000, 6000) == pytest.approx(2.2 * GB - shares[0], abs=2)
    assert budget.note(4000, 6000) is None


def test_a_budget_that_the_picture_alone_exceeds_holds_no_frame_and_says_so():
    small = MemoryBudget(GB // 2)
    assert small.of_frames(4000, 6000) == small.of_tiles(4000, 6000) == 0
    said = small.note(4000, 6000)
    assert said is not None and "6000x4000 pixels takes 1.1 GB, more than the memory budget of 0.5 GB" in said


def test_by_default_half_of_what_is_free_is_taken_and_no_more_than_makes_sense():
    assert 0 < default_budget().total_bytes <= min(int(2.4 * GB), 0.6 * free_bytes())


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_what_a_container_leaves_counts_and_its_cache_of_files_is_free(tmp_path):
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/jobs/one\n",
            "sys/fs/cgroup/jobs/memory.max": "8000\n",
            "sys/fs/cgroup/jobs/memory.current": "5000\n",
            "sys/fs/cgroup/jobs/memory.stat": "anon 3000\ninactive_file 1500\n",
            "sys/fs/cgroup/jobs/one/memory.max": "max\n",
            "sys/fs/cgroup/jobs/one/memory.current": "4000\n",
            "sys/fs/cgroup/jobs/one/memory.stat": "inactive_file 1000\n",
        },
    )
    assert cgroup_free_bytes(root) == [4500]


def test_containers_of_the_first_kind_are_known_too(tmp_path):
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "3:memory:/docker/a\n2:cpu:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "2000\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 500\n",
        },
    )
    assert cgroup_free_bytes(root) == [7500]


def test_a_machine_without_control_groups_limits_nothing(tmp_path):
    assert cgroup_free_bytes(tmp_path) == []
