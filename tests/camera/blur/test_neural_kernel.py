from __future__ import annotations

import pytest
import torch
from neucam_nerfstudio.camera.blur.neural_kernel import NeuralKernelBlur

HEIGHT, WIDTH = 20, 40
UV = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
FOCUS = torch.tensor([[-1.0], [1.0]])
NOW = torch.zeros(2, 1)


def blur_with_constant_kernel(kernel: torch.Tensor, **settings) -> NeuralKernelBlur:
    """A generator whose network answers `kernel` everywhere."""
    blur = NeuralKernelBlur(HEIGHT, WIDTH, **settings)
    with torch.no_grad():
        blur.network.layers[-1].weight.zero_()
        blur.network.layers[-1].bias.copy_(kernel)
    return blur


def offsets_px(taps) -> torch.Tensor:
    """How far right and down the taps are from their pixel."""
    return (taps.uv - UV[:, None]) * torch.tensor([WIDTH, HEIGHT])


@pytest.mark.parametrize(("num_taps", "reach"), [(9, 1), (25, 2)])
def test_without_offsets_the_taps_are_the_neighbouring_pixels(num_taps, reach):
    taps = blur_with_constant_kernel(torch.zeros(3 * num_taps), num_taps=num_taps)(UV, NOW, FOCUS, aperture=1.0)
    row_by_row = [[right, down] for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]
    expected = torch.tensor(row_by_row, dtype=torch.float32).expand(2, -1, -1)
    torch.testing.assert_close(offsets_px(taps), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(taps.weights, torch.full((2, num_taps), 1 / num_taps))


def test_offsets_are_five_pixels_at_most_first_down_then_right():
    kernel = torch.zeros(27)
    kernel[9 + 0] = 100.0  # the first tap down
    kernel[18 + 8] = -100.0  # the last tap to the left
    offsets = offsets_px(blur_with_constant_kernel(kernel)(UV, NOW, FOCUS, aperture=1.0))
    torch.testing.assert_close(offsets[0, 0], torch.tensor([-1.0, -1.0 + 5.0]), rtol=0, atol=1e-5)
    torch.testing.assert_close(offsets[0, 8], torch.tensor([1.0 - 5.0, 1.0]), rtol=0, atol=1e-5)


def test_the_middle_tap_stays_exactly_on_its_pixel():
    taps = blur_with_constant_kernel(torch.full((27,), 100.0))(UV, NOW, FOCUS, aperture=1.0)
    assert torch.equal(taps.uv[:, 4], UV)
    assert (offsets_px(taps)[:, [0, 8]] > 3.9).all()


def test_weights_are_a_softmax():
    kernel = torch.zeros(27)
    kernel[4] = torch.log(torch.tensor(2.0))
    taps = blur_with_constant_kernel(kernel)(UV, NOW, FOCUS, aperture=1.0)
    torch.testing.assert_close(taps.weights[0], torch.tensor([0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1]))


def test_the_aperture_scales_the_taps_distance():
    blur = NeuralKernelBlur(HEIGHT, WIDTH)
    captured, wide = (offsets_px(blur(UV, NOW, FOCUS, aperture)) for aperture in (1.0, 3.0))
    torch.testing.assert_close(wide, 3 * captured, rtol=0, atol=1e-4)
    assert torch.equal(blur(UV, NOW, FOCUS, aperture=0.0).uv, UV[:, None].expand(-1, 9, -1))


def test_kernels_depend_on_focus_and_place():
    blur = NeuralKernelBlur(HEIGHT, WIDTH)
    near = blur(UV, NOW, FOCUS, 1.0).weights
    assert not torch.allclose(near, blur(UV, NOW, -FOCUS, 1.0).weights)
    assert not torch.allclose(near, blur(UV.flip(0), NOW, FOCUS, 1.0).weights)


def test_focus_and_network_learn_from_where_taps_are():
    blur = NeuralKernelBlur(HEIGHT, WIDTH)
    focus = FOCUS.clone().requires_grad_()
    blur(UV, NOW, focus, 1.0).uv.square().sum().backward()
    assert (focus.grad != 0).all()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in blur.network.layers)
