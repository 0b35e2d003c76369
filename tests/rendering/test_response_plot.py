import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.rendering.response_plot import ResponseTable, draw_response


@pytest.fixture
def table() -> ResponseTable:
    log_exposure = np.linspace(-10, 10, 201)
    ldr = 1 / (1 + np.exp(-log_exposure[:, None] - np.array([0.0, 1.0, 2.0])))
    return ResponseTable(log_exposure, ldr, np.array([[-4.0, -5.0, -6.0], [3.0, 2.0, 1.0]]))


def test_the_plot_shows_three_coloured_curves_and_the_captured_range(tmp_path, table):
    draw_response(tmp_path / "response.png", table, "Camera response")
    pixels = np.asarray(Image.open(tmp_path / "response.png").convert("RGB")).astype(int)
    for strongest in range(3):
        others = [channel for channel in range(3) if channel != strongest]
        coloured = pixels[..., strongest] > pixels[..., others].max(-1) + 60
        assert coloured.sum() > 300
    grey = (np.abs(pixels - round(0.93 * 255)) <= 1).all(-1)
    assert 0.3 < grey.mean() < 0.6


def test_the_file_type_is_the_suffix_s(tmp_path, table):
    draw_response(tmp_path / "response.svg", table, "Camera response")
    text = (tmp_path / "response.svg").read_text()
    assert "<svg" in text and [path.name for path in tmp_path.iterdir()] == ["response.svg"]
