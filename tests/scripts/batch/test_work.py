"""What a worker makes of one capture, and what it says when it cannot."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.api import fuse
from neucam_nerfstudio.scripts.batch.work import THUMBNAIL_PX, CaptureOptions, Job, make, thumbnail_of
from neucam_nerfstudio.scripts.fuse import FuseOptions


def job(data: Path, tmp_path: Path, **options: object) -> Job:
    return Job(data, tmp_path / ".x.unfinished", CaptureOptions(**options))


def test_a_capture_is_written_scored_and_shown_small(tiny_desk, tmp_path):
    outcome = make(job(tiny_desk, tmp_path, image_format="jpeg"))
    assert outcome.reason is None
    assert outcome.files == ("all_in_focus_hdr.jpg", "capture.json", "defocus.png", "hdr.exr")
    assert sorted(path.name for path in (tmp_path / ".x.unfinished").iterdir()) == list(outcome.files)
    assert outcome.picture == "all_in_focus_hdr.jpg"
    assert outcome.scores["psnr_mu_scale"] > 35 and 0.5 < outcome.scores["mean_confidence"] < 1
    assert outcome.settings is not None and outcome.settings.exposure_stops == (-3, 0, 3)
    assert outcome.seconds > 0 and outcome.cpu_seconds > 0
    shown = Image.open(io.BytesIO(outcome.thumbnail))
    assert shown.format == "JPEG" and shown.size == (90, 60)
    whole = Image.open(tmp_path / ".x.unfinished/all_in_focus_hdr.jpg")
    assert np.abs(np.asarray(shown, int) - np.asarray(whole, int)).mean() < 8


def test_what_a_worker_that_died_has_left_is_no_part_of_the_result(tiny_desk, tmp_path):
    (tmp_path / ".x.unfinished").mkdir()
    (tmp_path / ".x.unfinished/half.exr").write_text("half")
    outcome = make(job(tiny_desk, tmp_path))
    assert outcome.reason is None and "half.exr" not in outcome.files


def test_a_large_picture_is_shown_small(tiny_desk):
    fused = fuse(tiny_desk)
    object.__setattr__(fused, "radiance", np.full((1000, 700, 3), 0.5, np.float32))
    assert Image.open(io.BytesIO(thumbnail_of(fused, FuseOptions()))).size == (round(0.7 * THUMBNAIL_PX), THUMBNAIL_PX)


def test_methods_learn_what_they_are_for(tiny_desk, tmp_path, monkeypatch):
    methods = []

    def train(photographs, *, method, **options):
        methods.append(method)
        return fuse(photographs, **options)

    monkeypatch.setitem(sys.modules, "neucam_nerfstudio.learning", SimpleNamespace(train=train))  # without PyTorch
    assert make(job(tiny_desk, tmp_path / "a", learn=True, frames="focus-stack")).reason is None
    assert make(job(tiny_desk, tmp_path / "b", learn=True, frames="moments", method="neucam-hdr-video")).reason is None
    assert methods == ["neucam-multifocus", "neucam-hdr-video"]


@pytest.mark.parametrize(
    ("error", "reason", "is_ours"),
    [
        (MemoryError(), "There was not enough memory.", False),
        (OSError(28, "No space left on device", "hdr.exr"), "hdr.exr: No space left on device.", False),
        (KeyError("x"), "KeyError: 'x'. This is an error of the program; please report it.", True),
    ],
)
def test_whatever_goes_wrong_is_an_outcome(error, reason, is_ours, tiny_desk, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FuseOptions, "fused", fail)
    outcome = make(job(tiny_desk, tmp_path))
    assert outcome.reason is not None and outcome.reason.startswith(reason)
    assert (outcome.traceback is not None) == is_ours


def test_photographs_that_cannot_be_used_are_named(tiny_capture, tmp_path):
    (tiny_capture / "F0E0.png").write_bytes(b"no picture")
    outcome = make(job(tiny_capture, tmp_path))
    assert outcome.reason is not None and "F0E0.png" in outcome.reason and outcome.traceback is None
    assert not (tmp_path / ".x.unfinished").exists()
