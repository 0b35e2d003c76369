"""The viewer opens square to the picture, follows the shape of its window, and lets go once a user moves the camera."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.viewer.facing_camera import MARGIN, facing, fitting_distance
from neucam_nerfstudio.viewer.page_views import PageView

RIGHT_ANGLE = math.pi / 2
"""A vertical field of view that sees as much of a plane as twice its distance."""


class PageCamera(SimpleNamespace):
    """Stands for viser's handle of one page's camera; `report` plays a message from the page."""

    def on_update(self, callback):
        self.callback = callback

    def report(self, **state):
        self.__dict__.update(state)
        self.callback(self)


@pytest.fixture
def camera() -> PageCamera:
    return PageCamera(position=np.array([3.0, 3.0, 3.0]), fov=RIGHT_ANGLE, aspect=1.5)


def view_of(camera: PageCamera, height: int = 300, width: int = 450) -> PageView:
    return PageView(facing(ImagePlane(height, width)), SimpleNamespace(camera=camera, atomic=nullcontext))


@pytest.mark.parametrize(
    "aspect, expected",
    [
        pytest.param(1.5, (2 / 3) / 2, id="same shape as the picture"),
        pytest.param(3.0, (2 / 3) / 2, id="wider view: the height decides"),
        pytest.param(0.75, (1 / 0.75) / 2, id="narrower view: the width decides"),
    ],
)
def test_whole_picture_just_fits(aspect, expected):
    picture = ImagePlane(height=300, width=450)  # 1 wide, 2/3 high
    assert fitting_distance(picture, RIGHT_ANGLE, aspect) == pytest.approx(MARGIN * expected)


def test_narrower_lens_stands_back():
    picture = ImagePlane(height=100, width=100)
    assert fitting_distance(picture, 2 * math.atan(0.25), 1.0) == pytest.approx(MARGIN * 2.0)


def test_opens_square_to_the_picture_with_z_up(camera):
    view_of(camera)
    # viser's units are ten to one of nerfstudio's.
    np.testing.assert_allclose(camera.position, (0, 10 * MARGIN / 3, 0))
    assert tuple(camera.look_at) == (0, 0, 0)
    assert tuple(camera.up_direction) == (0, 0, 1)


def test_follows_the_shape_of_the_window(camera):
    view_of(camera)
    camera.report(aspect=0.75)
    np.testing.assert_allclose(camera.position, (0, 10 * MARGIN / 1.5, 0))


def test_report_sent_before_the_page_was_moved_does_not_count_as_the_user(camera):
    view_of(camera)
    camera.report(position=np.array([3.0, 3.0, 3.0]), aspect=0.75)
    np.testing.assert_allclose(camera.position, (0, 10 * MARGIN / 1.5, 0))


def test_leaves_a_camera_alone_that_the_user_has_moved(camera):
    view_of(camera)
    camera.report(position=np.array([1.0, 2.0, 0.5]))
    camera.report(aspect=0.75)
    np.testing.assert_array_equal(camera.position, (1.0, 2.0, 0.5))


def test_faces_the_picture_again_on_request(camera):
    view = view_of(camera)
    camera.report(position=np.array([1.0, 2.0, 0.5]))
    view.stand(view.standing)
    np.testing.assert_allclose(camera.position, (0, 10 * MARGIN / 3, 0))
