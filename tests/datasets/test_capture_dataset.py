"""The dataset: exact pixels, one copy of them, and 8-bit pictures for thumbnails."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.pixels import source
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_dataset import CaptureDataset


def dataset(folder, split="train", **options) -> CaptureDataset:
    parser = NeucamDataParserConfig(data=folder, **options).setup()
    return CaptureDataset(parser.get_dataparser_outputs(split))


@pytest.fixture
def deep_capture(tmp_path):
    """Two 16-bit frames of different focus; the first has the pixel values 0, 1, 2, ..."""
    ramp = np.arange(8 * 10 * 3, dtype=np.uint16).reshape(8, 10, 3)
    for name, frame in (("F0", ramp), ("F1", 65535 - ramp)):
        cv2.imwrite(str(tmp_path / f"{name}.tif"), frame[..., ::-1])
    return tmp_path


def test_frames_are_served_in_their_own_number_type(tiny_desk, deep_capture):
    assert dataset(tiny_desk).frames_native().dtype == torch.uint8
    native = dataset(deep_capture).frames_native()
    assert native.dtype == torch.uint16 and native.shape == (2, 8, 10, 3)
    assert native[0, 7, 9].tolist() == [237, 238, 239]


def test_pixels_are_held_once(tiny_desk):
    parser = NeucamDataParserConfig(data=tiny_desk).setup()
    train, test = (CaptureDataset(parser.get_dataparser_outputs(split)) for split in ("train", "test"))
    assert (
        train.frames_native().data_ptr()
        == test.frames_native().data_ptr()
        == parser.opened[1].stack(range(9)).ctypes.data
    )


def test_each_split_serves_its_own_frames(tiny_desk):
    train = dataset(tiny_desk, "train", train_frames=("F0E2", "F1E0"))
    held_out = dataset(tiny_desk, "test", train_frames=("F0E2", "F1E0"))
    everything = dataset(tiny_desk).frames_native()
    assert torch.equal(train.frames_native(), everything[[2, 3]])
    assert torch.equal(held_out.frames_native(), everything[[0, 1, 4, 5, 6, 7, 8]])
    assert len(held_out) == 7


def test_16_bit_values_become_exact_floats(deep_capture):
    image = dataset(deep_capture).get_image_float32(0)
    assert image.dtype == torch.float32 and image.shape == (8, 10, 3)
    expected = torch.arange(240, dtype=torch.float64).reshape(8, 10, 3) / 65535
    torch.testing.assert_close(image.double(), expected, rtol=1e-7, atol=0)
    assert dataset(deep_capture)[1]["image"][0, 0].tolist() == pytest.approx(
        [1.0, 65534 / 65535, 65533 / 65535], abs=1e-7
    )


def test_thumbnails_are_8_bit(deep_capture):
    frames = dataset(deep_capture)
    assert frames.get_image_uint8(1).dtype == torch.uint8
    assert frames.get_numpy_image(1)[0, 0].tolist() == [255, 255, 255]


def test_8_bit_pictures_are_the_files_own(tiny_desk):
    photograph = cv2.imread(str(tiny_desk / "F1E1.png"))[..., ::-1]
    frames = dataset(tiny_desk)
    np.testing.assert_array_equal(frames.get_numpy_image(4), photograph)
    np.testing.assert_allclose(frames.get_image_float32(4).numpy(), photograph / 255.0, atol=1e-7)


def test_a_picture_is_decoded_when_it_is_used(tiny_desk, tmp_path, monkeypatch):
    decoded = []
    real = source.read_photograph
    monkeypatch.setattr(source, "read_photograph", lambda path, **rest: decoded.append(path.stem) or real(path, **rest))
    dataset(tiny_desk, manifest=tmp_path / "capture.json")
    decoded.clear()
    image = dataset(tiny_desk, manifest=tmp_path / "capture.json")[4]["image"]
    assert decoded == []
    assert image.shape == (60, 90, 3) and image.cpu().dtype == torch.float32 and torch.is_floating_point(image)
    assert (image * 255).max() == 255 * image[...].max() == 255 * image.numpy().max()
    torch.testing.assert_close(torch.cat([image, image[:1]])[:60], image.tensor)
    assert decoded == ["F1E1"]


def test_pictures_are_as_much_smaller_as_the_cameras(tiny_desk, tmp_path):
    """As `ns-render dataset --downscale-factor` asks for of a trained run."""
    dataset(tiny_desk, manifest=tmp_path / "capture.json")
    small = dataset(tiny_desk, manifest=tmp_path / "capture.json", downscale_factor=2.0)
    assert (int(small.cameras.height[0]), int(small.cameras.width[0])) == (30, 45)
    whole = dataset(tiny_desk).get_image_float32(4)
    torch.testing.assert_close(small[4]["image"].tensor, whole.reshape(30, 2, 45, 2, 3).mean((1, 3)), atol=1e-6, rtol=0)
    assert small.get_numpy_image(4).shape == (30, 45, 3)
    assert small.metadata["capture"].height == 60, "the model keeps its size"
