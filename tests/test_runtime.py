"""An ffmpeg for `ns-render` where the system has none, and quiet about what users can't act on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from neucam_nerfstudio import runtime


@pytest.fixture
def bare_system(monkeypatch, tmp_path):
    """A system without ffmpeg, and an empty cache folder for the user."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_ffmpeg_of_the_pip_package_is_found_and_runs(bare_system):
    runtime.provide_ffmpeg()
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("ffmpeg version")
    assert shutil.which("ffmpeg").startswith(str(bare_system / "cache"))


def test_ffmpeg_of_the_system_comes_first(bare_system):
    own = bare_system / "bin" / "ffmpeg"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    runtime.provide_ffmpeg()
    assert shutil.which("ffmpeg") == str(own)
    assert not (bare_system / "cache").exists()


def test_link_of_a_removed_environment_is_renewed(bare_system):
    runtime.provide_ffmpeg()
    link = shutil.which("ffmpeg")
    os.unlink(link)
    os.symlink(bare_system / "gone", link)
    os.environ["PATH"] = str(bare_system / "bin")
    runtime.provide_ffmpeg()
    assert os.access(link, os.X_OK)


def test_cache_folder_that_cannot_be_written_is_done_without(bare_system, monkeypatch):
    (bare_system / "cache").write_text("a file where a folder is expected")
    runtime.provide_ffmpeg()
    assert shutil.which("ffmpeg") is not None


def test_no_place_for_a_link_changes_nothing(bare_system, monkeypatch):
    (bare_system / "cache").write_text("")
    monkeypatch.setattr(runtime.tempfile, "mkdtemp", lambda prefix: (_ for _ in ()).throw(PermissionError()))
    runtime.provide_ffmpeg()
    assert os.environ["PATH"] == str(bare_system / "bin")


def test_processes_may_link_at_once(bare_system):
    script = "import os, neucam_nerfstudio, shutil; assert os.access(shutil.which('ffmpeg'), os.X_OK)"

    def start(_):
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    with ThreadPoolExecutor(4) as pool:
        assert [done.stderr for done in pool.map(start, range(4))] == [""] * 4
    (folder,) = (bare_system / "cache" / "neucam-nerfstudio").iterdir()
    assert os.listdir(folder) == ["ffmpeg"]


@pytest.mark.parametrize(
    "category, message, shown",
    [
        (FutureWarning, "`torch.cuda.amp.custom_fwd(args...)` is deprecated. Please use ...", False),
        (UserWarning, "This DataLoader will create 4 worker processes in total. ...", False),
        (FutureWarning, "something else is deprecated", True),
        (UserWarning, "your data is odd", True),
    ],
)
def test_only_warnings_about_nerfstudio_s_own_code_are_silenced(category, message, shown):
    with warnings.catch_warnings(record=True) as seen:
        warnings.resetwarnings()
        runtime.prepare()
        warnings.warn(message, category, stacklevel=1)
    assert bool(seen) == shown


@pytest.mark.parametrize(
    ("error", "said"), [("NeucamError('desk: empty')", "Error: desk: empty\n"), ("ValueError('x')", None)]
)
def test_only_capture_errors_are_said_without_a_traceback(error, said):
    script = f"from neucam_nerfstudio.errors import NeucamError, NeucamError\nraise {error}"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == said if said else "Traceback" in ended.stderr
