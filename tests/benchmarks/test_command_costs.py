"""What the commands cost."""

from __future__ import annotations

import json
import os

from benchmarks.command_costs import CommandCosts, first_on_path


def test_costs_and_quality_go_into_the_table(tiny_desk, tmp_path):
    CommandCosts(tiny_desk, only=("import", "fuse"), rounds=1, output_path=tmp_path).main()
    imported, fused = json.loads((tmp_path / "command_costs.json").read_text())["results"]
    assert imported["run"] == "import" and imported["cpu_seconds"] < 1
    assert fused["run"] == "neucam-fuse TinyDesk" and fused["method"] == "this code"
    assert fused["scores"]["psnr_mu_scale"] > 30 and 0.1 < fused["cpu_seconds"] < 60
    assert "| neucam-fuse TinyDesk | this code |" in (tmp_path / "command_costs.md").read_text()


def test_another_checkout_comes_first_only_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "mine")
    with first_on_path(tmp_path):
        assert os.environ["PYTHONPATH"] == str(tmp_path)
    assert os.environ["PYTHONPATH"] == "mine"
    with first_on_path(None):
        assert os.environ["PYTHONPATH"] == "mine"
