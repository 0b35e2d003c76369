"""The viewer as a user meets it: a small run, `ns-viewer`, and a real browser looking at its page."""

from __future__ import annotations

import io
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright (pip)")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium (apt-get install chromium)"),
]

BROWSER_OPTIONS = [
    "--no-sandbox",  # root, as in a container, can't have one
    "--use-gl=angle",  # WebGL without a graphics card
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 120.0
LARGEST_SIDE_PX = 512
"""Size of a resting view's rendering, by nerfstudio's default; a moving one is smaller."""


def command(name: str, *arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


def eventually(what: str, look: Callable[[], object]) -> object:
    """Returns what `look` finds as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {PATIENCE_S:.0f} s")


@pytest.fixture(scope="module")
def run_config(tiny_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config.yml of a short training run."""
    runs = tmp_path_factory.mktemp("runs")
    options = ["--data", tiny_desk, "--output-dir", runs, "--max-num-iterations", "20", "--vis", "tensorboard"]
    subprocess.run(command("ns-train", "neucam", *options), check=True)
    (config,) = runs.rglob("config.yml")
    return config


@contextmanager
def running_viewer(config: Path, log: Path) -> Iterator[str]:
    """`ns-viewer` on a free port; gives the address of its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--load-config", config, "--viewer.websocket-port", str(port)]
    with log.open("w") as output:
        viewer = subprocess.Popen(command("ns-viewer", *options), stdout=output, stderr=subprocess.STDOUT)
    address = f"http://localhost:{port}"

    def answers() -> bool | None:
        assert viewer.poll() is None, f"ns-viewer ended:\n{log.read_text()}"
        try:
            return urlopen(address).status == 200
        except URLError:
            return None

    try:
        eventually("ns-viewer answers", answers)
        yield address
    finally:
        viewer.terminate()
        viewer.wait()


@pytest.fixture(scope="module")
def viewer_address(run_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_viewer(run_config, tmp_path_factory.mktemp("viewer") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


class ViewerPage:
    """The viewer's page, as far as these tests use it."""

    def __init__(self, page) -> None:
        self.page = page

    def picture(self) -> np.ndarray:
        """The 3D view once it shows the whole resolution and no longer changes: [height, width, 3], uint8."""
        before = None

        def at_rest() -> np.ndarray | None:
            nonlocal before
            before, last = self._view(), before
            unchanged = last is not None and np.array_equal(before, last)
            return before if unchanged and self._is_sharp() and before.any() else None

        return eventually("the picture comes to rest", at_rest)

    def _is_sharp(self) -> bool:
        """Whether the page says, as in "Resolution: 512x399px", that it shows a resting view."""
        described = re.search(r"Resolution: (\d+)x(\d+)px", self.page.locator("body").inner_text())
        return described is not None and max(map(int, described.groups())) == LARGEST_SIDE_PX

    def _view(self) -> np.ndarray:
        canvas = self.page.locator("canvas[data-engine]")
        image = Image.open(io.BytesIO(self.page.screenshot(clip=canvas.bounding_box())))
        pixels = np.array(image.convert("RGB"))
        pixels[-80:, :80] = 0  # the axes in the corner
        return pixels

    def turn_dial(self, label: str, value: str) -> None:
        row = self.page.get_by_text(label, exact=True).locator("xpath=ancestor::div[contains(@class, 'Flex-root')][1]")
        number = row.locator("input[inputmode]")
        number.fill(value)
        number.press("Enter")

    def orbit(self) -> None:
        self.page.mouse.move(200, 300)
        self.page.mouse.down()
        self.page.mouse.move(300, 350, steps=5)
        self.page.mouse.up()


@pytest.fixture
def page(browser, viewer_address: str) -> Iterator[ViewerPage]:
    page = browser.new_page(viewport={"width": 960, "height": 600})
    page.goto(viewer_address)
    yield ViewerPage(page)
    page.close()


def picture_bounds(view: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right edge of the picture, halfway up from the black around it: its edges are soft."""
    brightness = (view.mean((axis, 2)) for axis in (1, 0))
    rows, columns = (np.flatnonzero(profile > np.median(profile) / 2) for profile in brightness)
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def test_opens_on_the_whole_picture_square_and_filling_the_view(page):
    view = page.picture()
    top, bottom, left, right = picture_bounds(view)
    height, width = view.shape[:2]
    assert right - left == pytest.approx(width / 1.02, abs=8)
    assert (right - left) / (bottom - top) == pytest.approx(90 / 60, rel=0.02)
    assert top == pytest.approx(height - bottom, abs=8)


def test_shows_what_is_exported(page, run_config, tmp_path):
    output = "all_in_focus_hdr"
    options = ["--load-config", run_config, "--output-path", tmp_path, "--rendered-output-names", output]
    subprocess.run(command("neucam-export", "images", *options), check=True)
    exported = Image.open(tmp_path / f"{output}.png").convert("RGB")

    view = page.picture()
    top, bottom, left, right = picture_bounds(view)
    shown = Image.fromarray(view[top:bottom, left:right]).resize(exported.size, Image.Resampling.BOX)
    difference = np.abs(np.asarray(shown, float) - np.asarray(exported, float))
    assert np.median(difference) < 5


def test_exposure_dial_brightens_the_picture(page):
    before = page.picture().mean()
    page.turn_dial("Exposure (stops)", "2")
    eventually("the picture brightens", lambda: page.picture().mean() > 1.2 * before or None)
    page.turn_dial("Exposure (stops)", "0")
    eventually("the picture darkens again", lambda: page.picture().mean() < 1.02 * before or None)


def test_face_the_picture_undoes_an_orbit(page):
    opened = page.picture().astype(float)

    def change_since_opening() -> float:
        return np.abs(page.picture() - opened).mean()

    page.orbit()
    eventually("the view turns", lambda: change_since_opening() > 10 or None)
    page.page.get_by_role("button", name="Face the Picture").click()
    eventually("the view is back", lambda: change_since_opening() < 2 or None)
