"""What looking at the viewer in a real browser takes: a server of nerfstudio's, headless Chromium and the page."""

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
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
    """One of the programs beside this Python."""
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


def eventually(what: str, look: Callable[[], object]) -> object:
    """Returns what `look` finds as soon as it finds something.

    Raises:
        TimeoutError: It finds nothing.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"{what}: not within {PATIENCE_S:.0f} s")


@contextmanager
def serving_viewer(program: list[str], log: Path) -> Iterator[str]:
    """Runs a command of nerfstudio's on a free port; gives the address of its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as output:
        viewer = subprocess.Popen(
            [*program, "--viewer.websocket-port", str(port)], stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://localhost:{port}"

    def answers() -> bool | None:
        assert viewer.poll() is None, f"{program[0]} ended:\n{log.read_text()}"
        try:
            return urlopen(address).status == 200
        except URLError:
            return None

    try:
        eventually("the viewer answers", answers)
        yield address
    finally:
        viewer.terminate()
        viewer.wait()


@contextmanager
def chromium() -> Iterator:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
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
        image = Image.open(io.BytesIO(self.page.screenshot(clip=self._canvas().bounding_box())))
        pixels = np.array(image.convert("RGB"))
        pixels[-80:, :80] = 0  # the axes in the corner
        return pixels

    def _canvas(self):
        return self.page.locator("canvas[data-engine]")

    def _row(self, label: str):
        """The line of a dial."""
        named = self.page.get_by_text(label, exact=True)
        return named.locator("xpath=ancestor::div[contains(@class, 'Flex-root')][1]")

    def turn_dial(self, label: str, value: str) -> None:
        """Types a number beside a slider."""
        number = self._row(label).locator("input[inputmode]")
        number.fill(value)
        number.press("Enter")

    def dial(self, label: str) -> float:
        """The number beside a slider."""
        return float(self._row(label).locator("input[inputmode]").input_value())

    def choose(self, label: str, choice: str) -> None:
        """Picks a choice of a drop-down list."""
        self._row(label).locator("input:not([type=hidden])").click()
        self.page.get_by_role("option", name=choice, exact=True).click()

    def chosen(self, label: str) -> str:
        """What a drop-down list says."""
        return self._row(label).locator("input:not([type=hidden])").input_value()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button).click()

    def click_picture(self, u: float, v: float) -> None:
        """Clicks on a place of the 3D view, [0, 1] to the right and down, once it takes clicks."""
        eventually("the page takes clicks", lambda: self.takes_clicks() or None)
        box = self._canvas().bounding_box()
        self.page.mouse.click(box["x"] + u * box["width"], box["y"] + v * box["height"])

    def takes_clicks(self) -> bool:
        """Whether the 3D view waits for a click, as its pointer tells."""
        return self._canvas().evaluate("canvas => canvas.style.cursor") == "pointer"

    def orbit(self) -> None:
        """Drags the view."""
        self.page.mouse.move(200, 300)
        self.page.mouse.down()
        self.page.mouse.move(300, 350, steps=5)
        self.page.mouse.up()


def picture_bounds(view: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right edge of the picture, halfway up from the black around it: its edges are soft."""
    brightness = (view.mean((axis, 2)) for axis in (1, 0))
    rows, columns = (np.flatnonzero(profile > np.median(profile) / 2) for profile in brightness)
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
