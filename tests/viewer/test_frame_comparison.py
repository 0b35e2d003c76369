"""The residual: black where photograph and rendering agree or nothing is compared, larger than life elsewhere."""

import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.rendering.image_plane import picture_lattice
from neucam_nerfstudio.viewer.frame_comparison import RESIDUAL_GAIN, FrameComparison


@pytest.fixture
def uv(desk) -> torch.Tensor:
    """Every pixel of the small desk."""
    u, v = ((torch.arange(size) + 0.5) / size for size in (desk.width, desk.height))
    return torch.stack(torch.meshgrid(u, v, indexing="xy"), -1).reshape(-1, 2)


def photograph(capture, index: int) -> torch.Tensor:
    return torch.from_numpy(PixelStore(capture).whole(index).astype(np.float32) / 255).reshape(-1, 3)


def test_is_the_amplified_difference_from_the_frame_asked_for(desk, uv):
    comparison = FrameComparison(desk)
    for index in (4, 2, 4):
        ldr = photograph(desk, index)
        assert comparison.residual(ldr, uv, index).max() < 1e-4
        darker = comparison.residual(ldr - 0.01, uv, index)
        torch.testing.assert_close(darker, torch.full_like(ldr, 0.01 * RESIDUAL_GAIN), atol=1e-4, rtol=0)
    assert comparison.residual(1 - photograph(desk, 0), uv, 0).max() == 1


def test_is_black_where_nothing_is_compared(desk):
    uv = picture_lattice(5)
    assert torch.equal(FrameComparison(desk).residual(torch.rand(25, 3), uv, None), torch.zeros(25, 3))


def test_knows_frames_that_were_held_out_and_sixteen_bits(tiny_capture, desk, uv):
    for path in tiny_capture.glob("F*E*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * 257)
    held_out, _ = open_capture(tiny_capture, eval_frames=("F1E2", "F2E1"))
    assert held_out.number_type == np.uint16
    assert FrameComparison(held_out).residual(photograph(desk, 7), uv, 7).max() < 1e-4
