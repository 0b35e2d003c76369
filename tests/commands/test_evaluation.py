"""`ns-eval`: scores of the evaluation frames in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nerfstudio.scripts.eval import ComputePSNR

from benchmarks.compare_contenders import Entry, open_subject
from benchmarks.compare_scores import Judge
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.scripts.export.hdr import ExportHdr

from .conftest import Run, train


def scores(run: Run, tmp_path: Path) -> dict[str, float]:
    ComputePSNR(load_config=run.config, output_path=tmp_path / "scores.json").main()
    return json.loads((tmp_path / "scores.json").read_text())["results"]


def test_scores_of_the_reference_frame_are_those_of_the_exported_picture(neucam_run, tiny_desk, tmp_path):
    results = scores(neucam_run, tmp_path)
    ExportHdr(neucam_run.config, tmp_path, precision="float").main()
    entry = Entry(read_radiance(tmp_path / "hdr.exr"), True, "scale", None)
    compared = Judge(open_subject(tiny_desk, None)).scores(entry)
    assert len(compared) == 7
    reported = {name: score for name, score in results.items() if name.startswith("reference_")}
    assert reported == pytest.approx({f"reference_{name}": score for name, score in compared.items()}, rel=1e-5)


def test_classical_start_is_already_a_picture(neucam_run, tmp_path):
    results = scores(neucam_run, tmp_path)
    assert results["psnr"] > 25 and results["psnr_mu_scale"] > 25


def test_pictures_beside_their_photographs(neucam_run, tmp_path):
    ComputePSNR(neucam_run.config, tmp_path / "scores.json", render_output_path=tmp_path / "pictures").main()
    assert len(list((tmp_path / "pictures").glob("*img*"))) == 9


def test_unknown_exposures_are_aligned_affinely_and_said_so(tiny_capture, tmp_path):
    (tiny_capture / "exposure.txt").unlink()
    results = scores(train("neucam", tiny_capture, tmp_path / "runs", num_steps=3), tmp_path)
    assert "psnr_mu_affine" in results and "psnr_mu_scale" not in results


def test_only_held_out_frames_are_scored(tiny_desk, tmp_path):
    held_out = {"train_frames": ("F0E0", "F1E1", "F2E2")}
    run = train("neucam", tiny_desk, tmp_path / "runs", num_steps=3, dataparser=held_out)
    ComputePSNR(run.config, tmp_path / "scores.json", render_output_path=tmp_path / "pictures").main()
    assert len(list((tmp_path / "pictures").glob("*img*"))) == 6
