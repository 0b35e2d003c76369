"""A camera of the small desk that has learned nothing yet, and nerfstudio's viewer as far as our part of it goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import viser
from nerfstudio.viewer.control_panel import ControlPanel
from nerfstudio.viewer.viewer_elements import ViewerParameter
from viser._messages import GuiUpdateMessage

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import SettingExposuresConfig
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scene.grid_scene import GridSceneConfig
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

PAGE = 7
"""Number of the page that tests turn dials on."""


def learned_capture(
    capture: Capture, blur: BlurConfig | None = None, response: ResponseConfig | None = None
) -> LearnedCapture:
    """Scene and camera of `neucam`, or with another blur or response, before anything is learned."""
    parts = (
        GridSceneConfig(),
        blur or LensBlurConfig(),
        SettingExposuresConfig(),
        response or MonotoneCurveConfig(),
    )
    return LearnedCapture(capture, *parts).eval()


@torch.no_grad()
def learn(learned: LearnedCapture, focus_positions: list[float], exposure_stops: list[float]) -> None:
    """Moves the settings as training does."""
    learned.camera.focus.positions.copy_(torch.tensor(focus_positions))
    learned.camera.exposures.start_stops.copy_(torch.tensor(exposure_stops))


@pytest.fixture
def learned(desk: Capture) -> LearnedCapture:
    """Focus settings at -1, 0 and 1, exposures at -3, 0 and 3 stops; the reference frame is the middle of both."""
    return learned_capture(desk)


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """nerfstudio's control panel around a real server, which one page looks at."""
    # viser looks for `yarn start` among all processes, and raises where one of them ends meanwhile.
    monkeypatch.setattr("viser._client_autobuild._check_viser_yarn_running", lambda: False)
    server = viser.ViserServer(host="127.0.0.1", verbose=False)
    server.gui._thread_executor = ThreadPoolExecutor(max_workers=1)  # callbacks one after the other, for `settle`
    server.get_clients = lambda: {PAGE: Mock(client_id=PAGE)}
    panel = ControlPanel(server, True, 10.0, Mock(), Mock(), Mock())
    panel.update_output_options(["Photograph", RESIDUAL])
    yield SimpleNamespace(
        viser_server=server,
        control_panel=panel,
        stats_markdown=server.gui.add_markdown(""),
        hide_images=server.gui.add_button("Hide Train Cams"),
        show_images=server.gui.add_button("Show Train Cams"),
        config=SimpleNamespace(max_num_display_images=512, jpeg_quality=75, image_format="jpeg"),
        train_lock=None,
        _trigger_rerender=Mock(),
    )
    server.stop()


def turn(element: ViewerParameter, value: object) -> None:
    """Turns a dial on the page."""
    state = element.gui_handle._impl
    state.gui_api._handle_gui_updates(PAGE, GuiUpdateMessage(state.id, {"value": value}))


def settle(viewer: SimpleNamespace) -> None:
    """Waits for callbacks, and those that they cause."""
    for _ in range(5):
        viewer.viser_server.gui._thread_executor.submit(lambda: None).result()


def shown_labels(viewer: SimpleNamespace) -> list[str]:
    """Labels of all visible dials and buttons."""
    handles = viewer.viser_server.gui._gui_input_handle_from_id.values()
    return [handle._impl.label for handle in handles if handle._impl.visible]
