"""Photographs of real size, made and measured."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from benchmarks.made_stacks import SIGMA_PER_SETTING_PX, write_stack
from benchmarks.real_size import RealSize
from neucam_nerfstudio.imaging.photographs import read_photograph


@pytest.mark.slow
def test_costs_are_told_for_a_megapixel_and_frame(tiny_desk, tmp_path):
    RealSize(tiny_desk, repeats=2, stack_repeats=(2, 1), num_frames=4, only=("pixels",), output_path=tmp_path).main()
    small, large = json.loads((tmp_path / "real_size.json").read_text())["results"]
    assert large["run"] == "9 photographs of 0.0 MP" and large["scores"]["megapixels"] == 4 * 90 * 60 / 1e6
    assert small["scores"]["frames"] == 9 and small["scores"]["psnr_mu_scale"] > 25
    cost = large["cpu_seconds"] / (9 * large["scores"]["megapixels"])
    assert large["scores"]["cost"] == pytest.approx(cost)
    assert (tmp_path / "real_size.png").stat().st_size > 1000


def test_a_made_stack_is_sharp_where_its_setting_is(tmp_path):
    """The first setting shows the upper edge sharp, the last one the lower edge."""
    checks = (np.indices((120, 90)).sum(0) // 3 % 2 * 0.8 + 0.1)[..., None].repeat(3, 2).astype(np.float32)
    truth = write_stack(checks, 9, tmp_path / "stack", breathes=False)
    assert truth.shape == (120, 90, 3) and len(list((tmp_path / "stack").iterdir())) == 9
    contrast = [
        [read_photograph(tmp_path / f"stack/frame_00{number}.jpg")[rows].std() for rows in (slice(4), slice(-4, None))]
        for number in (0, 8)
    ]
    assert contrast[0][0] > 1.3 * contrast[0][1] and contrast[1][1] > 1.3 * contrast[1][0]
    middle = read_photograph(tmp_path / "stack/frame_008.jpg")[4:8] / 255
    far_px = SIGMA_PER_SETTING_PX * 8 * (1 - 0.8 * 6 / 120 - 0.1)
    expected = cv2.GaussianBlur(checks, (0, 0), far_px)[4:8]
    assert middle.std() == pytest.approx(expected.std(), rel=0.3, abs=0.01)


def test_a_lens_that_breathes_enlarges_around_the_middle(tmp_path):
    """2 settings of 0.0004 apart: what is 1000 px from the middle moves by 0.8 px."""
    bright = np.full((8, 2001, 3), 0.2, np.float32)
    bright[:, 1900:] = 0.8
    write_stack(bright, 3, tmp_path / "stack")
    first, last = (read_photograph(tmp_path / f"stack/frame_00{i}.jpg") / 255 for i in (0, 2))
    widths_px = [((picture[:, 1800:].mean((0, 2)) - 0.2) / 0.6).sum() for picture in (first, last)]
    assert widths_px[1] - widths_px[0] == pytest.approx(-0.0008 * 900, abs=0.3)


def test_a_repeated_stack_breathes_around_its_one_middle(tmp_path):
    """Of two repeats each way, what is near the outer edges moves as in one picture so large."""
    bright = np.full((8, 1001, 3), 0.2, np.float32)
    bright[:, :50] = 0.8
    write_stack(bright, 3, tmp_path / "stack", times=2)
    first, last = (read_photograph(tmp_path / f"stack/frame_00{i}.jpg") / 255 for i in (0, 2))
    assert first.shape == (16, 2002, 3)
    left_px, right_px = (
        [((picture[:, part].mean((0, 2)) - 0.2) / 0.6).sum() for picture in (first, last)]
        for part in (slice(0, 200), slice(1800, 2002))
    )
    for first_px, last_px in (left_px, right_px):
        assert last_px - first_px == pytest.approx(-0.0008 * 950, abs=0.3)
