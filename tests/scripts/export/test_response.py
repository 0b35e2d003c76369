import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from neucam_nerfstudio.camera.response.response import LinearResponse, ResponseConfig, SrgbResponse, SrgbResponseConfig
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.scripts.export import response
from neucam_nerfstudio.scripts.export.response import ExportResponse, ResponseTable, draw_response, response_table

from .conftest import CONFIG, with_capture


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def srgb_run(still_run):
    """The still run with a response that is known."""
    still_run.camera.response = SrgbResponse(SrgbResponseConfig(), still_run.capture)
    return still_run


def test_the_table_has_the_curve_over_ln_exposure(opened, srgb_run, tmp_path, said):
    opened(srgb_run)
    ExportResponse(CONFIG, tmp_path).main()
    table = rows(tmp_path / "response.csv")
    assert [float(table[0]["ln_exposure"]), float(table[-1]["ln_exposure"]), len(table)] == [-10.0, 10.0, 401]
    at = {round(float(row["ln_exposure"]), 2): row for row in table}
    assert float(at[0.0]["green"]) == pytest.approx(1.0)
    assert float(at[-1.0]["red"]) == pytest.approx(1.055 * math.exp(-1) ** (1 / 2.4) - 0.055, rel=1e-4)
    assert float(at[-10.0]["blue"]) == pytest.approx(12.92 * math.exp(-10), rel=1e-3)
    assert (tmp_path / "response.png").stat().st_size > 10_000


def test_the_captured_range_is_the_scene_s_at_the_shortest_and_longest_exposure(srgb_run):
    """Green is ln radiance -4.4 ... 5.8 in the still scene; three stops to either side are 2.08."""
    captured = response_table(srgb_run).captured
    np.testing.assert_allclose(captured[:, 1], [-4.4 - 2.08, 5.8 + 2.08], atol=0.3)
    np.testing.assert_allclose(captured[:, 0] - captured[:, 2], 0.2, atol=0.02)


def test_a_camera_without_response_is_linear(srgb_run):
    srgb_run.camera.response = LinearResponse(ResponseConfig(), srgb_run.capture)
    table = response_table(srgb_run)
    np.testing.assert_allclose(table.ldr, np.exp(table.log_exposure).clip(max=1)[:, None].repeat(3, 1), rtol=1e-3)


def test_settings_stand_beside_those_of_exif(opened, srgb_run, tmp_path, monkeypatch):
    times = {"E0": 1 / 8, "E1": 1.0, "E2": 8.0}
    monkeypatch.setattr(
        response,
        "read_exif",
        lambda path: ExifSettings(times[path.stem[-2:]], 8.0, None, 2.0 if "F0" in path.stem else None),
    )
    with torch.no_grad():
        srgb_run.camera.focus.positions[0] = -0.9
    opened(srgb_run)
    ExportResponse(CONFIG, tmp_path, plot_format="svg").main()
    first, *_, last = rows(tmp_path / "settings.csv")
    assert first == {
        **{"frame": "F0E0", "exposure_stops": "-3", "start_exposure_stops": "-3", "exposure_source": "exposure.txt"},
        **{"focus_position": "-0.9", "exif_exposure_stops": "-3", "exif_exposure_time_s": "0.125"},
        **{"exif_f_number": "8", "exif_iso": "", "exif_focus_distance_m": "2"},
    }
    assert (last["frame"], last["exif_exposure_stops"], last["exif_focus_distance_m"]) == ("F2E2", "3", "")
    assert (tmp_path / "response.svg").exists()


def test_the_terminal_leaves_out_what_nobody_knows(still_run):
    table = response.printed_table(response.settings_rows(still_run))
    assert [column.header for column in table.columns] == [
        *("frame", "exposure stops", "start exposure stops", "exposure source", "focus position")
    ]
    assert table.row_count == 9


def test_exposures_nobody_gave_have_no_start(still_run, deformed_run):
    run = with_capture(still_run, exposures=replace(still_run.capture.exposures, source="unknown"))
    assert response.settings_rows(run)[1][2:4] == ["", "unknown"]
    assert response.settings_rows(deformed_run)[1][2:4] == ["", "learned"]


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
