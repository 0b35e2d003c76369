"""`open_capture` of scenes and cameras that move: hand-held brackets, frame folders, videos, arrays."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.capture.settings.focus import FocusSettings
from neucam_nerfstudio.errors import NeucamError

from .opened import Opened, load_capture


def load(data: Path, **options) -> Opened:
    return load_capture(data, frames="moments", **options)


def exposures_of(capture: Opened) -> list[float]:
    return [capture.exposure_stops(index) for index in range(len(capture.frames))]


def write_tiff_bracket(folder: Path) -> Path:
    """Three 16-bit frames, -3, 0 and 3 stops, with `exposure.txt`, as in the published data."""
    for index, value in enumerate((5000, 20000, 60000)):
        cv2.imwrite(str(folder / f"frame_{index:03d}.tif"), np.full((6, 8, 3), value + index, np.uint16))
    (folder / "exposure.txt").write_text("-3\n0\n3\n")
    return folder


def test_hand_held_bracket_of_16_bit_tiff(tmp_path):
    capture = load(write_tiff_bracket(tmp_path))
    assert capture.moves and capture.times == (0.0, 0.5, 1.0) and capture.frame_rate is None
    assert capture.exposures == ExposureSettings((-3.0, 0.0, 3.0), "exposure.txt", "fix")
    assert capture.focuses == FocusSettings((0.0, 0.0, 0.0), "moments", "learn")
    assert [frame.focus_index for frame in capture.frames] == [0, 1, 2]
    assert capture.reference_index == 1 and capture.train_pixels.dtype == np.uint16
    assert capture.notes == ("Reference frame: frame_001, the middle one; --reference names another.",)


def test_hand_held_bracket_of_jpeg_with_exif(tmp_path, write_jpeg_with_exif):
    for name, value, time in (("IMG_1.jpg", 30, "1/8"), ("IMG_2.jpg", 100, 1), ("IMG_3.jpg", 240, 8)):
        write_jpeg_with_exif(name, value, time_s=time, f_number=8, iso=100, distance_m=2)
    capture = load(tmp_path)
    assert exposures_of(capture) == [-3, 0, 3] and capture.exposures.source == "EXIF"
    assert capture.focuses.positions == (0.0, 0.0, 0.0) and capture.frames[capture.reference_index].name == "IMG_2"


def test_video_whose_exposures_cycle(write_video):
    path = write_video("clip.mp4", num_frames=7, fps=24)
    (path.parent / "exposure.txt").write_text("-2 2")
    capture = load(path)
    assert (capture.data, capture.folder, capture.frame_rate) == (path, path.parent, 24.0)
    assert exposures_of(capture) == [-2, 2, -2, 2, -2, 2, -2]
    assert [frame.exposure_index for frame in capture.frames] == [0, 1, 0, 1, 0, 1, 0]
    assert [frame.focus_index for frame in capture.frames] == list(range(7))
    assert capture.times == pytest.approx([index / 6 for index in range(7)])
    assert capture.frames[capture.reference_index].name == "00003" and capture.train_pixels.shape == (7, 48, 64, 3)


def test_exposures_are_counted_off_before_frames_are_selected(write_video):
    path = write_video("clip.mkv", "ffv1", "bgr0")
    (path.parent / "exposure.txt").write_text("-1 0 1")
    capture = load(path, frame_range=(2, 9), frame_stride=2, downscale_factor=2)
    assert [frame.name for frame in capture.frames] == ["00002", "00004", "00006", "00008"]
    assert exposures_of(capture) == [1, 0, -1, 1]
    assert capture.times == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert capture.train_pixels[:, 0, 0, 0].tolist() == [50, 80, 110, 140]
    assert capture.train_pixels.shape == (4, 24, 32, 3)


def test_skipped_frames_make_the_rate_lower(write_video):
    path = write_video("clip.mp4", fps=24)
    assert load(path, frame_stride=3).frame_rate == 8.0
    assert load(path, frame_range=(2, 12), frame_stride=2).frame_rate == 12.0
    assert load(path, train_frames=("00000", "00006"), eval_frames=("00003",)).frame_rate == 8.0
    assert load(path, frame_range=(0, 5)).frame_rate == load(path, eval_every=3).frame_rate == 24.0


def test_frames_of_a_video_with_gaps_keep_their_times(write_video):
    path = write_video("clip.mp4", shown_at=(0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15))
    capture = load(path)
    assert capture.times[3:7] == pytest.approx([3 / 15, 4 / 15, 9 / 15, 10 / 15])
    assert capture.times[0] == 0 and capture.times[-1] == 1 and capture.frame_rate == pytest.approx(22)
    assert any(note.startswith("Frames are not evenly spaced in time: each keeps its own") for note in capture.notes)
    without_gap = load(path, frame_range=(5, 10))
    assert without_gap.times == pytest.approx([0, 1 / 4, 2 / 4, 3 / 4, 1]) and without_gap.frame_rate == pytest.approx(
        30
    )
    assert not any("evenly" in note for note in without_gap.notes)


def test_video_that_tells_no_times_is_taken_as_even_and_says_so(write_video, monkeypatch):
    monkeypatch.setattr("neucam_nerfstudio.imaging.video_index.count_in_frames", lambda shown_at: None)
    capture = load(write_video("clip.mp4", num_frames=3))
    assert capture.times == (0.0, 0.5, 1.0)
    assert capture.notes[0] == "clip.mp4 does not say when each frame is shown: taken as evenly spaced."


def test_frames_that_patterns_leave_out_leave_their_time(tmp_path, write_grey):
    for index in range(6):
        write_grey(f"{index}.png", 90 + 20 * index)
    capture = load(tmp_path, train_frames=("0", "1", "5"))
    assert capture.times == (0, 0.2, 0.4, 0.6, 0.8, 1), "the others are held out"
    capture = load(tmp_path, train_frames=("0", "1"), eval_frames=("5",))
    assert capture.times == (0, 0.2, 1) and any("not evenly spaced" in note for note in capture.notes)


def test_every_kth_frame_is_held_out_in_its_own_time(write_video):
    capture = load(write_video("clip.mkv", "ffv1", "bgr0", num_frames=9), eval_every=4)
    assert capture.eval_indices == (4, 8) and capture.train_indices == (0, 1, 2, 3, 5, 6, 7) and capture.held_out
    assert capture.times[4] == 0.5 and capture.reference_index == 3
    assert capture.eval_pixels[:, 0, 0, 0].tolist() == [80, 140]
    assert capture.train_pixels[4:, 0, 0, 0].tolist() == [95, 110, 125]


def test_folder_of_frames_can_be_selected_from_too(tmp_path, write_grey):
    for index in range(6):
        write_grey(f"{index:05d}.png", 90 + index)
    capture = load(tmp_path, frame_range=(1, 6), frame_stride=2)
    assert [frame.name for frame in capture.frames] == ["00001", "00003", "00005"]
    assert capture.reference_index == 1


@pytest.mark.parametrize(("num_frames", "reference"), [(2, 0), (3, 1), (4, 1), (5, 2)])
def test_reference_is_the_middle_frame_in_time(tmp_path, write_grey, num_frames, reference):
    for index in range(num_frames):
        write_grey(f"{index}.png", 200 - 40 * index)
    assert load(tmp_path).reference_index == reference


def test_reference_by_name(tmp_path):
    for name in ("frame_002", "frame_002.tif"):
        capture = load(write_tiff_bracket(tmp_path), reference=name)
        assert capture.reference_index == 2 and capture.notes == ()
    with pytest.raises(NeucamError, match="--reference frame_7: no training frame .* frame_000, frame_001, frame_002"):
        load(tmp_path, reference="frame_7")


def test_one_exposure_is_no_error_and_equal_frames_share_it(tmp_path, write_grey):
    for index in range(4):
        write_grey(f"{index}.png", 100 + index % 2)
    capture = load(tmp_path)
    assert capture.exposures == ExposureSettings((0.0,), "brightness", "fix")
    assert {frame.exposure_index for frame in capture.frames} == {0}
    assert not any("focus" in note for note in capture.notes)


def test_unknown_exposures_that_differ_are_learned_a_frame(tmp_path, write_grey):
    for index in range(4):
        write_grey(f"{index}.png", (60, 180)[index % 2])
    capture = load(tmp_path)
    assert capture.exposures == ExposureSettings((0.0,) * 4, "unknown", "learn")
    assert [frame.exposure_index for frame in capture.frames] == [0, 1, 2, 3]


def test_each_frame_can_have_an_exposure_of_its_own(write_video):
    path = write_video("clip.mp4", num_frames=4)
    (path.parent / "exposure.txt").write_text("-2 2")
    capture = load(path, settings_per_frame=True, exposures="refine", focus="fix")
    assert capture.exposures == ExposureSettings((-2.0, 2.0, -2.0, 2.0), "exposure.txt", "refine")
    assert [frame.exposure_index for frame in capture.frames] == [0, 1, 2, 3] and capture.focuses.mode == "fix"


def test_array_of_frames(tmp_path):
    frames = np.random.default_rng(0).random((3, 8, 12, 3)).astype(np.float32)
    np.save(tmp_path / "clip.npy", frames)
    capture = load(tmp_path)
    assert capture.times == (0.0, 0.5, 1.0) and capture.frames[2].name == "00002"
    np.testing.assert_array_equal(capture.train_pixels, frames)


def test_focus_sweep_filmed_is_a_capture_of_settings_too(write_video):
    capture = load_capture(write_video("sweep.mp4"), frame_stride=5)
    assert not capture.moves and capture.times == (0.0, 0.0, 0.0) and capture.frame_rate == 30.0
    assert capture.focuses == FocusSettings((-1.0, 0.0, 1.0), "order", "learn")


def test_radiance_of_each_frame(tmp_path):
    write_tiff_bracket(tmp_path)
    (tmp_path / "gt").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "gt" / f"hdr_{index:03d}.hdr"), np.ones((6, 8, 3), np.float32))
        cv2.imwrite(str(tmp_path / "gt" / f"sharp_{index:03d}.png"), np.ones((6, 8, 3), np.uint8))
    capture = load(tmp_path, frame_range=(1, 3))
    assert [path.name for path in capture.radiance_truth] == ["hdr_001.hdr", "hdr_002.hdr"]
    assert [path.name for path in capture.sharp_truth] == ["sharp_001.png", "sharp_002.png"]


def test_radiance_beside_the_frames_is_that_of_the_reference(tmp_path):
    cv2.imwrite(str(write_tiff_bracket(tmp_path) / "HDRImg.hdr"), np.ones((6, 8, 3), np.float32))
    capture = load(tmp_path, reference="frame_000")
    assert capture.radiance_truth == (tmp_path / "HDRImg.hdr", None, None)
    assert capture.notes[0].startswith("1 of 3 frames have radiance ground truth")


def test_memory_is_bounded_by_the_frames_that_are_used(write_video):
    path = write_video("clip.avi", "mjpeg", "yuvj420p", num_frames=60, size=(240, 320))
    tracemalloc.start()
    capture = load(path, frame_stride=30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(capture.frames) == 2 and peak < 10 * 240 * 320 * 3, "all frames together would take 60 times a frame"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_range": (0, 13)}, "--frame-range 0 13: there are 12 frames"),
        ({"frame_range": (5, 6)}, r"00005\.png: the only training frame\. A scene that moves needs at least two"),
        ({"frame_stride": 0}, "--frame-stride 0: expected a whole number from 1"),
        ({"eval_every": 1}, "--eval-every 1: expected a whole number from 2 to 11, for 12 frames"),
        ({"train_frames": ("0*",), "eval_every": 3}, "--eval-every 3: --train-frames or --eval-frames already choose"),
        ({"train_frames": ("00099",)}, "--train-frames 00099: no frame of .* has such a name. Frames: 00000, 00001"),
        ({"downscale_factor": 49}, r"--downscale-factor 49 leaves no pixels of .*clip\.mp4\.frames/00000\.png"),
    ],
)
def test_bad_option_is_refused(write_video, options, message):
    with pytest.raises(NeucamError, match=message):
        load(write_video("clip.mp4"), **options)


def test_exposure_cycle_longer_than_the_clip_is_refused(write_video):
    path = write_video("clip.mp4", num_frames=4)
    (path.parent / "exposure.txt").write_text("0 1 2 3 4")
    with pytest.raises(NeucamError, match=r"exposure\.txt: 5 values for 4 frames"):
        load(path)


def test_one_frame_is_refused(write_video):
    with pytest.raises(
        NeucamError, match=r"clip\.mp4\.frames/00000\.png: the only frame of this capture\. At least two"
    ):
        load(write_video("clip.mp4", num_frames=1))
