"""The page of a batch: all results, linked, and what failed."""

from __future__ import annotations

import re
from urllib.parse import unquote

from neucam_nerfstudio.scripts.batch.report import thumbnail_file, write_report


def test_results_are_linked_and_failures_have_their_reasons(tmp_path, entry):
    done = entry(
        files=("hdr.exr", "a b.png"),
        picture="a b.png",
        scores={"psnr_mu_scale": 47.123, "mean_confidence": 0.756},
        settings={"said": "9 photographs, 450x300"},
        notes=("Blur: 2 px.",),
        options={"frames": "settings", "learn": False, "reference": None},
    )
    failed = entry(status="failed", reason="x.png: <broken>", traceback="File work.py")
    small = thumbnail_file(tmp_path, "shoot/#1")
    for file in (small, tmp_path / "shoot/#1/hdr.exr", tmp_path / "shoot/#1/a b.png"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    write_report(tmp_path, {"shoot/#1": done, "shoot/2": failed})
    page = (tmp_path / "report.html").read_text()
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(links) == 5 and all((tmp_path / unquote(link)).exists() for link in links)
    for said in (
        "9 photographs, 450x300",
        "PSNR (mu-law) 47.12 dB",
        "confidence 76%",
        "Blur: 2 px.",
        "--frames settings",
    ):
        assert said in page
    assert "x.png: &lt;broken&gt;" in page and "File work.py" in page
    assert "--learn" not in page and "--reference" not in page


def test_a_thousand_results_make_one_page_that_loads_pictures_when_they_are_seen(tmp_path, entry):
    (tmp_path / ".report").mkdir()
    for index in range(1000):
        (tmp_path / ".report" / f"{index}.jpg").write_bytes(b"")
    write_report(tmp_path, {f"{index}": entry(picture="a.png", files=("a.png",)) for index in range(1000)})
    page = (tmp_path / "report.html").read_text()
    assert page.count('loading="lazy"') == 1000 and len(page) < 2_000_000
