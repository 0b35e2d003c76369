"""`python tests/viewer/browser/take_screenshot.py RUN/config.yml PICTURE`: a PNG of the page of `ns-viewer`, opened."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tyro
from viewer_page import ViewerServer, chromium, command, open_page


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
        ViewerServer(command("ns-viewer", "--load-config", load_config), Path(folder) / "log.txt") as server,
        chromium() as browser,
    ):
        viewer = open_page(browser, server, width_px, height_px)
        viewer.picture()
        if not viewer.is_of_views():
            viewer.whole_picture()
        viewer.page.screenshot(path=picture)


if __name__ == "__main__":
    tyro.cli(tyro.conf.configure(tyro.conf.Positional)(take_screenshot))
