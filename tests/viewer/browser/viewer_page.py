"""What looking at the viewer in a real browser takes: a server of nerfstudio's, headless Chromium and the page."""

from __future__ import annotations

import io
import multiprocessing
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from PIL import Image

from neucam_nerfstudio.viewer.facing_camera import MARGIN

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Chromium without what a desktop needs: half the processes, and none in the background."""

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
BROWSER_OPTIONS = [
    "--no-sandbox",  # root, as in a container, can't have one
    "--use-gl=angle",  # WebGL without a graphics card
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 240.0
"""For whatever is waited for, on a busy machine."""
ANSWER_S, END_S = 10.0, 20.0
"""For one answer of a server, and for its end before it is killed."""

CALM_FRAMES = """
let drawings = new Map(), last = 0, time = performance.now();
performance.now = () => time;
window.requestAnimationFrame = draw => drawings.set(++last, draw) && last;
window.cancelAnimationFrame = id => drawings.delete(id);
setInterval(() => {
    const due = drawings;
    drawings = new Map();
    time += 50;
    for (const draw of due.values()) draw(time);
}, 200);
"""
"""Draws five times a second and takes that for twenty. Without a graphics card, a page that draws as often as it can
leaves the viewer no processor to render on, and one that finds itself slow draws coarser and coarser."""

PICTURES_IN_TURN = """
const { set, ...source } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
let previous = Promise.resolve();
Object.defineProperty(HTMLImageElement.prototype, "src", { ...source, set(url) {
    if (!url.startsWith("blob:")) return set.call(this, url);
    previous = previous.then(() => new Promise(done => {
        this.addEventListener("load", () => { window.longerSide = Math.max(this.width, this.height); done(); });
        this.addEventListener("error", done);
        set.call(this, url);
    }));
}});
"""
"""viser 0.2.7 loads the small picture of a moving view and the large one of a resting view at the same time, and shows
the one that is loaded last; on a busy machine that is the small one at times, and then it stays. Also tells the size of
the picture that is shown."""

LARGEST_SIDE_PX = 512
"""Size of a resting view's rendering, by nerfstudio's default; a moving one is smaller."""


PROCESSES = multiprocessing.get_context("forkserver")
"""Nerfstudio's imports take twenty seconds of a processor: one process does them, and each server is a fork of it."""
PROCESSES.set_forkserver_preload(["nerfstudio.scripts.train", "nerfstudio.scripts.viewer.run_viewer"])

RUN = """
import os, runpy, sys
log, *sys.argv = argv
output = os.open(log, os.O_WRONLY | os.O_CREAT)
os.dup2(output, 1), os.dup2(output, 2)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""What such a process does: a program as it is installed, which writes to a file what it prints."""


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
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {PATIENCE_S:.0f} s")


class ViewerServer:
    """A command of nerfstudio's that serves the viewer's page.

    Args:
        program: The command, without the port.
        log: File for what it prints.
    """

    def __init__(self, program: list[str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._log, self._url = log, f"http://localhost:{port}"
        argv = [str(log), *program, "--viewer.websocket-port", str(port)]
        self._program, self._process = program[0], PROCESSES.Process(target=exec, args=(RUN, {"argv": argv}))
        self._process.start()

    @property
    def address(self) -> str:
        """Of the page, once it answers."""
        eventually("the viewer answers", self._answers)
        return self._url

    def _answers(self) -> bool | None:
        assert self._process.is_alive(), f"{self._program} ended:\n{self._log.read_text()}"
        try:
            return urlopen(self._url, timeout=ANSWER_S).status == 200
        except OSError:  # nothing listens yet, or not well
            return None

    def __enter__(self) -> ViewerServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@contextmanager
def chromium() -> Iterator:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


def open_page(browser, server: ViewerServer, width_px: int, height_px: int) -> ViewerPage:
    """Opens the page of a viewer in a window of this size."""
    page = browser.new_page(viewport={"width": width_px, "height": height_px})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.add_init_script(CALM_FRAMES + PICTURES_IN_TURN)
    page.goto(server.address)
    return ViewerPage(page)


class ViewerPage:
    """The viewer's page, as far as these tests use it."""

    def __init__(self, page) -> None:
        self.page = page

    def picture(self) -> np.ndarray:
        """The 3D view once it shows the whole resolution and no longer changes: [height, width, 3], uint8."""
        before = None

        def at_rest() -> np.ndarray | None:
            nonlocal before
            if self.page.evaluate("window.longerSide") != LARGEST_SIDE_PX:
                return None
            before, last = self._view(), before
            return before if np.array_equal(before, last) and before.any() else None

        return eventually("the picture comes to rest", at_rest)

    def whole_picture(self) -> np.ndarray:
        """The 3D view as it opens, once the picture fills it: it does when the panel beside it has unfolded."""

        def filled() -> np.ndarray | None:
            view = self.picture()
            top, bottom, left, right = picture_bounds(view)
            share = max((bottom - top) / view.shape[0], (right - left) / view.shape[1])
            return view if abs(share - 1 / MARGIN) < 0.01 else None

        return eventually("the picture fills the view", filled)

    def brightness(self) -> float:
        """Mean of the picture alone, without the black around it, 0 to 255."""
        view = self.picture()
        top, bottom, left, right = picture_bounds(view)
        return view[top:bottom, left:right].mean()

    def is_of_views(self) -> bool:
        """Whether it shows a volume, which has no border."""
        return self.page.get_by_role("button", name="Stand at the Reference").count() > 0

    def is_black(self) -> bool:
        """Whether the 3D view shows nothing."""
        return self._view().max() < 8

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
