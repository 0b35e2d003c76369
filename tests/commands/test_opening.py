"""A run opened again: without its photographs, and whatever has become of their folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from nerfstudio.scripts.eval import ComputePSNR
from nerfstudio.scripts.render import DatasetRender
from nerfstudio.utils.eval_utils import eval_setup

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels import source
from neucam_nerfstudio.errors import NeucamError

from .conftest import Run, train


@pytest.fixture(scope="module")
def opened(tiny_desk, tmp_path_factory) -> tuple[Run, Path]:
    """A run, and the folder of its photographs; neither is to be spoilt."""
    folder = tmp_path_factory.mktemp("opened")
    data = Path(shutil.copytree(tiny_desk, folder / "Desk"))
    return train("neucam", data, folder / "runs", num_steps=2), data


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the photographs that were decoded."""
    names: list[str] = []
    real = source.read_photograph
    monkeypatch.setattr(source, "read_photograph", lambda path, **rest: names.append(path.stem) or real(path, **rest))
    return names


@pytest.mark.parametrize("mode", ["test", "inference"])
def test_opening_a_run_decodes_nothing(opened, decoded, mode):
    run, _ = opened
    _, pipeline, _, _ = eval_setup(run.config, test_mode=mode)
    pipeline.model.get_outputs_for_camera(pipeline.datamanager.train_dataset.cameras[4:5])
    assert decoded == []


def test_only_pictures_beside_which_photographs_are_written_need_them(opened, decoded, tmp_path):
    run, _ = opened
    names = ["all_in_focus_hdr", "raw-hdr"]
    DatasetRender(run.config, tmp_path, image_format="png", rendered_output_names=names).main()
    assert decoded == []
    DatasetRender(run.config, tmp_path, image_format="png", rendered_output_names=["gt-rgb"]).main()
    assert len(decoded) == 9
    assert (tmp_path / "test" / "gt-rgb" / "F2E2.png").is_file()


def test_scores_need_each_photograph(opened, decoded, tmp_path):
    run, _ = opened
    ComputePSNR(run.config, tmp_path / "scores.json").main()
    assert set(decoded) == {f"F{focus}E{exposure}" for focus in range(3) for exposure in range(3)}


def test_a_run_outlives_its_photographs_and_says_where_they_are_missed(tiny_desk, tmp_path):
    data = Path(shutil.copytree(tiny_desk, tmp_path / "Desk"))
    run = train("neucam", data, tmp_path / "runs", num_steps=2)
    manifest = run.folder / "capture.json"
    before = Capture.load(manifest)
    shutil.copy(data / "F0E0.png", data / "F0E7.png")
    assert eval_setup(run.config, test_mode="test")[1].datamanager.dataparser.capture == before
    data.rename(tmp_path / "elsewhere")
    DatasetRender(run.config, tmp_path, image_format="png", rendered_output_names=["rgb"]).main()
    said = rf"F0E0\.png: is not there\. If the photographs have moved, let `data` in {manifest} or --data say where"
    with pytest.raises(NeucamError, match=said):
        ComputePSNR(run.config, tmp_path / "scores.json").main()
    manifest.write_text(manifest.read_text().replace(f'"data": "{data}"', f'"data": "{tmp_path / "elsewhere"}"'))
    ComputePSNR(run.config, tmp_path / "scores.json").main()
    assert (tmp_path / "scores.json").is_file()


def test_pictures_of_a_run_can_be_smaller(opened, tmp_path):
    import cv2

    run, _ = opened
    names = ["rgb", "gt-rgb", "all_in_focus_hdr"]
    DatasetRender(run.config, tmp_path, image_format="png", rendered_output_names=names, downscale_factor=2.0).main()
    for name in names:
        assert cv2.imread(str(tmp_path / "test" / name / "F1E1.png")).shape == (30, 45, 3)
