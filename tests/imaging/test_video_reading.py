"""Videos of any container and codec: exact frames in order, upright, in true colours, and what is said of them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.imaging.colour_profiles import BT2020, primaries_of_profile
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.video_frames import upright_rgb
from neucam_nerfstudio.imaging.video_index import open_video
from neucam_nerfstudio.imaging.video_reading import VideoFile
from neucam_nerfstudio.photometry import decode_srgb

from .made_videos import ffmpeg, numbers_shown, read

BT_601, BT_709 = (0.299, 0.114), (0.2126, 0.0722)
VIDEO_LEVELS, FULL_LEVELS = 1, 2


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "number_type"),
    [
        ("clip.mp4", "libx264", "yuv420p", np.uint8),
        ("clip.m4v", "libx264", "yuv444p", np.uint8),
        ("clip.MOV", "libx265", "yuv420p10le", np.uint16),
        ("clip.mov", "prores_ks", "yuv422p10le", np.uint16),
        ("clip.avi", "mjpeg", "yuvj420p", np.uint8),
        ("other.avi", "mpeg4", "yuv420p", np.uint8),
        ("clip.webm", "libvpx", "yuv420p", np.uint8),
        ("other.webm", "libvpx-vp9", "yuv420p", np.uint8),
        ("clip.mkv", "libx264", "yuv420p", np.uint8),
        ("deep.mkv", "ffv1", "gbrp16le", np.uint16),
    ],
)
def test_frames_come_in_the_order_they_are_shown(write_video, name, codec, pixel_format, number_type):
    path = write_video(name, codec, pixel_format)
    source = VideoFile(path)
    assert len(source.paths) == 12 and source.frame_rate == 30.0
    frames = read(source, range(12))
    assert frames.dtype == number_type and frames.shape == (12, 48, 64, 3)
    assert numbers_shown(frames) == list(range(12))


def test_each_frame_has_a_path_of_its_own_beside_the_video(write_video):
    path = write_video("clip.mp4")
    source = VideoFile(path)
    assert source.paths[7] == path.parent / "clip.mp4.frames" / "00007.png" and len(set(source.paths)) == 12
    assert list(path.parent.iterdir()) == [path], "nothing is written to disk"


def test_frames_can_be_asked_for_in_any_order(write_video):
    assert numbers_shown(read(VideoFile(write_video("clip.mp4")), [9, 2, 2, 4, 11, 0])) == [9, 2, 2, 4, 11, 0]


def test_frames_in_order_are_decoded_once(write_video, monkeypatch):
    source, opened = VideoFile(write_video("clip.mp4")), []
    monkeypatch.setattr(
        "neucam_nerfstudio.imaging.video_reading.open_video", lambda path: opened.append(path) or open_video(path)
    )
    read(source, [0, 1, 5, 11])
    assert len(opened) == 1
    read(source, [3])
    assert len(opened) == 2


def test_8_bit_rgb_is_kept_exactly(write_video):
    frames = read(VideoFile(write_video("clip.mkv", "ffv1", "bgr0")), [0, 11])
    assert frames[:, 0, 0].tolist() == [[20] * 3, [185] * 3]
    assert frames[0, 40, :, 1].tolist() == np.linspace(60, 200, 64).astype(np.uint8).tolist()


def yuv_frame(luma: int, blue: int, red: int, levels: int, matrix: int, bits: int = 8) -> av.VideoFrame:
    """An even frame of these code values, tagged with its levels and matrix (1 is BT.709, 5 is BT.601)."""
    frame = av.VideoFrame(64, 48, "yuv420p" if bits == 8 else f"yuv420p{bits}le")
    number_type = np.uint8 if bits == 8 else np.uint16
    for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
        plane.update(np.full(plane.buffer_size // number_type().itemsize, value, number_type).tobytes())
    frame.color_range, frame.colorspace = levels, matrix
    return frame


def rgb_of(luma: int, blue: int, red: int, levels: int, luma_weights: tuple[float, float], bits: int = 8) -> np.ndarray:
    """RGB in [0, 1] of code values by ITU-R BT.601 or BT.709."""
    (red_weight, blue_weight), unit = luma_weights, 2 ** (bits - 8)
    black, luma_range, colour_range = (0, 256 - 1 / unit, 256 - 1 / unit) if levels == FULL_LEVELS else (16, 219, 224)
    y, cb, cr = (
        (luma / unit - black) / luma_range,
        (blue / unit - 128) / colour_range,
        (red / unit - 128) / colour_range,
    )
    r, b = y + 2 * (1 - red_weight) * cr, y + 2 * (1 - blue_weight) * cb
    return np.array([r, (y - red_weight * r - blue_weight * b) / (1 - red_weight - blue_weight), b])


@pytest.mark.parametrize(("matrix", "weights"), [(1, BT_709), (5, BT_601)])
@pytest.mark.parametrize("levels", [VIDEO_LEVELS, FULL_LEVELS])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_colours_are_those_that_the_standards_define(matrix, weights, levels, bits):
    unit = 2 ** (bits - 8)
    codes = (120 * unit, 90 * unit, 170 * unit)
    pixels = upright_rgb(yuv_frame(*codes, levels, matrix, bits))
    white = np.iinfo(pixels.dtype).max
    tolerance = 0.7 / 255 if bits == 8 else 0.0015
    np.testing.assert_allclose(pixels[20, 20] / white, rgb_of(*codes, levels, weights, bits), atol=tolerance)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_white_of_video_levels_is_white(bits):
    unit = 2 ** (bits - 8)
    black, white = (upright_rgb(yuv_frame(y * unit, 128 * unit, 128 * unit, 1, 1, bits))[0, 0] for y in (16, 235))
    assert black.tolist() == [0, 0, 0] and white.tolist() == [np.iinfo(white.dtype).max] * 3


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(90, 1), (-90, 3), (180, 2)])
def test_phone_videos_are_turned_upright(write_video, tmp_path, degrees, quarter_turns):
    upright = read(VideoFile(write_video("clip.mp4")), [3])[0]
    ffmpeg("-display_rotation", degrees, "-i", tmp_path / "clip.mp4", "-c", "copy", tmp_path / "phone.mp4")
    np.testing.assert_array_equal(read(VideoFile(tmp_path / "phone.mp4"), [3])[0], np.rot90(upright, quarter_turns))


def write_streams(path: Path, sizes: Sequence[tuple[int, int]], **metadata: str) -> Path:
    """A file with several videos of grey frames, each as bright as its number is high."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        streams = [container.add_stream("libx264", rate=25) for _ in sizes]
        for stream, size in zip(streams, sizes, strict=True):
            (stream.height, stream.width), stream.pix_fmt = size, "yuv420p"
        container.start_encoding()
        for number, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
            for _ in range(4):
                grey = np.full((*size, 3), 50 + 50 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("sizes", "chosen", "said"),
    [
        ([(48, 64), (96, 128), (32, 48)], 1, "holds 3 videos (64x48, 128x96, 48x32): the largest is used, stream 1."),
        ([(48, 64), (48, 64)], 0, "holds 2 videos (64x48, 64x48): the first is used, stream 0."),
    ],
)
def test_of_several_videos_in_a_file_the_largest_is_taken(tmp_path, sizes, chosen, said):
    source = VideoFile(write_streams(tmp_path / "clip.mkv", sizes))
    assert source.notes == [f"clip.mkv {said}"]
    frame = source.frame(2)
    assert frame.shape == (*sizes[chosen], 3) and abs(int(frame[5, 5, 0]) - 50 - 50 * chosen) <= 2


def test_hlg_becomes_light_and_its_frames_keep_the_primaries(tmp_path):
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": "lossless=1:log-level=none"})
        (stream.height, stream.width), stream.pix_fmt = (48, 64), "yuv420p10le"
        coder = stream.codec_context
        coder.color_primaries, coder.color_trc, coder.colorspace = 9, 18, 9
        for _ in range(3):
            half = np.full((48, 64, 3), 32768, np.uint16)
            frame = av.VideoFrame.from_ndarray(half, format="rgb48le")
            container.mux(stream.encode(frame.reformat(format="yuv420p10le", dst_colorspace=9)))
        container.mux(stream.encode(None))
    source = VideoFile(path)
    assert source.notes == [
        "clip.mov: its colours are those of BT.2020, and stay so; its HLG signal is brought to light by the standard's"
        " curve."
    ]
    np.testing.assert_allclose(decode_srgb(source.frame(1) / 65535), 1 / 12, rtol=0.02)
    profile = read_metadata(source.paths[1]).icc_profile
    assert profile is not None
    np.testing.assert_allclose(np.array(primaries_of_profile(profile)), np.array(BT2020), atol=2e-3)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"creation_time": "2024-05-12T16:30:00.000000Z"}, (b"2024:05:12 16:30:00\0", b"+00:00\0")),
        ({}, None),
    ],
)
def test_frames_tell_when_the_video_was_taken(tmp_path, metadata, told):
    source = VideoFile(write_streams(tmp_path / "clip.mp4", [(48, 64)], **metadata))
    exif = read_metadata(source.paths[0]).exif
    if told is None:
        assert exif is None
    else:
        assert exif is not None and tuple(tag.content for tag in exif.folders[34665].values()) == told


def test_pixels_that_are_not_square_are_said(tmp_path):
    path = tmp_path / "dv.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        (stream.height, stream.width), stream.pix_fmt = (48, 64), "yuv420p"
        stream.sample_aspect_ratio = Fraction(16, 15)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    source = VideoFile(path)
    assert len(source.notes) == 1 and source.notes[0].startswith(
        "dv.mp4: its pixels are not square, 16:15 wide to high"
    )
    assert source.frame(1).shape == (48, 64, 3)


def test_a_cover_is_no_video_though_it_is_larger(tmp_path, write_video):
    whole = write_video("clip.mp4")
    Image.new("RGB", (640, 480), (255, 0, 0)).save(tmp_path / "cover.png")
    streams = ("-map", 0, "-map", 1, "-c", "copy", "-disposition:v:1", "attached_pic")
    ffmpeg("-i", whole, "-i", tmp_path / "cover.png", *streams, tmp_path / "covered.mp4")
    source = VideoFile(tmp_path / "covered.mp4")
    assert source.notes == [] and len(source.paths) == 12
    np.testing.assert_array_equal(source.frame(5), VideoFile(whole).frame(5))
