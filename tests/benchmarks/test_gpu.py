from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from benchmarks.gpu import Gpu
from neucam_nerfstudio.models.presets import PRESETS


def test_devices_that_are_not_there_are_told(tmp_path, tiny_desk):
    if torch.cuda.is_available():
        pytest.skip("this machine has a graphics card")
    Gpu(tiny_desk, devices=("cuda",), output_path=tmp_path).main()
    told = json.loads((tmp_path / "gpu.json").read_text())
    assert told["results"] == [] and "no such device" in told["notes"][0]


def test_steps_and_pictures_are_measured(tmp_path, tiny_desk, monkeypatch):
    monkeypatch.setitem(PRESETS, "neucam", replace(PRESETS["neucam"], num_steps=6))
    Gpu(tiny_desk, ("cpu",), num_steps=6, step_repeats=1, picture_repeats=1, output_path=tmp_path).main()
    step, large, picture = json.loads((tmp_path / "gpu.json").read_text())["results"]
    assert [row["run"].partition(":")[0] for row in (step, large, picture)] == ["step", "large step", "picture"]
    for row in (step, large, picture):
        assert row["scores"]["step_ms"] > 0 and row["seconds"] > 0 and row["scores"]["psnr_mu_scale"] > 15
    assert "ms a step" in (tmp_path / "gpu.md").read_text()
