"""Many photographs as one array."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.frame_pixels import (
    check_not_identical,
    mean_brightness,
    read_frames,
    scale_to_16_bits,
)
from neucam_nerfstudio.errors import NeucamError


def test_frames_are_stacked_in_order_in_their_own_type(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((4, 6), 1000 * index, np.uint16))
    stack = read_frames([tmp_path / f"{index}.png" for index in range(5)])
    assert stack.dtype == np.uint16 and stack.shape == (5, 4, 6, 3)
    assert stack[:, 0, 0, 0].tolist() == [0, 1000, 2000, 3000, 4000]


def test_other_size_is_refused(write_grey):
    paths = [write_grey("a.png"), write_grey("b.png", size=(6, 9))]
    with pytest.raises(
        NeucamError, match=r"b\.png: the frame is 9x6 pixels, others are 8x6.*crop or export them alike"
    ):
        read_frames(paths)


def test_size_that_differs_by_exif_orientation_alone_says_so(tmp_path, write_grey):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (8, 6)).save(tmp_path / "b.jpg", exif=exif)
    with pytest.raises(NeucamError, match=r"6x8 pixels, others are 8x6.* \(orientation 8 of b\.jpg, 1 of a\.png\)\."):
        read_frames([write_grey("a.png"), tmp_path / "b.jpg"])


def test_other_bit_depth_is_refused(tmp_path, write_grey):
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((6, 8, 3), np.uint16))
    with pytest.raises(NeucamError, match=r"b\.png: pixels are uint16, those of others are uint8.*in one format"):
        read_frames([write_grey("a.png"), tmp_path / "b.png"])


@pytest.mark.parametrize(("number_type", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_brightness_is_the_mean_share_of_white(number_type, white):
    pixels = np.zeros((2, 8, 8, 3), number_type)
    pixels[1, :4] = white
    np.testing.assert_allclose(mean_brightness(pixels), [0.0, 0.5])


def test_scaling_to_16_bits_is_in_place_and_clips():
    pixels = np.full((3, 4, 6, 3), 4095, np.uint16)
    pixels[0], pixels[1] = 1000, 4096
    scale_to_16_bits(pixels, 4095)
    assert pixels[:, 0, 0, 0].tolist() == [16004, 65535, 65535]  # 1000 * 65535 / 4095 = 16003.7


def test_equal_pictures_are_refused(tmp_path):
    with pytest.raises(NeucamError, match="all 3 training frames are the same picture"):
        check_not_identical(np.zeros((3, 4, 6, 3), np.uint8), tmp_path)


def test_one_other_pixel_is_a_difference(tmp_path):
    pixels = np.zeros((3, 4, 6, 3), np.uint8)
    pixels[2, 1, 1, 1] = 1
    check_not_identical(pixels, tmp_path)
