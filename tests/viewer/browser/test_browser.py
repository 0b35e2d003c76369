"""The viewer as a user meets it: small runs, `ns-viewer` or `ns-train`, and a real browser looking at the page."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

from ...scene.volume import Blob
from ..many_views import FOCAL_PX, HEIGHT, WIDTH, learned_views, turned
from .viewer_page import CHROMIUM, ViewerPage, ViewerServer, chromium, command, eventually, open_page, picture_bounds

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright (pip)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="these need Chromium (apt-get install chromium-headless-shell)"),
]


def train_briefly(data: Path, output_dir: Path, method: str = "neucam") -> Path:
    """The config.yml of a few steps of `ns-train`, run in this process."""
    from nerfstudio.configs.method_configs import all_methods
    from nerfstudio.scripts.train import main

    config = replace(copy.deepcopy(all_methods[method]), data=data, output_dir=output_dir, timestamp="run")
    config.max_num_iterations, config.vis, config.logging.local_writer.enable = 20, "tensorboard", False
    config.pipeline.datamanager.train_num_rays_per_batch = 512
    main(config)
    return config.get_base_dir() / "config.yml"


@pytest.fixture(scope="module")
def panning_video(tiny_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of a camera that pans over the small desk; every other one is three stops brighter."""
    folder = tmp_path_factory.mktemp("captures") / "Pan"
    folder.mkdir()
    for index in range(4):
        photograph = Image.open(tiny_desk / f"F1E{1 + index % 2}.png")
        photograph.crop((2 * index, 0, 2 * index + 80, 60)).save(folder / f"frame_{index:03d}.png")
    (folder / "exposure.txt").write_text("0.0\n3.0\n")
    return folder


class Viewers(NamedTuple):
    """Attributes:
    run_config: The config.yml of a short run.
    viewing: `ns-viewer` of that run.
    training: `ns-train` of a video with its viewer, which goes on when the training has ended.
    """

    run_config: Path
    viewing: ViewerServer
    training: ViewerServer


@pytest.fixture(scope="module")
def viewers(tiny_desk: Path, panning_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewers]:
    """Both servers. The one that trains starts first, and the other while the first test looks at it."""
    folder = tmp_path_factory.mktemp("viewers")
    options = ["--data", panning_video, "--output-dir", folder, "--max-num-iterations", "5", "--vis", "viewer"]
    with ViewerServer(command("ns-train", "neucam-hdr-video", *options), folder / "training.txt") as training:
        run_config = train_briefly(tiny_desk, folder)
        with ViewerServer(command("ns-viewer", "--load-config", run_config), folder / "viewing.txt") as viewing:
            yield Viewers(run_config, viewing, training)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser, viewers: Viewers) -> ViewerPage:
    """The page of the still run, for tests that leave the picture as it was."""
    return open_page(browser, viewers.viewing, 800, 520)


@pytest.fixture(scope="module")
def moving_page(browser, viewers: Viewers) -> ViewerPage:
    return open_page(browser, viewers.training, 800, 520)


@pytest.fixture(scope="module")
def three_views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of glowing balls from three places, with nerfstudio's transforms.json: the reference frame from the
    origin, along y, at 2 m and f/4; one from the left at 1 m and f/2, and one from the right at infinity."""
    folder = tmp_path_factory.mktemp("captures") / "Balls"
    (folder / "images").mkdir(parents=True)
    poses = [turned(degrees, 0.0, (x, 0.0, 0.0)) for degrees, x in ((-10.0, -0.6), (0.0, 0.0), (10.0, 0.6))]
    balls = (Blob((0.0, 3.5, 0.0), 0.6, 20.0, (0.8, 0.3, 0.2)), Blob((0.9, 2.5, 0.3), 0.4, 20.0, (0.2, 0.5, 0.9)))
    learned = learned_views(balls, camera_to_world=np.stack(poses), metres_per_unit=1.0)
    views, frames = learned.capture.views, []
    for index, frame in enumerate(learned.capture.frames):
        settings = learned.camera.settings_of_frame(index)
        rgb = learned.renderer.render(learned.view_of_frame(index), settings, ("rgb",))["rgb"]
        Image.fromarray((255 * rgb.numpy()).round().astype(np.uint8)).save(folder / "images" / frame.path.name)
        frames.append(
            {
                "file_path": f"images/{frame.path.name}",
                "transform_matrix": [*poses[index].tolist(), [0, 0, 0, 1]],
                "focus_distance_m": views.focus_distance_m[index],
                "f_number": views.f_number[index],
                "focal_length_mm": views.focal_length_mm[index],
                "exposure_stops": 0,
                "split": "train",
            }
        )
    lens = {"fl_x": FOCAL_PX, "fl_y": FOCAL_PX, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT}
    (folder / "transforms.json").write_text(json.dumps({**lens, "frames": frames}))
    return folder


@pytest.fixture(scope="module")
def volume_page(browser, three_views: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewerPage]:
    """The page of a short run of many views."""
    folder = tmp_path_factory.mktemp("volume")
    run_config = train_briefly(three_views, folder, "neucam-3d")
    with ViewerServer(command("ns-viewer", "--load-config", run_config), folder / "viewing.txt") as viewing:
        yield open_page(browser, viewing, 800, 520)


def test_frame_dial_goes_through_the_moments_of_a_video(moving_page, panning_video):
    """Photographs are known by their brightness: what a page still shows of before a change looks as much at rest."""

    def shows_photograph(name: str) -> None:
        brightness = np.asarray(Image.open(panning_video / name).convert("RGB")).mean()
        eventually(f"{name} is shown", lambda: abs(moving_page.brightness() - brightness) < 15 or None)

    moving_page.whole_picture()
    assert moving_page.dial("Frame (number)") == 1
    moving_page.choose("Output type", "Photograph")
    shows_photograph("frame_001.png")
    moving_page.turn_dial("Frame (number)", "2")
    shows_photograph("frame_002.png")
    assert moving_page.dial("Time") == pytest.approx(2 / 3, abs=0.01) and moving_page.dial("Exposure (stops)") == 0.0
    moving_page.turn_dial("Time", "1")
    eventually("the frame dial goes along", lambda: moving_page.dial("Frame (number)") == 3 or None)
    shows_photograph("frame_003.png")


def test_opens_on_the_whole_picture_square_and_filling_the_view(page):
    view = page.whole_picture()
    top, bottom, left, right = picture_bounds(view)
    height, width = view.shape[:2]
    assert right - left == pytest.approx(width / 1.02, abs=8)
    assert (right - left) / (bottom - top) == pytest.approx(90 / 60, rel=0.02)
    assert top == pytest.approx(height - bottom, abs=8)


def test_shows_what_is_exported(page, viewers, tmp_path):
    output = "all_in_focus_hdr"
    ExportImages(viewers.run_config, tmp_path, rendered_output_names=(output,)).main()
    exported = Image.open(tmp_path / f"{output}.png").convert("RGB")

    view = page.whole_picture()
    top, bottom, left, right = picture_bounds(view)
    shown = Image.fromarray(view[top:bottom, left:right]).resize(exported.size, Image.Resampling.BOX)
    difference = np.abs(np.asarray(shown, float) - np.asarray(exported, float))
    assert np.median(difference) < 5


def test_exposure_dial_brightens_the_picture(page):
    before = page.whole_picture().mean()
    page.turn_dial("Exposure (stops)", "2")
    eventually("the picture brightens", lambda: page.picture().mean() > 1.2 * before or None)
    page.turn_dial("Exposure (stops)", "0")
    eventually("the picture darkens again", lambda: page.picture().mean() < 1.02 * before or None)


def test_face_the_picture_undoes_an_orbit(page):
    opened = page.whole_picture().astype(float)

    def change_since_opening() -> float:
        return np.abs(page.picture() - opened).mean()

    page.orbit()
    eventually("the view turns", lambda: change_since_opening() > 10 or None)
    page.press("Face the Picture")
    eventually("the view is back", lambda: change_since_opening() < 2 or None)


def test_a_click_focuses_and_the_next_drag_orbits_again(page):
    page.whole_picture()
    before = page.dial("Focus (position)")
    page.press("Click to Focus")
    page.click_picture(0.5, 0.8)
    eventually("the focus goes there", lambda: page.dial("Focus (position)") != before or None)
    eventually("the page takes no more clicks", lambda: not page.takes_clicks() or None)


def test_comparing_with_a_frame_shows_the_residual_at_its_exposure(page):
    shown = page.whole_picture()
    page.choose("Compare with frame", "F0E2")
    eventually("the residual is shown", lambda: page.chosen("Output type") == RESIDUAL or None)
    assert page.dial("Exposure (stops)") == 3.0
    eventually("the residual is dark", lambda: 0 < page.picture().mean() < shown.mean() / 2 or None)
    page.choose("Compare with frame", "none")
    eventually("the picture is back", lambda: np.abs(page.picture() - shown.astype(float)).mean() < 2 or None)
    assert page.dial("Exposure (stops)") == 0.0


def test_a_volume_opens_where_the_reference_frame_was_taken_with_its_focus_and_f_number(volume_page):
    volume_page.picture()
    assert volume_page.dial("Focus (m)") == 2.0 and volume_page.dial("Aperture (f-number)") == 4.0
    volume_page.press("Hide Train Cams")
    opened = volume_page.picture().astype(float)
    volume_page.orbit()
    eventually("the view turns", lambda: np.abs(volume_page.picture() - opened).mean() > 5 or None)
    volume_page.press("Stand at the Reference")
    eventually("the view is back", lambda: np.abs(volume_page.picture() - opened).mean() < 2 or None)


def test_a_click_into_a_volume_turns_the_focus_to_a_distance(volume_page):
    volume_page.press("Click to Focus")
    volume_page.click_picture(0.5, 0.5)
    eventually("the focus goes there", lambda: volume_page.dial("Focus (m)") != 2.0 or None)
    assert 0.3 < volume_page.dial("Focus (m)") < 30


def test_comparing_a_view_goes_to_it_and_shows_the_residual_from_nowhere_else(volume_page):
    volume_page.choose("Compare with frame", "F0E0")
    eventually("the residual is shown", lambda: volume_page.chosen("Output type") == RESIDUAL or None)
    assert volume_page.dial("Focus (m)") == 1.0 and volume_page.dial("Aperture (f-number)") == 2.0
    eventually("there is a residual", lambda: not volume_page.is_black() or None)
    volume_page.orbit()
    eventually("there is none from elsewhere", lambda: volume_page.is_black() or None)
    volume_page.choose("Compare with frame", "none")
    eventually("the picture is back", lambda: volume_page.picture().mean() > 5 or None)
