"""The comparison page shows the same detailed crops of every method, and says what did not run."""

from __future__ import annotations

import base64
import re

import cv2
import numpy as np

from benchmarks.compare_page import Crop, Section, choose_crops, picture_line, result_line, write_page
from benchmarks.results_table import Result, score_column


def test_crops_lie_where_detail_is_and_do_not_overlap():
    picture = np.full((90, 120, 3), 0.5)
    for top, left in ((5, 80), (50, 10)):
        picture[top : top + 20, left : left + 20] += 0.3 * (np.indices((20, 20)).sum(0) % 2)[..., None]
    crops = choose_crops(picture[None])
    assert [crop.size for crop in crops] == [30, 30, 30]
    for top, left in ((6, 81), (51, 11)):
        assert any(
            c.top <= top and top + 18 <= c.top + 30 and c.left <= left and left + 18 <= c.left + 30 for c in crops
        )
    covered = np.zeros((90, 120), int)
    for crop in crops:
        covered[crop.top : crop.top + 30, crop.left : crop.left + 30] += 1
    assert covered.max() == 1


def test_page_holds_pictures_numbers_and_what_is_missing(tmp_path):
    picture = np.zeros((40, 60, 3))
    picture[..., 0] = 1.0
    columns = (score_column("PSNR mu", "psnr_mu_scale"),)
    ran = Result("Desk", "neucam <ours>", {"psnr_mu_scale": 48.764}, 50.0, 1.1, None, "")
    missing = Result("Desk", "enfuse (not installed)", {}, None, None, None, "")
    crops = (Crop(10, 5, 20),)
    lines = (
        picture_line("photograph", picture, crops),
        result_line(ran, picture, crops, columns),
        result_line(missing, None, crops, columns),
    )
    write_page(tmp_path / "comparison.html", [Section("Desk", lines, ("A note.",))])
    page = (tmp_path / "comparison.html").read_text("utf8")
    assert "48.76" in page and "enfuse (not installed)" in page and "A note." in page
    assert "neucam &lt;ours&gt;" in page
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    shapes = [cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), 1) for png in pictures]
    assert sorted(p.shape[:2] for p in shapes) == [(20, 20)] * 2 + [(40, 60)] * 2
    assert all((p == [0, 0, 255]).all() for p in shapes)
