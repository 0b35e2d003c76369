"""Reading photographs: formats, bit depth, orientation, size, RAW, and files that are broken."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import (
    find_photographs,
    hold_linear_light,
    one_file_per_frame,
    read_photograph,
    reduced_jpeg_reader,
)

RED_8, RED_16 = np.uint8([[[200, 10, 30]]]), np.uint16([[[40001, 7, 65535]]])


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_photographs_are_found_in_natural_order_without_folders_hidden_files_and_ground_truth(tmp_path, write_grey):
    for name in ("IMG_10.png", "IMG_9.JPG", "IMG_11.TIFF", "._IMG_9.JPG.png"):
        write_grey(name)
    for name in ("exposure.txt", "truth.hdr", "truth.exr"):
        (tmp_path / name).touch()
    (tmp_path / "gt").mkdir()
    write_grey("gt/sharp.png")
    assert names(find_photographs(tmp_path)) == ["IMG_9.JPG", "IMG_10.png", "IMG_11.TIFF"]


def test_raw_files_win_over_their_jpegs():
    paths = [Path("A.JPG"), Path("A.CR2"), Path("b.NEF"), Path("b.jpeg")]
    kept, note = one_file_per_frame(paths)
    assert names(kept) == ["A.CR2", "b.NEF"]
    assert note == "Read the RAW files, not the 2 JPEGs of the same names."


def test_files_with_different_names_all_stay():
    assert one_file_per_frame([Path("a.jpg"), Path("b.CR2")]) == ([Path("a.jpg"), Path("b.CR2")], None)


def test_two_files_of_one_frame_are_refused():
    with pytest.raises(NeucamError, match=r"a\.tif: a\.png has the same name. Keep one"):
        one_file_per_frame([Path("a.png"), Path("a.tif")])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("rgb", [RED_8, RED_16], ids=["8bit", "16bit"])
def test_lossless_files_keep_every_bit(tmp_path, suffix, rgb):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.tile(rgb, (4, 5, 1))[..., ::-1])
    pixels = read_photograph(path)
    assert pixels.dtype == rgb.dtype
    np.testing.assert_array_equal(pixels, np.tile(rgb, (4, 5, 1)))


@pytest.mark.parametrize("number_type", [np.float32, np.float64])
def test_float_tiff_becomes_float32(tmp_path, number_type):
    rgb = np.linspace(0, 1, 4 * 5 * 3).reshape(4, 5, 3).astype(number_type)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    pixels = read_photograph(tmp_path / "a.tif")
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, rgb.astype(np.float32))


@pytest.mark.parametrize("worst", [1.5, -0.1, np.nan, np.inf])
def test_float_tiff_outside_0_to_1_is_refused(tmp_path, worst):
    rgb = np.full((4, 5, 3), 0.5, np.float32)
    rgb[2, 3, 1] = worst
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    with pytest.raises(NeucamError, match=r"a\.tif: pixel values from .* scale or clip it"):
        read_photograph(tmp_path / "a.tif")


def test_a_jpeg_may_have_any_number_of_pixels(tmp_path, monkeypatch):
    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 30 // 3)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "a.jpg")
    assert read_photograph(tmp_path / "a.jpg").shape == (30, 40, 3)
    assert Image.MAX_IMAGE_PIXELS == 400  # other users of Pillow keep their limit


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.png"), np.repeat(grey[..., None], 3, -1))


def test_grey_jpeg_becomes_three_channels(tmp_path):
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.jpg"), np.full((8, 8, 3), 77))


def test_alpha_is_dropped(tmp_path):
    bgra = np.concatenate([np.tile(RED_16[..., ::-1], (4, 5, 1)), np.zeros((4, 5, 1), np.uint16)], -1)
    cv2.imwrite(str(tmp_path / "a.png"), bgra)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.png"), np.tile(RED_16, (4, 5, 1)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_orientation_of_exif_is_applied(tmp_path, suffix):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, 16:] = 255  # white on the right; turned a quarter clockwise (orientation 6): white at the bottom
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif)
    pixels = read_photograph(tmp_path / f"a{suffix}")
    assert pixels.shape == (32, 16, 3)
    assert pixels[:16].max() == 0 and pixels[16:].min() == 255


@pytest.mark.parametrize("number_type", [np.uint8, np.uint16])
def test_downscaling_averages_areas_and_keeps_the_number_type(tmp_path, number_type):
    rgb = np.zeros((5, 4, 3), number_type)
    rgb[0:2, 0:2] = np.array([[10, 20], [30, 40]])[..., None]
    cv2.imwrite(str(tmp_path / "a.png"), rgb[:4])
    pixels = read_photograph(tmp_path / "a.png", 2)
    assert pixels.dtype == number_type
    np.testing.assert_array_equal(pixels[..., 0], [[25, 0], [0, 0]])


def test_sizes_are_rounded_down_when_downscaling(write_grey):
    assert read_photograph(write_grey("a.png", size=(7, 9)), 2).shape == (3, 4, 3)


@pytest.mark.parametrize("factor", [0, -2])
def test_downscale_factor_below_one_is_refused(write_grey, factor):
    with pytest.raises(NeucamError, match=f"--downscale-factor {factor}: expected a whole number from 1"):
        read_photograph(write_grey("a.png"), factor)


def test_downscale_factor_that_leaves_no_pixels_is_refused(write_grey):
    with pytest.raises(NeucamError, match=r"--downscale-factor 7 leaves no pixels of .*a\.png \(8x6\): lower it"):
        read_photograph(write_grey("a.png", size=(6, 8)), 7)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "png"), ("a.png", "jpeg"), ("a.jpg", "tiff"), ("a.tif", "png"), ("a.JPEG", "jpeg")]
)
def test_what_a_file_holds_counts_not_its_suffix(tmp_path, name, kind):
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(tmp_path / name, format=kind)
    np.testing.assert_array_equal(read_photograph(tmp_path / name), np.full((8, 8, 3), 77))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize(("kind", "called"), [("gif", "GIF"), ("bmp", "BMP"), ("jpeg2000", "JPEG 2000")])
def test_what_is_not_read_is_named_whatever_its_suffix(tmp_path, name, kind, called):
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(tmp_path / name, format=kind)
    message = rf"{name}: the file holds {called} data, which is not read\. Convert it to PNG, TIFF or JPEG\."
    with pytest.raises(NeucamError, match=message):
        read_photograph(tmp_path / name)


@pytest.mark.parametrize(
    ("start", "called"),
    [
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"8BPS", "Photoshop"),
    ],
)
def test_what_cannot_be_written_here_is_named_by_its_start(tmp_path, start, called):
    (tmp_path / "a.jpg").write_bytes(start + bytes(100))
    with pytest.raises(NeucamError, match=rf"a\.jpg: the file holds {called} data"):
        read_photograph(tmp_path / "a.jpg")


def test_integer_types_of_more_than_16_bits_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 3), np.uint32), photometric="rgb")
    with pytest.raises(NeucamError, match=r"a\.tif"):
        read_photograph(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 0.95])
def test_cut_off_file_is_named(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(NeucamError, match=rf"a\{suffix}: broken or unreadable file .*Copy it again"):
        read_photograph(path)


def test_raw_is_developed_linearly_to_16_bit_with_one_gain_for_all_frames(write_dng):
    dark = read_photograph(write_dng("dark.dng", np.full((64, 96), 1000)))
    bright = read_photograph(write_dng("bright.dng", np.full((64, 96), 8000)))
    assert dark.dtype == np.uint16 and dark.shape == (64, 96, 3)
    np.testing.assert_allclose(bright[8:-8, 8:-8].mean() / dark[8:-8, 8:-8].mean(), 8.0, rtol=1e-3)


def test_raw_brightness_does_not_depend_on_the_brightest_pixel(write_dng):
    mosaic = np.full((64, 96), 2000)
    without = read_photograph(write_dng("a.dng", mosaic))[:, :32]
    mosaic[:, 64:] = 14000  # above three quarters of the white level
    np.testing.assert_allclose(read_photograph(write_dng("b.dng", mosaic))[8:-8, 8:32], without[8:-8, 8:], atol=1)


def test_raw_orientation_is_applied(write_dng):
    assert read_photograph(write_dng("a.dng", np.full((64, 96), 1000), orientation=6)).shape == (96, 64, 3)


@pytest.mark.parametrize("content", [b"", b"not a photograph" * 50], ids=["empty", "text"])
def test_broken_raw_is_named(tmp_path, content):
    (tmp_path / "a.dng").write_bytes(content)
    with pytest.raises(NeucamError, match=r"a\.dng: broken or unreadable file \([A-Z][^']*\)\."):
        read_photograph(tmp_path / "a.dng")


@pytest.mark.parametrize(
    ("names", "linear"),
    [(("a.dng", "b.NEF"), True), (("a.tif", "b.jpg"), False), (("clip.npy.frames/00000.png",), False)],
)
def test_only_raw_files_are_known_to_hold_linear_light(names, linear):
    assert hold_linear_light([Path(name) for name in names]) == linear


def test_raw_files_among_others_are_refused():
    message = r"b\.tif: no RAW file, as a\.dng is\. .* share no camera response .* export all frames alike"
    with pytest.raises(NeucamError, match=message):
        hold_linear_light([Path("a.dng"), Path("b.tif")])


@pytest.mark.parametrize(
    ("names", "read", "note"),
    [
        ("IMG_1.HEIC IMG_1.JPG IMG_2.HEIC", "IMG_1.HEIC IMG_2.HEIC", "Read the HEIF files, not the 1 JPEGs of"),
        ("A.ARW A.HIF A.JPG B.ARW", "A.ARW B.ARW", "Read the RAW files, not the 1 HEIF files of"),
        (
            "PXL_1.RAW-01.COVER.jpg PXL_1.RAW-02.ORIGINAL.dng PXL_2.RAW-01.MP.COVER.jpg PXL_2.RAW-02.ORIGINAL.dng",
            "PXL_1.RAW-02.ORIGINAL.dng PXL_2.RAW-02.ORIGINAL.dng",
            "Read the RAW files, not the 2 JPEGs of",
        ),
        (
            "PXL_1.PORTRAIT-01.COVER.jpg PXL_1.PORTRAIT-02.ORIGINAL.jpg PXL_2.jpg",
            "PXL_1.PORTRAIT-02.ORIGINAL.jpg PXL_2.jpg",
            "as taken, not what the phone made of them: PXL_1.PORTRAIT-01.COVER.jpg.",
        ),
        (
            "IMG_0012.HEIC IMG_E0012.HEIC PXL_1.MP.jpg PXL_1.MP~2.jpg",
            "IMG_0012.HEIC PXL_1.MP.jpg",
            "as taken, not what the phone made of them: IMG_E0012.HEIC and 1 others.",
        ),
        ("IMG_E0012.HEIC IMG_E0013.HEIC a~1.png a~2.png", "IMG_E0012.HEIC IMG_E0013.HEIC a~1.png a~2.png", None),
    ],
)
def test_one_file_of_each_photograph_is_read(names, read, note):
    kept, said = one_file_per_frame(list(map(Path, names.split())))
    assert [path.name for path in kept] == read.split()
    assert said is None if note is None else said is not None and note in said


def test_bursts_of_phones_are_in_the_order_they_were_taken(tmp_path):
    names = [
        "00000IMG_00000_BURST20230712101500123.jpg",
        "00002IMG_00002_BURST20230712101500123_COVER.jpg",
        "00010IMG_00010_BURST20230712101500123.jpg",
        "PXL_20230712_101500123.MP.jpg",
        "PXL_20230712_101501004.jpg",
    ]
    for name in reversed(names):
        (tmp_path / name).touch()
    paths, note = one_file_per_frame(find_photographs(tmp_path))
    assert [path.name for path in paths] == names and note is None


def test_copies_are_left_out_and_other_pictures_of_such_names_are_not(tmp_path, write_grey):
    for name, value in (("a.png", 50), ("a (1).png", 50), ("a copy.png", 50), ("a (2).png", 90), ("b 2.png", 50)):
        write_grey(name, value)
    kept, note = one_file_per_frame(find_photographs(tmp_path))
    assert sorted(path.name for path in kept) == ["a (2).png", "a.png", "b 2.png"]
    assert note == "Left out, as they are copies: a (1).png, a copy.png."


@pytest.mark.parametrize(("least_side", "factor"), [(32, 8), (33, 4), (200, 1)])
def test_a_jpeg_is_decoded_as_many_times_smaller_as_is_wanted(tmp_path, least_side, factor):
    ramp = np.broadcast_to(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (64, 256, 3))
    write_image(tmp_path / "a.jpg", ramp / np.float32(255))
    whole, small = (
        read_photograph(tmp_path / "a.jpg"),
        reduced_jpeg_reader(tmp_path / "a.jpg", least_side)(tmp_path / "a.jpg"),
    )
    assert small.shape == (64 // factor, 256 // factor, 3)
    expected = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).max() <= 3
