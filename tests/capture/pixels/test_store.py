"""Pixels behind a capture: lazy, within a budget, read only, and as the files have them."""

from __future__ import annotations

import math
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels import source
from neucam_nerfstudio.capture.pixels.memory import PICTURE_PIXEL_BYTES, PROCESS_BYTES, SHARE_OF_FRAMES, MemoryBudget
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.errors import NeucamError

from ..still_scene import expose, place, similarity, texture


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the photographs that were decoded."""
    names: list[str] = []

    def read(path: Path, *arguments, **options) -> np.ndarray:
        names.append(path.name)
        return real(path, *arguments, **options)

    real = source.read_photograph
    monkeypatch.setattr(source, "read_photograph", read)
    return names


@pytest.fixture
def breathing(tmp_path) -> Path:
    """Three focus settings at two exposures; the lens shows less of the scene at the first, and more at the last."""
    scene = texture(150, 220)
    for focus, (scale, blur_px) in enumerate(((1.02, 1.0), (1.0, 0.0), (0.985, 1.2))):
        for number, stops in enumerate((-1, 1)):
            seen = expose(
                place(scene, similarity(scale, (1.5, -0.5), 150, 220) if scale != 1 else np.eye(3)), stops, blur_px
            )
            cv2.imwrite(str(tmp_path / f"F{focus}E{number}.png"), seen[..., ::-1])
    (tmp_path / "exposure.txt").write_text("-1 1")
    return tmp_path


def saved_and_opened(capture: Capture, folder: Path, **options) -> PixelStore:
    capture.save(folder / "run" / "capture.json")
    return PixelStore(Capture.load(folder / "run" / "capture.json"), **options)


def test_frames_are_stacked_in_order_in_their_own_type(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((4, 6), 40000 + 1000 * index, np.uint16))
    stack = open_capture(tmp_path, frames="moments")[1].stack(range(5))
    assert stack.dtype == np.uint16 and stack.shape == (5, 4, 6, 3)
    assert stack[:, 0, 0, 0].tolist() == [40000, 41000, 42000, 43000, 44000]


def test_other_size_is_refused(tmp_path, write_grey):
    write_grey("a.png"), write_grey("b.png", size=(6, 9))
    with pytest.raises(
        NeucamError, match=r"b\.png: the frame is 9x6 pixels, others are 8x6.*crop or export them alike"
    ):
        open_capture(tmp_path)


def test_size_that_differs_by_exif_orientation_alone_says_so(tmp_path, write_grey):
    exif = Image.Exif()
    exif[0x0112] = 8
    write_grey("a.png")
    Image.new("RGB", (8, 6)).save(tmp_path / "b.jpg", exif=exif)
    with pytest.raises(NeucamError, match=r"6x8 pixels, others are 8x6.* \(orientation 8 of b\.jpg, 1 of a\.png\)\."):
        open_capture(tmp_path)


def test_other_bit_depth_is_refused(tmp_path, write_grey):
    write_grey("a.png")
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((6, 8, 3), np.uint16))
    with pytest.raises(NeucamError, match=r"b\.png: pixels are uint16, those of others are uint8.*in one format"):
        open_capture(tmp_path)


def test_frame_of_a_video_of_another_size_is_refused(tmp_path):
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index, size in enumerate([(48, 64), (48, 64), (32, 64)]):
            picture = cv2.imencode(".jpg", np.full((*size, 3), 90, np.uint8))[1].tobytes()
            packet = av.Packet(picture)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, index, index, True
            container.mux(packet)
    assert open_capture(tmp_path / "clip.mkv", frames="moments", frame_range=(0, 2))[1].stack([0, 1]).shape == (
        2,
        48,
        64,
        3,
    )
    with pytest.raises(NeucamError, match=r"clip\.mkv\.frames/00002\.png: the frame is 64x32 pixels, others are 64x48"):
        open_capture(tmp_path / "clip.mkv", frames="moments")


def test_one_other_pixel_is_a_difference(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    for index in range(2):
        cv2.imwrite(str(tmp_path / f"F{index}.png"), pixels)
    pixels[1, 1, 1] = 1
    cv2.imwrite(str(tmp_path / "F2.png"), pixels)
    open_capture(tmp_path)


def test_a_frame_is_an_array_in_waiting(tiny_desk, tmp_path, decoded):
    store = saved_and_opened(open_capture(tiny_desk)[0], tmp_path)
    decoded.clear()
    frame = store[4]
    assert (frame.shape, frame.dtype, len(frame), decoded) == ((60, 90, 3), np.uint8, 60, [])
    pixels = cv2.imread(str(tiny_desk / "F1E1.png"))[..., ::-1]
    np.testing.assert_array_equal(frame[10:20], pixels[10:20])
    np.testing.assert_array_equal(frame[10:20, 5:9], pixels[10:20, 5:9])
    np.testing.assert_array_equal(frame[...], pixels)
    np.testing.assert_array_equal(np.asarray(frame), pixels)
    assert np.asarray(frame, np.float32).dtype == np.float32
    assert decoded == ["F1E1.png"]
    with pytest.raises(IndexError):
        store[9]


def test_what_is_given_out_is_read_only(tiny_desk):
    _, store = open_capture(tiny_desk)
    for pixels in (store[0][...], store[0][:5], np.asarray(store[1]), store.stack([0, 1]), store.whole(0)):
        assert not pixels.flags.writeable


def test_a_scan_decodes_each_photograph_once_and_the_store_goes_on_with_them(tiny_desk, decoded):
    capture, store = open_capture(tiny_desk)
    assert sorted(decoded) == [frame.path.name for frame in capture.frames]
    store.stack(capture.train_indices)
    assert len(decoded) == 9


def test_16_bit_files_of_fewer_bits_are_decoded_once_too(tmp_path, decoded):
    for index, value in enumerate((1000, 1500, 500, 4095)):
        cv2.imwrite(str(tmp_path / f"F{index}.tif"), np.full((4, 6, 3), value, np.uint16))
    capture, store = open_capture(tmp_path)
    assert store.stack(range(4))[:, 0, 0, 0].tolist() == [16004, 24005, 8002, 65535] and len(decoded) == 4
    assert capture.white_level == 4095
    assert (saved_and_opened(capture, tmp_path)[0][...] == 16004).all()


def test_a_stack_is_shared_while_it_is_held(tiny_desk, decoded):
    _, store = open_capture(tiny_desk)
    stack = store.stack([0, 1, 2])
    assert store.stack((0, 1, 2)) is stack and np.shares_memory(store[1][...], stack[1])
    del stack
    decoded.clear()
    np.testing.assert_array_equal(store[1][...], cv2.imread(str(tiny_desk / "F0E1.png"))[..., ::-1])
    assert decoded == ["F0E1.png"], "nothing was held twice"


@pytest.mark.parametrize("frames", ["settings", "moments"])
def test_a_hundred_frames_stay_in_the_budget(tmp_path, decoded, frames):
    side = 256
    frame_bytes = side * side * 3
    for index in range(100):
        picture = np.full((side, side, 3), 90 + index % 2, np.uint8)
        cv2.imwrite(str(tmp_path / f"{index:03d}.png"), picture)
    open_capture(tmp_path, frames=frames, frame_range=(0, 3))  # imports are no pixels
    decoded.clear()
    # Measured of each, in bytes: 256 x 256 of detail and of ranks, 32 x 32 x 8 of its strength, 4096 x 6 of values that
    # occur; thumbnails of 64 x 64 x 3.
    measured = 100 * {"settings": 180_000, "moments": 15_000}[frames]
    num_at_once = 2 * source.num_readers("photographs")
    tracemalloc.start()
    try:
        _, store = open_capture(tmp_path, frames=frames, budget_bytes=4 * frame_bytes)
        assert tracemalloc.get_traced_memory()[1] < measured + (16 + num_at_once) * frame_bytes
        for index in range(100):
            store[index][:8]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 8 * frame_bytes
    assert len(decoded) <= 200, "once by the scan, once again where the budget was too small"


def test_tiles_are_parts_of_the_whole_and_aligned(breathing):
    capture, store = open_capture(breathing)
    moved = [index for index, frame in enumerate(capture.frames) if frame.alignment.value]
    assert moved == [0, 1, 4, 5]
    again = saved_and_opened(capture, breathing)
    for index in range(6):
        whole = store[index][...]
        tiles = [again[index][top : top + 37] for top in range(0, 150, 37)]
        np.testing.assert_array_equal(np.concatenate(tiles), whole)
        np.testing.assert_array_equal(again[index][20:90, 100:], whole[20:90, 100:])
        on_disk = cv2.imread(str(capture.frames[index].path))[..., ::-1]
        assert np.array_equal(whole, on_disk) == (index not in moved)


def test_an_aligned_frame_does_not_cover_what_lies_beyond_its_border(breathing):
    capture, store = open_capture(breathing)
    whole = [store.coverage(index) for index in (2, 3, 4, 5)]  # the last focus setting shows more of the scene
    assert whole[:2] == [None, None]
    narrow = store.coverage(0)  # the first less: 1.02 times as large
    assert narrow is None or narrow[20:-20, 20:-20].all()
    for index in range(6):
        covered, pixel_map = store.coverage(index), capture.frames[index].alignment.value
        if covered is not None:
            corners = np.array([(x, y, 1) for x in (0, 219) for y in (0, 149)]) @ np.array(pixel_map).T
            beyond = ((corners[:, :2] < -0.5) | (corners[:, :2] > (219.5, 149.5))).any(-1)
            np.testing.assert_array_equal(covered[[0, -1, 0, -1], [0, 0, -1, -1]], ~beyond)
    assert any(store.coverage(index) is not None for index in range(6))
    assert "No light is taken from where a frame shows nothing" in capture.scan_notes[-1]


@pytest.mark.parametrize("factor", [1, 2])
def test_transparent_pixels_are_not_covered_and_hold_their_neighbours(tmp_path, factor):
    for index in range(2):
        rgba = np.dstack([texture(24, 32), np.full((24, 32), 255, np.uint8)])
        rgba[:5] = 0 if index else rgba[:5]
        cv2.imwrite(str(tmp_path / f"F{index}.png"), rgba)
    capture, store = open_capture(tmp_path, downscale_factor=factor, align="off")
    assert store.coverage(0) is None
    covered = store.coverage(1)
    assert covered.shape == (capture.height, capture.width)
    assert covered.all(1).tolist() == [row * factor >= 5 for row in range(24 // factor)] and covered.any(1).sum() < 24
    first = int(covered[:, 0].argmax())
    np.testing.assert_array_equal(store[1][0], store[1][first])
    assert store.coverages([0]) is None
    np.testing.assert_array_equal(store.coverages([0, 1]), [np.ones_like(covered), covered])
    assert "F1 (" in capture.scan_notes[-1] and "missing" in capture.scan_notes[-1]


def test_aligned_frames_are_the_same_whatever_the_budget(breathing):
    capture, store = open_capture(breathing)
    stack = store.stack(range(6))
    small = saved_and_opened(capture, breathing, budget_bytes=0)
    np.testing.assert_array_equal(small.stack(range(6)), stack)
    np.testing.assert_array_equal(np.stack([small[index][...] for index in reversed(range(6))])[::-1], stack)


def room_for(num_frames: int, height: int = 150, width: int = 220) -> MemoryBudget:
    """A budget that holds so many frames of 8 bits, of these and no more."""
    of_frames = 3 * num_frames / SHARE_OF_FRAMES
    return MemoryBudget(PROCESS_BYTES + math.ceil(height * width * (PICTURE_PIXEL_BYTES + of_frames)))


@pytest.mark.parametrize("num_held", [0, 2, 6])
def test_beyond_a_memory_budget_each_file_is_still_decoded_once_and_frames_are_the_same(breathing, decoded, num_held):
    expected = open_capture(breathing)[1].stack(range(6))
    decoded.clear()
    capture, store = open_capture(breathing, memory=room_for(num_held))
    store.make_ready(range(6), lambda share: None, 1 << 30)
    for _ in range(2):
        for index in range(6):
            np.testing.assert_array_equal(store[index][40:90, 30:100], expected[index, 40:90, 30:100])
    np.testing.assert_array_equal(store.stack(range(6)), expected)
    assert sorted(decoded) == [frame.path.name for frame in capture.frames]


def test_what_is_kept_on_disk_is_said(breathing):
    _, store = open_capture(breathing, memory=room_for(2))
    store.make_ready(range(6), lambda share: None, 1 << 30)
    assert store.scratch_note().startswith("4 of 6 photographs were kept in a temporary file in ")
    assert open_capture(breathing, memory=room_for(6))[1].scratch_note() is None


def test_a_manifest_is_read_within_a_memory_budget_too(breathing, decoded):
    capture, store = open_capture(breathing)
    capture.save(breathing / "run" / "capture.json")
    decoded.clear()
    shares = []
    _, again = open_capture(breathing / "run" / "capture.json", memory=room_for(1))
    again.make_ready(range(6), shares.append, 1 << 30)
    np.testing.assert_array_equal(again.stack(range(6)), store.stack(range(6)))
    assert len(decoded) == 6 and shares[-1] == 1


def test_16_bit_values_of_a_sensor_are_scaled_on_disk_too(tmp_path, decoded):
    for index, value in enumerate((1000, 1500, 500, 4095)):
        cv2.imwrite(str(tmp_path / f"F{index}.tif"), np.full((4, 6, 3), value, np.uint16))
    _, store = open_capture(tmp_path, memory=MemoryBudget(0))
    assert store.stack(range(4))[:, 0, 0, 0].tolist() == [16004, 24005, 8002, 65535] and len(decoded) == 4


def test_parts_of_a_coverage_are_those_of_the_whole(breathing):
    _, store = open_capture(breathing)
    for index in range(6):
        covered, parts = store.coverage(index), store.stored_coverage(index)
        assert (covered is None) == (parts is None)
        if covered is not None:
            np.testing.assert_array_equal(parts[100:, 50:170], covered[100:, 50:170])
            np.testing.assert_array_equal(np.asarray(parts, np.float32), covered.astype(np.float32))
    assert any(store.stored_coverage(index) is not None for index in range(6))


def test_threads_may_share_a_store(breathing, decoded):
    store = saved_and_opened(open_capture(breathing)[0], breathing)
    decoded.clear()
    begin = threading.Barrier(12)

    def look(number: int) -> int:
        begin.wait()
        return int(store[number % 6][...].sum())

    with ThreadPoolExecutor(12) as pool:
        sums = list(pool.map(look, range(12)))
    assert sums[:6] == sums[6:] and len(decoded) <= 8, "at most a frame that others are aligned with is read again"


def test_frames_of_a_video_are_decoded_one_after_the_other(write_video, monkeypatch):
    capture, _ = open_capture(write_video("clip.mp4"), frames="moments", frame_stride=2)
    store = PixelStore(capture)
    opened: list[Path] = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda path, *rest, **options: opened.append(path) or real(path, *rest, **options))
    numbers = [round((int(store[index][4:12, 4:12].mean()) - 20) / 15) for index in range(6)]
    assert numbers == [0, 2, 4, 6, 8, 10] and len(opened) == 3, "its index, its first frames, and all of them"


def test_photographs_that_moved_are_missed_only_when_they_are_looked_at(tiny_capture, tmp_path):
    capture, _ = open_capture(tiny_capture)
    capture.save(tmp_path / "run" / "capture.json")
    tiny_capture.rename(tmp_path / "elsewhere")
    store = PixelStore(Capture.load(tmp_path / "run" / "capture.json"))
    assert store[0].shape == (60, 90, 3)
    said = r"TinyDesk/F0E0\.png: is not there\. .* let `data` in .*run/capture\.json or --data say where"
    with pytest.raises(NeucamError, match=said):
        store[0][...]
    moved = Capture.load(tmp_path / "run" / "capture.json", tmp_path / "elsewhere")
    assert PixelStore(moved).stack([0]).shape == (1, 60, 90, 3)
    assert moved.radiance_truth[0] == tmp_path / "elsewhere" / "gt" / "all_in_focus_hdr.exr"


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (np.zeros((61, 90, 3), np.uint8), "90x61 pixels, uint8"),
        (np.zeros((60, 90, 3), np.uint16), "90x60 pixels, uint16"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_refused(tiny_capture, tmp_path, other, found):
    store = saved_and_opened(open_capture(tiny_capture)[0], tmp_path)
    cv2.imwrite(str(tiny_capture / "F1E0.png"), other)
    said = rf"F1E0\.png: has changed since the capture was scanned: {found}; it had 90x60, uint8\. Put the file back"
    with pytest.raises(NeucamError, match=said):
        store[3][:4]


def test_downscaled_frames_are_what_they_were(tiny_desk, tmp_path):
    capture, store = open_capture(tiny_desk, downscale_factor=4)
    assert store[0].shape == (15, 22, 3)
    np.testing.assert_array_equal(saved_and_opened(capture, tmp_path)[0][...], store[0][...])


def test_raw_files_are_developed_as_they_were(tmp_path, write_dng):
    for index, neutral in enumerate(((0.5, 1, 0.8), (0.8, 1, 0.5))):
        write_dng(f"F{index}.dng", np.full((64, 96), 2000 + 100 * index), neutral=neutral)
    capture, store = open_capture(tmp_path)
    assert capture.white_balance is not None and capture.linear_light
    np.testing.assert_array_equal(saved_and_opened(capture, tmp_path)[1][...], store[1][...])
