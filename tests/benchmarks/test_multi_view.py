from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import multi_view
from benchmarks.commands import FinishedRun, Measurement
from benchmarks.multi_view import MultiView, with_true_photographs, without_settings
from neucam_nerfstudio.imaging.radiance_files import write_radiance
from neucam_nerfstudio.photometry import MIDDLE_GREY, encode_srgb

FRAME = {"file_path": "images/a.png", "transform_matrix": [[1.0]], "f_number": 2.0, "split": "train"}
SETTINGS = {"focus_distance_m": 2.0, "exposure_stops": -3}


@pytest.fixture
def views(tmp_path) -> Path:
    folder = tmp_path / "Views"
    (folder / "images").mkdir(parents=True)
    (folder / "gt").mkdir()
    (folder / "images/a.png").touch()
    (folder / "transforms.json").write_text(json.dumps({"w": 4, "frames": [{**FRAME, **SETTINGS}]}))
    return folder


def frame_of(folder: Path) -> dict:
    return json.loads((folder / "transforms.json").read_text())["frames"][0]


def test_what_is_not_told_is_taken_out(views, tmp_path):
    assert frame_of(without_settings(views, tmp_path / "untold")) == FRAME
    assert (tmp_path / "untold/images/a.png").exists()
    assert frame_of(views) == {**FRAME, **SETTINGS}  # the capture itself stays


def test_true_photographs_have_no_lens_and_their_exposures(views, tmp_path):
    assert with_true_photographs(views, tmp_path / "none") is None
    write_radiance(views / "gt/a.exr", np.full((2, 3, 3), 4.0, np.float32), "float")
    frame = frame_of(with_true_photographs(views, tmp_path / "sharp"))
    photograph = cv2.imread(str(tmp_path / "sharp" / frame["file_path"]), cv2.IMREAD_UNCHANGED) / 65535
    np.testing.assert_allclose(photograph, float(encode_srgb(np.array(MIDDLE_GREY * 4 / 8))), atol=1e-4)
    assert "gt" not in Path(frame["file_path"]).parts  # where nobody's photographs lie
    assert frame["exposure_stops"] == -3 and "f_number" not in frame and "focus_distance_m" not in frame


def test_the_table_has_a_row_each_and_says_what_is_skipped(views, tmp_path, monkeypatch):
    asked = []

    def run(training, folder):
        asked.append(training.options)
        folder.mkdir(parents=True)
        return FinishedRun(folder / "config.yml", folder), Measurement(2.0, 3.0, 0.5)

    def evaluate(command, log):
        Path(command[-1]).write_text(json.dumps({"results": {"psnr_mu_scale": 31.5, "views_psnr_mu": 30.25}}))

    monkeypatch.setattr(multi_view.Training, "run", run)
    monkeypatch.setattr(multi_view, "run_measured", evaluate)
    MultiView((views,), output_path=tmp_path / "results").main()
    assert asked == [(), ("--pipeline.model.blur", "none"), ()]
    table = (tmp_path / "results/multi_view.md").read_text()
    assert "| Views | untold | 31.50 |" in table and "30.25" in table
    assert "Views, sharp: skipped, not all true radiance is there." in table
