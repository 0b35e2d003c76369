"""How commands end: on their own, by the system, or because a file cannot be written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts import run_command

PATIENCE_S = 300
"""How long a command is waited for that is told to end: on a busy machine."""

WRITES_SLOWLY = """
import time
from dataclasses import dataclass
from pathlib import Path
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts.run_command import run_command

@dataclass
class Command:
    folder: Path

    def main(self):
        with written_whole(self.folder / "rgb.png") as temporary:
            temporary.write_text("half")
            for _ in range(int(self.folder.name) * 100):  # a signal just before a sleep waits for the end of it
                time.sleep(0.01)

run_command(Command)
"""


@dataclass
class Command:
    """What tests let it do."""


@pytest.fixture
def run(monkeypatch) -> Callable[[Callable[[Command], None]], int | str | None]:
    """Runs a command that does this, and gives its exit code."""
    monkeypatch.setattr(run_command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["command"])

    def run(main: Callable[[Command], None]) -> int | str | None:
        monkeypatch.setattr(Command, "main", main, raising=False)
        with pytest.raises(SystemExit) as stop:
            run_command.run_command(Command)
        return stop.value.code

    return run


def test_a_full_disk_is_said_in_one_line(run, tmp_path, capsys):
    def write(command: Command) -> None:
        with written_whole(tmp_path / "rgb.png"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert run(write) == 1
    said = "".join(capsys.readouterr().out.split())
    line = (
        f"{tmp_path}/rgb.png: No space left on device. What is written is whole; what was being written is not there."
    )
    assert said == line.replace(" ", "")
    assert list(tmp_path.iterdir()) == []


def test_what_a_user_can_put_right_is_said_as_it_is(run, capsys):
    def refuse(command: Command) -> None:
        raise NeucamError("--width-px 0: expected 1 or more.")

    assert run(refuse) == 1
    assert capsys.readouterr().out == "--width-px 0: expected 1 or more.\n"


def test_an_error_of_ours_keeps_its_traceback(run):
    with pytest.raises(KeyError):
        run(lambda command: {}["capture"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals here")
@pytest.mark.parametrize(
    ("number", "ignored", "code"), [("SIGTERM", False, 143), ("SIGHUP", False, 129), ("SIGHUP", True, 0)]
)
def test_whatever_ends_a_command_nothing_unfinished_is_left(tmp_path, number, ignored, code):
    """A closed terminal hangs up, more than once; a command that runs under nohup goes on."""
    folder = tmp_path / ("2" if ignored else "500")
    before = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_{'IGN' if ignored else 'DFL'})"
    code_of_command = f"{before}\n{WRITES_SLOWLY}"
    command = subprocess.Popen([sys.executable, "-c", code_of_command, "--folder", folder], stderr=subprocess.PIPE)
    while not folder.is_dir() or not any(path.stat().st_size for path in folder.iterdir()):
        assert command.poll() is None, command.stderr.read()
    for _ in range(2):
        command.send_signal(getattr(signal, number))
    assert command.wait(PATIENCE_S) == code
    assert [path.name for path in folder.iterdir()] == (["rgb.png"] if ignored else [])
