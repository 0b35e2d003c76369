import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging import large_pictures
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, tonemap
from neucam_nerfstudio.scripts.export import canonical_pictures
from neucam_nerfstudio.scripts.export.layers import ExportLayers
from neucam_nerfstudio.scripts.export.trained_run import num_strips

from .conftest import CONFIG, rendered


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_ours_is_one_shared_background_and_a_foreground_a_frame(opened, moving_run, tmp_path):
    opened(moving_run)
    ExportLayers(CONFIG, tmp_path, frames=("0", "3"), precision="float").main()
    assert names(tmp_path) == [
        *("background.exr", "background.png", "foreground_F0E0.exr", "foreground_F0E0.png"),
        *("foreground_F1E0.exr", "foreground_F1E0.png", "opacity_F0E0.png", "opacity_F1E0.png"),
    ]
    background = read_radiance(tmp_path / "background.exr")
    across = np.linspace(-2, 2, background.shape[1])  # a grid is written whole, with what lies beyond a frame
    np.testing.assert_allclose(background[20, :, 1], np.exp(across), rtol=1e-5)
    np.testing.assert_allclose(read_radiance(tmp_path / "foreground_F0E0.exr"), 1.0, rtol=1e-5)
    opacity = cv2.imread(str(tmp_path / "opacity_F0E0.png"), cv2.IMREAD_UNCHANGED) / 255
    assert opacity[4:14].mean() == pytest.approx(0.5, abs=0.03) and opacity[30:].max() < 0.05


def test_the_published_layers_are_two_shared_pictures(opened, layered_run, tmp_path, said):
    opened(layered_run)
    ExportLayers(CONFIG, tmp_path).main()
    assert names(tmp_path) == ["background.exr", "background.png", "foreground.exr", "foreground.png", "opacity.png"]
    opacity = cv2.imread(str(tmp_path / "opacity.png"), cv2.IMREAD_UNCHANGED) / 255
    expected = rendered(layered_run, "opacity")[..., 0]
    np.testing.assert_allclose(opacity, expected, atol=0.5 / 255 + 1e-6)
    assert len(said) == 5


def test_a_deformed_picture_without_layers_is_all_background(opened, deformed_run, tmp_path):
    opened(deformed_run)
    ExportLayers(CONFIG, tmp_path, bits=16).main()
    assert names(tmp_path) == ["background.exr", "background.png"]
    assert cv2.imread(str(tmp_path / "background.png"), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_previews_are_tone_mapped_in_strips(monkeypatch):
    """Tone mapping takes several times the memory of what it is given."""
    given = []

    def recorded(radiance, *args):
        given.append(tuple(radiance.shape))
        return tonemap(radiance, *args)

    monkeypatch.setattr(canonical_pictures, "tonemap", recorded)
    monkeypatch.setattr(large_pictures, "PIXELS_PER_STRIP", 25)
    preview = canonical_pictures.Preview(DisplayAnchors(torch.tensor(0.2), torch.tensor(3.0)), "reinhard")
    radiance = torch.linspace(0, 4, 5 * 10 * 3).reshape(5, 10, 3)
    torch.testing.assert_close(preview.show(radiance), tonemap(radiance, "reinhard", preview.anchors))
    assert given == [(2, 10, 3), (2, 10, 3), (1, 10, 3)]
    assert preview.show(torch.ones(60, 3)).shape == (60, 3) and given[3:] == [(25, 3), (25, 3), (10, 3)]


def test_frames_of_a_scene_without_layers_are_refused(opened, deformed_run, tmp_path):
    opened(deformed_run)
    with pytest.raises(NeucamError, match=r"--frames nosuchframe: this scene has one layer, which .* Leave it"):
        ExportLayers(CONFIG, tmp_path / "out", frames=("nosuchframe",)).main()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["moving_run", "layered_run", "deformed_run"])
def test_the_bar_is_full_when_the_work_is_done(request, opened, tmp_path, bars, kind):
    """A picture that is there already takes no steps; others as many as they have strips."""
    run = request.getfixturevalue(kind)
    opened(run)
    ExportLayers(CONFIG, tmp_path, frames=() if kind == "deformed_run" else ("0", "2")).main()
    expected = {"moving_run": 2 * 2, "layered_run": 2 + 2, "deformed_run": 1}[kind] * num_strips(run)
    np.testing.assert_allclose(bars, [np.arange(1, expected + 1) / expected])


def test_a_still_scene_says_what_writes_its_picture(opened, still_run, tmp_path):
    opened(still_run)
    with pytest.raises(NeucamError, match="does not move, so it has no layers: .* `neucam-export hdr`"):
        ExportLayers(CONFIG, tmp_path).main()
