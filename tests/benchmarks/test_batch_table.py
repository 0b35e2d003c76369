"""The captures of the table of batches are of one size and differ, and their files are compared byte for byte."""

from __future__ import annotations

import numpy as np

from benchmarks.batch_table import make_captures, said_of_files
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance


def test_captures_are_variants_with_their_truth(tiny_desk, tmp_path):
    folder = make_captures(tiny_desk, 6, tmp_path / "captures")
    variants = sorted(folder.iterdir())
    first = [read_photograph(variant / "F0E0.png") for variant in variants]
    assert len({pixels.tobytes() for pixels in first}) == 6
    np.testing.assert_array_equal(first[0], read_photograph(tiny_desk / "F0E0.png"))
    np.testing.assert_array_equal(first[3], first[0][::-1, ::-1])
    truth = read_radiance(variants[3] / "gt/all_in_focus_hdr.exr")
    np.testing.assert_allclose(truth[::-1, ::-1], read_radiance(tiny_desk / "gt/all_in_focus_hdr.exr"), rtol=1e-3)
    assert open_capture(variants[5])[0].exposures.source == "exposure.txt"


def test_files_are_compared_but_for_manifests(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name / "x/hdr.exr").write_text("same")
        (tmp_path / name / "batch.json").write_text(name)
    assert said_of_files(tmp_path / "a", tmp_path / "b") == "the same bytes"
    (tmp_path / "b/x/hdr.exr").write_text("other")
    assert said_of_files(tmp_path / "a", tmp_path / "b") == "other bytes"
