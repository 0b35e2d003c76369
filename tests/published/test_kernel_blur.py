"""The published blur generator: a kernel a pixel, by its place or its given depth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.image_formation import sensor_radiance
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.published.kernel_blur import DepthMaps, NeuralKernelBlur, NeuralKernelConfig
from neucam_nerfstudio.scene.grid_scene import GridScene, GridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces

from ..learned import capture_of, with_maps

HEIGHT, WIDTH = 20, 40
UV = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
PLACES = PlanePlaces(UV, torch.zeros(2, 1))
FOCUS = torch.tensor([[-1.0], [1.0]])
STEPS = np.float32([[[0.0, 0.5]], [[1.0, 0.2]]])
"""Two frames of one row and two columns."""
LEFT, RIGHT = [0.25, 0.5], [0.75, 0.5]


def kernel_blur(capture: Capture | None = None, **settings: object) -> NeuralKernelBlur:
    torch.manual_seed(0)
    return NeuralKernelBlur(NeuralKernelConfig(**settings), capture or capture_of(HEIGHT, WIDTH))


def blur_with_constant_kernel(kernel: torch.Tensor, **settings) -> NeuralKernelBlur:
    """A generator whose network answers `kernel` everywhere."""
    blur = kernel_blur(**settings)
    with torch.no_grad():
        blur.network.layers[-1].weight.zero_()
        blur.network.layers[-1].bias.copy_(kernel)
    return blur


def offsets_px(taps) -> torch.Tensor:
    """How far right and down the taps are from their pixel."""
    return (taps.places.uv - UV[:, None]) * torch.tensor([WIDTH, HEIGHT])


@pytest.mark.parametrize(("num_taps", "reach"), [(9, 1), (25, 2)])
def test_without_offsets_the_taps_are_the_neighbouring_pixels(num_taps, reach):
    taps = blur_with_constant_kernel(torch.zeros(3 * num_taps), num_taps=num_taps)(PLACES, CameraSettings(FOCUS, 1.0))
    row_by_row = [[right, down] for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
    expected = torch.tensor(row_by_row, dtype=torch.float32).expand(2, -1, -1)
    torch.testing.assert_close(offsets_px(taps), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(taps.weights, torch.full((2, num_taps), 1 / num_taps))


def test_offsets_are_five_pixels_at_most_first_down_then_right():
    kernel = torch.zeros(27)
    kernel[9 + 0] = 100.0  # the first tap down
    kernel[18 + 8] = -100.0  # the last tap to the left
    offsets = offsets_px(blur_with_constant_kernel(kernel)(PLACES, CameraSettings(FOCUS, 1.0)))
    torch.testing.assert_close(offsets[0, 0], torch.tensor([-1.0, -1.0 + 5.0]), rtol=0, atol=1e-5)
    torch.testing.assert_close(offsets[0, 8], torch.tensor([1.0 - 5.0, 1.0]), rtol=0, atol=1e-5)


def test_the_middle_tap_stays_exactly_on_its_pixel():
    taps = blur_with_constant_kernel(torch.full((27,), 100.0))(PLACES, CameraSettings(FOCUS, 1.0))
    assert torch.equal(taps.places.uv[:, 4], UV)
    assert (offsets_px(taps)[:, [0, 8]] > 3.9).all()


def test_weights_are_a_softmax():
    kernel = torch.zeros(27)
    kernel[4] = torch.log(torch.tensor(2.0))
    taps = blur_with_constant_kernel(kernel)(PLACES, CameraSettings(FOCUS, 1.0))
    torch.testing.assert_close(taps.weights[0], torch.tensor([0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1]))


def test_the_aperture_scales_the_taps_distance():
    blur = kernel_blur()
    captured, wide = (offsets_px(blur(PLACES, CameraSettings(FOCUS, aperture))) for aperture in (1.0, 3.0))
    torch.testing.assert_close(wide, 3 * captured, rtol=0, atol=1e-4)
    assert torch.equal(blur(PLACES, CameraSettings(FOCUS, 0.0)).places.uv, UV[:, None].expand(-1, 9, -1))


def test_kernels_depend_on_focus_and_place():
    blur = kernel_blur()
    near = blur(PLACES, CameraSettings(FOCUS, 1.0)).weights
    assert not torch.allclose(near, blur(PLACES, CameraSettings(-FOCUS, 1.0)).weights)
    assert not torch.allclose(near, blur(PLACES._replace(uv=UV.flip(0)), CameraSettings(FOCUS, 1.0)).weights)


def test_focus_and_network_learn_from_where_taps_are():
    blur = kernel_blur()
    focus = FOCUS.clone().requires_grad_()
    blur(PLACES, CameraSettings(focus, 1.0)).places.uv.square().sum().backward()
    assert (focus.grad != 0).all()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in blur.network.layers)


def test_sums_logarithms_of_light():
    """A kernel of 3 x 3 over a light of e on a column in the middle of 1: a third of the logarithm."""
    capture = capture_of(1, 5)
    scene = GridScene(GridSceneConfig(), capture)
    scene.field.pyramid.start_from((torch.arange(5) == 2).float()[None, :, None].expand(1, -1, 3))
    blur = blur_with_constant_kernel(torch.zeros(27), capture=capture)
    middle = PlanePlaces(torch.tensor([[0.5, 0.5]]), torch.zeros(1, 1))
    radiance, taps = sensor_radiance(scene, blur, middle, CameraSettings(FOCUS[:1]))
    torch.testing.assert_close(radiance, torch.full((1, 3), math.exp(1 / 3)))
    assert blur.radius_px(middle, taps).item() == pytest.approx(math.sqrt(2 * 12 / 9))  # 4 taps at 1 px, 4 at sqrt(2)


def test_largest_radius_is_the_farthest_that_a_tap_gets():
    assert float(kernel_blur().largest_radius_px) == pytest.approx(math.sqrt(2) * 6)


def depth_at(maps: DepthMaps, places: list[list[float]], times: list[float]) -> list[float]:
    return maps(torch.tensor(places), torch.tensor(times)[:, None])[:, 0].tolist()


def test_depth_of_a_pixel_is_its_own_in_the_frame_nearest_in_time():
    maps = DepthMaps(STEPS, (0.0, 1.0))
    assert depth_at(maps, [LEFT, RIGHT, LEFT, RIGHT], [0.0, 0.4, 0.6, 1.0]) == pytest.approx([0.0, 0.5, 1.0, 0.2])


def test_between_pixels_depth_is_interpolated_and_beyond_the_border_it_stays():
    maps = DepthMaps(STEPS, (0.0, 1.0))
    assert depth_at(maps, [[0.5, 0.5], [-3.0, 0.5]], [0.0, 1.0]) == pytest.approx([0.25, 1.0])


def test_a_still_scene_has_the_mean_depth_of_its_frames():
    assert depth_at(DepthMaps(STEPS, (0.0, 0.0)), [LEFT, RIGHT], [0.0, 0.0]) == pytest.approx([0.5, 0.35])


@pytest.mark.parametrize(("by_depth", "num_inputs"), [(True, 2), (False, 3)])
def test_blur_goes_by_depth_where_there_is_depth(by_depth, num_inputs):
    """Then it is one for places of one depth."""
    blur = kernel_blur(with_maps(capture_of(1, 3), depth=np.float32([[[0.3, 0.3, 0.9]]])), by_depth=by_depth)
    assert blur.network.layers[0].in_features == num_inputs
    assert any("blur goes by depth" in note for note in blur.notes) == by_depth
    uv, column = torch.tensor([[1 / 6, 0.5], [0.5, 0.5], [5 / 6, 0.5]]), torch.zeros(3, 1)
    taps = blur(PlanePlaces(uv, column), CameraSettings(column))
    near, same, far = taps.places.uv - uv[:, None]
    assert torch.allclose(near, same) == by_depth
    assert not torch.allclose(near, far)


def test_depth_is_not_part_of_what_is_learned():
    blur = kernel_blur(with_maps(capture_of(1, 2), depth=STEPS[:1]))
    assert blur.depth is not None and not any("depth" in name for name in blur.state_dict())
