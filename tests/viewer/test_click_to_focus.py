"""A click is a ray; where it meets the picture, the lens tells which focus position is sharp."""

import threading
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from neucam_nerfstudio.viewer.click_to_focus import ClickToFocus
from neucam_nerfstudio.viewer.panel import Panel

from .many_views import learned_views

AXIS = (0.0, -1.0, 0.0)


@pytest.fixture
def click(learned) -> ClickToFocus:
    """A picture whose left is sharp at focus position -0.6 and whose right at 0.6."""
    height, width = learned.capture.height, learned.capture.width
    learned.camera.blur.defocus.start_from(torch.linspace(-0.6, 0.6, width).expand(height, width)[..., None])
    return ClickToFocus(learned, Panel(learned))


@pytest.mark.parametrize(
    ("x", "expected"),
    [pytest.param(4.8, -0.6, id="left"), pytest.param(0.0, 0.0, id="middle"), pytest.param(-4.8, 0.6, id="right")],
)
def test_focus_of_the_place_that_is_clicked(click, x, expected):
    # +x points to the left of the picture, and ten of viser's units are one of ours.
    assert click.focus_position_seen((x, 20.0, 0.0), (0.0, -3.0, 0.0), AXIS) == pytest.approx(expected, abs=0.03)


def test_from_an_orbited_camera(click):
    assert click.focus_position_seen((4.8, 10.0, 0.0), (-0.48, -1.0, 0.0), AXIS) == pytest.approx(0.0, abs=0.03)


def test_nothing_lies_beside_or_behind_the_picture(click):
    assert click.focus_position_seen((5.2, 20.0, 0.0), (0.0, -1.0, 0.0), AXIS) is None
    assert click.focus_position_seen((0.0, -20.0, 0.0), (0.0, 1.0, 0.0), AXIS) is None


@pytest.mark.parametrize(
    ("axis", "expected_m"),
    [pytest.param((0.0, 0.0, -2.0), 1.5, id="square"), pytest.param((1.2, 0.0, -3.0), 1.616, id="turned towards it")],
)
def test_in_a_volume_focus_is_counted_along_the_way_the_camera_looks(axis, expected_m):
    """A ball 1.2 to the right and 3 ahead, in world units of half a metre."""
    learned = learned_views()
    click = ClickToFocus(learned, Panel(learned))
    position = click.focus_position_seen((0.0, 0.0, 0.0), (0.4, 0.0, -1.0), axis)
    assert 1 / position == pytest.approx(expected_m, rel=0.03)


def test_a_click_on_a_page_of_a_volume_turns_the_dial_to_metres():
    """viser's cameras look along z, with y down."""
    learned = learned_views()
    panel = Panel(learned)
    camera = SimpleNamespace(wxyz=(0.0, 1.0, 0.0, 0.0))
    click = SimpleNamespace(
        ray_origin=(0.0, 0.0, 0.0), ray_direction=(0.4, 0.0, -1.0), client=SimpleNamespace(camera=camera)
    )
    viewer = SimpleNamespace(train_lock=None, _trigger_rerender=Mock())
    ClickToFocus(learned, panel)._focus_at(click, viewer)
    assert panel.sliders["focus_position"].value == pytest.approx(1.5, rel=0.03)
    viewer._trigger_rerender.assert_called_once()


class PageScene:
    """Stands for viser's scene of one page; `click` plays a click on it."""

    def __init__(self):
        self.on_click = self.removed = None

    def on_pointer_event(self, event_type):
        assert event_type == "click"
        return lambda callback: setattr(self, "on_click", callback)

    def on_pointer_callback_removed(self, callback):
        self.removed = callback

    def remove_pointer_callback(self):
        assert self.on_click is not None
        self.on_click = None
        self.removed()

    def click(self, *ray):
        camera = SimpleNamespace(wxyz=(1.0, 0.0, 0.0, 0.0))
        client = SimpleNamespace(camera=camera)
        self.on_click(SimpleNamespace(ray_origin=ray, ray_direction=(0.0, -1.0, 0.0), client=client))


@pytest.fixture
def page() -> SimpleNamespace:
    return SimpleNamespace(client_id=0, scene=PageScene())


def test_one_click_is_waited_for_wherever_it_goes(click, page):
    viewer = SimpleNamespace(train_lock=threading.Lock(), _trigger_rerender=Mock())
    with viewer.train_lock:  # a training step is under way
        click._pressed(page, viewer)
        page.scene.click(-4.8, 20.0, 0.0)
        assert page.scene.on_click is None
        click._pressed(page, viewer)
        assert page.scene.on_click is not None
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon and "_focus_at" in thread.name:
            thread.join()
    assert click.panel.settings().focus_position == pytest.approx(0.6, abs=0.03)
    viewer._trigger_rerender.assert_called_once()
    assert page.scene.on_click is not None  # the focusing has not ended the waiting that began after it
    page.scene.click(-5.2, 20.0, 0.0)
    assert page.scene.on_click is None and click.panel.settings().focus_position == pytest.approx(0.6, abs=0.03)


def test_pressing_again_waits_no_more(click, page):
    viewer = SimpleNamespace(train_lock=None)
    click._pressed(page, viewer)
    click._pressed(page, viewer)
    assert page.scene.on_click is None
    click._pressed(page, viewer)
    assert page.scene.on_click is not None
