import numpy as np
import pytest

from benchmarks.moving_rows import LongRow, there_and_back, write_long_video
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture

LONG = LongRow("long", "Long", "any", "", "neucam-hdr-video", num_frames=9, width=192, height=128)


@pytest.mark.parametrize(
    ("num_frames", "order"), [(3, [0, 1, 2, 1, 0, 1, 2]), (2, [0, 1, 0, 1, 0, 1, 0]), (1, [0, 0, 0, 0, 0, 0, 0])]
)
def test_there_and_back_by_hand(num_frames, order):
    assert there_and_back(num_frames, 7) == order


def test_a_long_video_keeps_each_frame_and_its_exposure(data_root, tmp_path):
    write_long_video(data_root / "Video-hdr/GalleryWalk", tmp_path / "long", LONG)
    long = open_capture(tmp_path / "long", frames="moments")[0]
    pixels = PixelStore(long).stack(long.train_indices)
    assert pixels.shape == (9, 128, 192, 3)
    assert [long.exposure_stops(index) for index in range(9)] == [-2, 2, -2, 2, -2, 2, -2, 2, -2]
    assert (pixels[0] == pixels[6]).all() and (pixels[1] == pixels[5]).all()


def test_a_video_without_exposures_stays_so(data_root, tmp_path):
    write_long_video(data_root / "Video-deblur/DeskShake", tmp_path / "long", LONG)
    assert not (tmp_path / "long/exposure.txt").exists()
    folders = (tmp_path / "long", data_root / "Video-deblur/DeskShake")
    stores = [open_capture(folder, frames="moments")[1] for folder in folders]
    long, original = (store.stack(range(len(store))) for store in stores)
    assert np.abs(long[:4].mean((1, 2)) - original.mean((1, 2))).max() < 1
