import signal
import sys

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts import run_command
from neucam_nerfstudio.scripts.export import command_line
from neucam_nerfstudio.scripts.export.images import ExportImages

from .conftest import rendered


@pytest.fixture(autouse=True)
def signal_handlers(monkeypatch) -> dict:
    """The handlers that are asked for, and not set in this process."""
    handlers = {}
    monkeypatch.setattr(run_command.signal, "signal", handlers.__setitem__)
    return handlers


def run(monkeypatch, arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["neucam-export", *arguments.split()])
    command_line.entrypoint()


def test_a_missing_run_ends_in_one_line_and_exit_code_1(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, f"hdr --load-config {tmp_path}/config.yml --output-path {tmp_path}")
    assert stop.value.code == 1
    assert "no such file" in capsys.readouterr().out


def test_options_reach_the_export(opened, still_run, monkeypatch, tmp_path):
    opened(still_run)
    names = "--rendered-output-names rgb defocus --aperture 0 --bits 16"
    run(monkeypatch, f"images --load-config config.yml --output-path {tmp_path} {names}")
    assert {path.name for path in tmp_path.iterdir()} == {"rgb.png", "defocus.png"}
    stored = cv2.imread(str(tmp_path / "rgb.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
    np.testing.assert_allclose(stored, rendered(still_run, "rgb", CameraSettings(aperture=0.0)), atol=1e-5)


def test_ctrl_c_is_no_traceback(monkeypatch, tmp_path, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(ExportImages, "main", interrupted)
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, f"images --load-config config.yml --output-path {tmp_path}")
    assert stop.value.code == 130
    assert "Interrupted. What is written is whole" in capsys.readouterr().out


def test_being_ended_by_the_system_removes_what_is_unfinished(monkeypatch, tmp_path, signal_handlers):
    def ended(self):
        with written_whole(tmp_path / "rgb.png") as temporary:
            temporary.write_text("half")
            signal_handlers[signal.SIGTERM](signal.SIGTERM, None)

    monkeypatch.setattr(ExportImages, "main", ended)
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, f"images --load-config config.yml --output-path {tmp_path}")
    assert stop.value.code == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["hdr", "images", "sweep", "response", "layers", "rerender"])
def test_each_kind_teaches_its_options(monkeypatch, capsys, kind):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, f"{kind} --help")
    assert stop.value.code == 0
    help_text = capsys.readouterr().out
    assert "--load-config" in help_text and "--output-path" in help_text
