"""A picture's scores in the comparison, what is shown of it, and the ways that photographs allow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.compare_contenders import (
    Entry,
    Subject,
    classical_contenders,
    open_subject,
    trained,
)
from benchmarks.compare_scores import Judge
from benchmarks.focus_stackers import NotInstalled, installed
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.models.evaluation_scores import score_reference
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display

FAKE_EXPORT = """
    import shutil
    assert sys.argv[1] == KIND
    source, name = (TRUTH, "hdr.exr") if KIND == "hdr" else (PHOTOGRAPH, "all_in_focus.png")
    Path(option("--output-path")).mkdir(parents=True)
    shutil.copy(source, Path(option("--output-path")) / name)
"""


@pytest.fixture(scope="module")
def judge(tiny_desk) -> Judge:
    return Judge(open_subject(tiny_desk, None))


@pytest.fixture(scope="module")
def noisy(judge: Judge) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, judge.yardstick.radiance.shape)
    return (judge.yardstick.radiance * np.exp(noise)).astype(np.float32)


@pytest.mark.parametrize("alignment", ["scale", "affine"])
def test_ns_eval_gives_the_same_numbers(judge, noisy, alignment):
    reported = score_reference(
        judge.subject.capture, PixelStore(judge.subject.capture), alignment, {"hdr": torch.from_numpy(noisy)}
    )
    compared = judge.scores(Entry(noisy, True, alignment, None))
    assert reported == {f"reference_{name}": score for name, score in compared.items()}


def test_radiance_of_any_white_balance_is_shown_as_the_truth_is(judge):
    entry = Entry((judge.yardstick.radiance * [3, 0.5, 2]).astype(np.float32), True, "scale", None)
    np.testing.assert_allclose(judge.displayed(entry), picture_for_display(judge.yardstick.radiance), atol=1e-5)


def test_the_photographs_tell_the_method_and_the_ways(judge):
    assert judge.subject.method == "neucam"
    assert list(classical_contenders(judge.subject)) == [
        "OpenCV (Debevec)",
        "OpenCV (Robertson)",
        "OpenCV (MTB, Mertens)",
        "Laplacian focus fusion",
    ]


def test_a_classical_way_runs_in_a_process_of_its_own(judge, tmp_path):
    entry = classical_contenders(judge.subject)["OpenCV (MTB, Mertens)"](tmp_path)
    assert entry.picture.shape == (60, 90, 3) and not entry.is_radiance
    assert entry.measurement.seconds > 0 and 0.02 < entry.measurement.peak_gigabytes < 0.5
    assert judge.scores(entry)["mef_ssim"] > 0.8


@pytest.mark.parametrize(("exposures", "kind"), [("E*", "hdr"), ("E1", "images")])
def test_photographs_of_one_exposure_make_a_photograph(tiny_capture, tmp_path, fake_commands, exposures, kind):
    for path in set(tiny_capture.glob("F*.png")) - set(tiny_capture.glob(f"F*{exposures}.png")):
        path.unlink()
    (tiny_capture / "exposure.txt").write_text("-3 0 3" if exposures == "E*" else "0")
    truth = str(tiny_capture / "gt/all_in_focus_hdr.exr")
    photograph = str(next(tiny_capture.glob("F0*.png")))
    fake_commands({"neucam-export": FAKE_EXPORT}, KIND=kind, TRUTH=truth, PHOTOGRAPH=photograph)
    entry = trained(open_subject(tiny_capture, None), "neucam", "scale", None)(tmp_path / "ours")
    assert entry.is_radiance == (kind == "hdr") and entry.picture.shape == (60, 90, 3)


def test_of_something_that_moves_the_neighbours_of_the_reference_frame_are_merged(tiny_desk):
    subject: Subject = open_subject(tiny_desk, "neucam-hdr")
    assert len(subject.photographs.pixels) == 3 and subject.photographs.reference == 1


def test_a_program_that_is_not_there():
    with pytest.raises(NotInstalled, match="no-such-program"):
        installed("no-such-program")
