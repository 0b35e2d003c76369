import os
import sys

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import BT2020
from neucam_nerfstudio.imaging.hdr_display_files import (
    AVIF_OPTIONS,
    pq_from_light,
    scheduled_as_before,
    write_hdr_picture,
)

from .test_colour_profiles import DISPLAY_P3, PROPHOTO


@pytest.fixture
def light() -> np.ndarray:
    """Smooth light from a hundredth of white to ten times white."""
    across, down = np.linspace(-2, 1, 64), np.linspace(0, 0.3, 48)[:, None]
    grey = 10 ** (across + down - 0.3)
    return (grey[..., None] * np.array([1.0, 0.8, 0.6])).astype(np.float32)


def test_pq_of_known_luminances():
    """Diffuse white of 203 cd/m2 is 0.5807 and the peak 1 (ITU-R BT.2408, table 1: 58 %); darkness is 0."""
    grey = np.array([0.0, 1.0, 10_000 / 203, 1e6])[:, None].repeat(3, 1)
    np.testing.assert_allclose(pq_from_light(grey), np.array([0.0, 0.5807, 1.0, 1.0])[:, None].repeat(3, 1), atol=2e-4)


def test_pq_of_a_colour_is_of_bt2020_primaries():
    red, white = pq_from_light(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert white[0] == pytest.approx(white[1]) == pytest.approx(white[2])
    assert red[0] > red[1] > red[2] > 0  # Rec. 709 red lies inside BT.2020


def test_pq_of_other_primaries():
    """BT.2020 red is PQ's own; white of any primaries is white."""
    of_bt2020 = pq_from_light(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), BT2020)
    np.testing.assert_allclose(of_bt2020, [[0.5807, 0, 0], [0.5807] * 3], atol=2e-4)
    of_prophoto = pq_from_light(np.ones((1, 3)), PROPHOTO)
    np.testing.assert_allclose(of_prophoto, 0.5807, atol=2e-4)


@pytest.mark.parametrize("suffix", [".png", ".avif"])
def test_files_hold_colours_converted_from_their_primaries(tmp_path, suffix):
    light = np.broadcast_to(np.float32([2.0, 0.5, 0.1]), (32, 48, 3))
    write_hdr_picture(tmp_path / f"a{suffix}", light, DISPLAY_P3)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb48le") / 65535
    expected = pq_from_light((DISPLAY_P3.to(BT2020) @ [2.0, 0.5, 0.1])[None], BT2020)[0]
    np.testing.assert_allclose(stored[16, 24], expected, atol=0.01)


def test_png_holds_pq_values_and_says_so(tmp_path, light):
    write_hdr_picture(tmp_path / "hdr.png", light)
    stored = cv2.imread(str(tmp_path / "hdr.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert stored.dtype == np.uint16
    np.testing.assert_allclose(stored / 65535, pq_from_light(light), atol=1 / 65535)
    header = (tmp_path / "hdr.png").read_bytes()[:80]
    assert header[header.index(b"cICP") + 4 :][:4] == bytes((9, 16, 0, 1))
    Image.open(tmp_path / "hdr.png").verify()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="Linux gives root alone real-time priority")
def test_avif_leaves_the_program_at_its_priority(tmp_path, light):
    """SVT-AV1 raises the thread that opens it, and its own; every process started later would inherit that."""
    before = os.sched_getscheduler(0)
    write_hdr_picture(tmp_path / "hdr.avif", light)
    assert os.sched_getscheduler(0) == before
    with av.open(str(tmp_path / "again.avif"), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options=AVIF_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        with scheduled_as_before():
            stream.codec_context.open()
        policies = [os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")]
        assert len(policies) > 4 and os.SCHED_FIFO not in policies


def test_avif_holds_pq_values_and_says_so(tmp_path, light):
    write_hdr_picture(tmp_path / "hdr.avif", light[:47])
    with av.open(str(tmp_path / "hdr.avif")) as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height, picture.format.name) == (64, 46, "yuv420p10le")
    assert (picture.color_primaries, picture.color_trc, picture.colorspace) == (9, 16, 9)
    stored = picture.to_ndarray(format="rgb48le") / 65535
    np.testing.assert_allclose(stored, pq_from_light(light[:46]), atol=0.02)


def test_equal_pictures_make_equal_avif_files(tmp_path):
    """Threads of libswscale would write over the first pixels of each other's rows, in pictures of some widths."""
    light = np.random.default_rng(0).uniform(0, 2, (90, 136, 3)).astype(np.float32)
    decoded = set()
    for _ in range(20):
        write_hdr_picture(tmp_path / "hdr.avif", light)
        with av.open(str(tmp_path / "hdr.avif")) as container:
            decoded.add(next(container.decode(video=0)).to_ndarray().tobytes())
    assert len(decoded) == 1


def test_ultra_hdr_is_a_jpeg_with_all_the_light_in_its_gain_map(tmp_path, light):
    pyvips = pytest.importorskip("pyvips")
    write_hdr_picture(tmp_path / "hdr.jpg", light)
    with Image.open(tmp_path / "hdr.jpg") as shown_by_others:
        assert shown_by_others.size == (64, 48) and shown_by_others.convert("RGB").getextrema()[0][1] <= 255
    whole = pyvips.Image.uhdrload(str(tmp_path / "hdr.jpg")).uhdr2scRGB().numpy()
    np.testing.assert_allclose(whole[4:-4, 4:-4], light[4:-4, 4:-4], rtol=0.15, atol=0.01)


def test_without_pyvips_it_says_how_to_get_it(tmp_path, light, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvips", None)
    with pytest.raises(NeucamError, match=r"pip install 'neucam-nerfstudio\[ultrahdr\]', or write PNG or AVIF"):
        write_hdr_picture(tmp_path / "hdr.jpg", light)
    assert list(tmp_path.iterdir()) == []


def test_another_suffix_lists_the_supported_ones(tmp_path, light):
    with pytest.raises(NeucamError, match=r"hdr\.heic.*supported: \.jpg, \.png, \.avif\."):
        write_hdr_picture(tmp_path / "hdr.heic", light)
