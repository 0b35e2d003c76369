"""`python tests/viewer/take_screenshot.py RUN/config.yml PICTURE`: the page of `ns-viewer` as it opens, as a PNG."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tyro
from viewer_page import ViewerPage, chromium, command, serving_viewer


def take_screenshot(load_config: Path, picture: Path, width_px: int = 1280, height_px: int = 720) -> None:
    """Opens a run in the viewer and takes a screenshot of the whole page.

    Args:
        load_config: The `config.yml` of the run.
        picture: The PNG to write.
        width_px: Width of the page.
        height_px: Height of the page.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_viewer(command("ns-viewer", "--load-config", load_config), Path(folder) / "log.txt") as address,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": width_px, "height": height_px})
        page.goto(address)
        ViewerPage(page).picture()
        page.screenshot(path=picture)


if __name__ == "__main__":
    tyro.cli(tyro.conf.configure(tyro.conf.Positional)(take_screenshot))
