"""The demo says where it has to be run, stops at the first failure and reports mean scores only."""

import json

import pytest

from neucam_nerfstudio.scripts import demo


def test_outside_of_a_clone_it_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="dataset/MFME/Desk: no such folder. .* clone of the repository"):
        demo.main()


def test_command_that_fails_ends_the_demo_with_its_exit_code(tmp_path, monkeypatch):
    program = tmp_path / "ns-train"
    program.write_text("#!/bin/sh\nexit $1\n")
    program.chmod(0o755)
    monkeypatch.setattr(demo, "BIN", tmp_path)
    with pytest.raises(SystemExit) as ended:
        demo._run("ns-train 3")
    assert ended.value.code == 3


def test_mean_scores_leave_out_spread_and_speed(tmp_path):
    scores = tmp_path / "scores.json"
    results = {"psnr": 31.0, "psnr_std": 2.0, "ssim": 0.9, "psnr_mu_scale": 46.0, "fps": 3.0, "num_rays_per_sec": 1e5}
    scores.write_text(json.dumps({"method_name": "neucam", "results": results}))
    assert demo._mean_scores(scores) == {"psnr": 31.0, "ssim": 0.9, "psnr_mu_scale": 46.0}
