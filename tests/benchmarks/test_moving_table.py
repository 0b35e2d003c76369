import json

import pytest

from benchmarks.moving_table import COLUMNS, MovingTable
from benchmarks.results_table import Result, markdown

FAKE_RENDERING = """
    import gzip, shutil
    import numpy as np, OpenEXR
    assert Path(option("--load-config")).is_file() and option("--split") == "train"
    output = option("--rendered-output-names")
    folder = Path(option("--output-path"), "train", output)
    folder.mkdir(parents=True)
    capture = next(path for path in Path(ROOT).glob("*/*") if path.name in option("--load-config"))
    for truth in (capture / "gt").iterdir():
        frame = "frame_" + truth.stem.split("_")[1]
        if output == "raw-hdr":
            with gzip.open(folder / f"{frame}.npy.gz", "wb") as file:
                np.save(file, 3 * OpenEXR.File(str(truth)).channels()["RGB"].pixels)
        else:
            assert output == "all_in_focus" and option("--image-format") == "png"
            shutil.copy(truth, folder / f"{frame}.png")
"""
"""An `ns-render dataset` that knows the truth: three times the radiance, or the sharp photographs."""


@pytest.fixture
def table_of(fake_commands, data_root, tmp_path):
    """Measures rows with stand-ins for the commands; gives the results and the Markdown."""
    fake_commands({"ns-render": FAKE_RENDERING}, ROOT=str(data_root))

    def measure(*rows: str, paper: bool = True) -> tuple[list[dict], str]:
        MovingTable(data_root, tmp_path / "results", rows, paper).main()
        text = (tmp_path / "results/moving_table.json").read_text()
        return json.loads(text)["results"], (tmp_path / "results/moving_table.md").read_text()

    return measure


def test_a_bracket_is_measured_beside_its_twin_and_the_classical_ways(table_of):
    (ours, start, paper, *classical), text = table_of("bracket")
    assert ours["method"] == "neucam-hdr" and ours["scores"]["psnr_mu_scale"] > 60
    assert ours["asked"] and ours["peak_gigabytes"] > 0 and ours["steps"] is None
    assert start["method"] == "neucam-hdr, its start alone" and start["steps"] == 1 and not start["asked"]
    assert paper["method"] == "neucam-hdr-paper" and paper["steps"] >= 1 and not paper["asked"]
    assert paper["scores"]["psnr_mu_affine"] > 60
    assert len(classical) == 3 and all(result["scores"]["psnr_mu_scale"] < 60 for result in classical)
    assert "| DeskHandheld, 3 frames | OpenCV (MTB, Debevec) |" in text


def test_a_video_is_measured_frame_by_frame_with_its_flicker(table_of):
    (ours, *_), text = table_of("hdr-video", paper=False)
    assert len(ours["psnr_of_frames"]) == 4 and ours["scores"]["psnr_worst"] == min(ours["psnr_of_frames"]) > 60
    assert ours["scores"]["flicker"] == pytest.approx(ours["scores"]["flicker_truth"], rel=1e-5)
    assert "(truth " in text


def test_deblurring_is_measured_against_the_photographs_themselves(table_of):
    (ours, _, photographs), _ = table_of("deblur", paper=False)
    assert ours["method"] == "neucam-deblur" and ours["scores"]["worst_change"] >= 0
    assert photographs["scores"]["worst_change"] == 0 and len(photographs["psnr_of_frames"]) == 4


def test_a_long_video_tells_its_memory(table_of):
    (long,), text = table_of("long-deblur")
    assert long["peak_gigabytes"] > 0 and long["steps"] == 20 and long["scores"] == {}
    assert "| < 4 GB |" in text


def test_scores_in_their_columns():
    video = {"psnr_mu_scale": 41.117, "ssim_mu_scale": 0.98904, "psnr_pu21_scale": 36.0, "psnr_worst": 37.6}
    flicker = {"flicker": 0.00561, "flicker_truth": 0.00777}
    deblurred = {"psnr_sharp": 34.36, "psnr_worst": 27.4, "gain_on_blurred": 5.96, "worst_change": -0.088}
    results = [
        Result("Walk", "neucam-hdr-video", video | flicker, 74.9),
        Result("Shake", "neucam-deblur", deblurred, 161),
    ]
    _, _, walk, shake, *_ = markdown(results, [], COLUMNS).splitlines()
    assert walk.startswith(
        "| Walk | neucam-hdr-video | 41.12 | 0.9890 | 36.00 | scale | 0.56 (truth 0.78) |  | 37.60 |"
    )
    assert shake.startswith("| Shake | neucam-deblur |  |  |  |  |  | 34.36 | 27.40 | 5.96 | -0.09 |  | 161.0 |")


def test_a_row_without_its_capture_is_skipped_and_said(tmp_path):
    MovingTable(tmp_path, tmp_path / "results", ("hdr-video",)).main()
    assert "skipped, there is no Video-hdr/GalleryWalk" in (tmp_path / "results/moving_table.md").read_text()
