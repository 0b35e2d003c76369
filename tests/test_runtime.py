"""Importing changes nothing; a process that runs a method gets an ffmpeg, plain errors, and no warnings of others."""

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
    script = (
        "import os, shutil; from neucam_nerfstudio.runtime import provide_ffmpeg; provide_ffmpeg();"
        "assert os.access(shutil.which('ffmpeg'), os.X_OK)"
    )

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
def test_only_warnings_about_nerfstudio_s_own_code_are_silenced(category, message, shown, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with warnings.catch_warnings(record=True) as seen:
        warnings.resetwarnings()
        runtime.prepare_process()
        warnings.warn(message, category, stacklevel=1)
    assert bool(seen) == shown


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


STATE = "(sys.excepthook, os.environ['PATH'], list(warnings.filters), signal.getsignal(signal.SIGTERM))"


def test_importing_changes_nothing_in_the_process(bare_system):
    imported = run(
        f"import os, signal, sys, warnings; before = {STATE}; import neucam_nerfstudio, neucam_nerfstudio.runtime;"
        f"assert {STATE} == before"
    )
    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")


def test_a_process_may_be_prepared_again(bare_system):
    prepared = run(
        f"import os, signal, sys, warnings; from neucam_nerfstudio.runtime import prepare_process; prepare_process();"
        f"once = {STATE}; prepare_process(); assert {STATE} == once and 'neucam-nerfstudio' in once[1]"
    )
    assert prepared.stderr == ""


@pytest.mark.parametrize(
    ("error", "said"), [("NeucamError('desk: empty')", "Error: desk: empty\n"), ("ValueError('x')", None)]
)
def test_only_our_errors_are_said_without_a_traceback(error, said):
    ended = run(
        "from neucam_nerfstudio.errors import NeucamError; from neucam_nerfstudio.runtime import prepare_process;"
        f"prepare_process(); raise {error}"
    )
    assert ended.returncode == 1
    assert ended.stderr == said if said else "Traceback" in ended.stderr
