"""One page that shows all results of a batch: a contact sheet with links, settings, times, scores, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts.batch.batch_manifest import Entry, now

REPORT_NAME, THUMBNAILS = "report.html", ".report"
"""The page, and the folder with its small pictures."""
TEMPLATE = Path(__file__).with_name("report.html.j2")

SCORES = {
    "psnr_mu_scale": "PSNR (mu-law) {:.2f} dB",
    "psnr_mu_affine": "PSNR (mu-law) {:.2f} dB",
    "psnr_sharp": "PSNR {:.2f} dB",
    "mean_confidence": "confidence {:.0%}",
}
"""Scores that the page shows, and how."""


def thumbnail_file(output: Path, name: str) -> Path:
    """Where the small picture of a result lies."""
    return output / THUMBNAILS / f"{name}.jpg"


def write_report(output: Path, entries: Mapping[str, Entry]) -> None:
    """Writes the page of all captures that a batch's manifest knows, whole or not at all."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    done = {name: entry for name, entry in sorted(entries.items()) if entry.status == "done"}
    failed = {name: entry for name, entry in sorted(entries.items()) if entry.status == "failed"}
    page = environment.from_string(TEMPLATE.read_text("utf8")).render(
        title=output.resolve().name,
        done={name: _card(output, name, entry) for name, entry in done.items()},
        failed=failed,
        seconds=sum(entry.seconds for entry in entries.values()),
        cpu_seconds=sum(entry.cpu_seconds for entry in entries.values()),
        options=_common_options(done),
        programs=sorted({entry.program for entry in entries.values()}),
        time=now(),
    )
    with written_whole(output / REPORT_NAME) as temporary:
        temporary.write_text(page, "utf8")


def _card(output: Path, name: str, entry: Entry) -> dict[str, object]:
    small = thumbnail_file(output, name)
    return {
        "folder": quote(f"{name}/"),
        "small": quote(f"{THUMBNAILS}/{name}.jpg") if small.is_file() else "",
        "picture": quote(f"{name}/{entry.picture}"),
        "files": [(file, quote(f"{name}/{file}")) for file in entry.files],
        "settings": (entry.settings or {}).get("said", ""),
        "seconds": entry.seconds,
        "scores": [text.format(entry.scores[score]) for score, text in SCORES.items() if score in entry.scores],
        "notes": entry.notes,
    }


def _common_options(entries: Mapping[str, Entry]) -> list[tuple[str, str]]:
    """Options that all results share and that are set."""
    chosen = [set(map(str, entry.options.items())) for entry in entries.values()]
    shared = set.intersection(*chosen) if chosen else set()
    first = next(iter(entries.values()), None)
    options = {} if first is None else first.options
    return [
        (key.replace("_", "-"), str(value))
        for key, value in options.items()
        if str((key, value)) in shared and value not in (None, False)
    ]
