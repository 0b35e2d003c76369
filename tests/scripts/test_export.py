import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from neucam_nerfstudio.capture.ground_truth import read_radiance
from neucam_nerfstudio.scripts import export
from neucam_nerfstudio.scripts.export import ExportError, ExportHdr, ExportImages, TrainedRun

RADIANCE = torch.logspace(-2, 2, 4 * 6 * 3).reshape(4, 6, 3)


class FakeDials:
    """Dials that go from -1 to 1, and to any tone mapping."""

    tone_mapping = "reinhard"
    focus_position = exposure_stops = 0.0
    aperture = 1.0

    def __setattr__(self, name, value):
        if name != "tone_mapping" and not -1 <= value <= 1:
            raise ValueError("the dial goes from -1 to 1")
        super().__setattr__(name, value)


class FakeModel:
    """A model whose pictures show what its dials say."""

    def __init__(self):
        self.dials = FakeDials()

    def get_outputs_for_camera(self, camera):
        assert camera == "camera"
        dialled = [self.dials.focus_position, self.dials.aperture, self.dials.exposure_stops]
        return {
            "rgb": torch.tensor(dialled).expand(4, 6, 3),
            "defocus": torch.full((4, 6, 1), 0.2),
            "hdr": RADIANCE,
            "depth": torch.full((4, 6, 1), 1.3),
        }


def fake_capture(source: str = "exposure.txt") -> SimpleNamespace:
    return SimpleNamespace(
        frames=[SimpleNamespace(path=Path("capture/F1E2.png"))],
        reference_index=0,
        exposures=SimpleNamespace(source=source),
        exposure_stops={0: 1.5}.get,
    )


@pytest.fixture
def run(monkeypatch) -> TrainedRun:
    run = TrainedRun(FakeModel(), fake_capture(), "camera")
    monkeypatch.setattr(export, "load_run", lambda load_config: run)
    return run


def test_hdr_writes_the_radiance_as_exr(run, tmp_path):
    ExportHdr(Path("config.yml"), tmp_path / "new", precision="float").main()
    np.testing.assert_array_equal(read_radiance(tmp_path / "new/hdr.exr"), RADIANCE.numpy())


def test_hdr_says_where_the_file_comes_from(run, tmp_path):
    ExportHdr(Path("config.yml"), tmp_path).main()
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    assert header["software"].startswith("neucam-nerfstudio ")
    assert header["exposureReference"] == "Radiance at 0 stops; F1E2.png has +1.5 stops (exposure.txt)."


def test_hdr_does_not_claim_exposures_nobody_gave(run):
    assert "estimated" in export.exposure_reference(fake_capture(source="unknown"))


def test_hdr_writes_radiance_hdr(run, tmp_path):
    ExportHdr(Path("config.yml"), tmp_path, image_format="hdr").main()
    np.testing.assert_allclose(read_radiance(tmp_path / "hdr.hdr"), RADIANCE.numpy(), rtol=0.05)


def test_images_are_taken_with_the_dials_as_set(run, tmp_path):
    ExportImages(
        Path("config.yml"), tmp_path, ("rgb", "defocus"), focus_position=0.6, aperture=0.2, exposure_stops=1.0
    ).main()
    rgb = cv2.imread(str(tmp_path / "rgb.png"))[..., ::-1]
    assert (rgb == np.rint(255 * np.array([0.6, 0.2, 1.0]))).all()
    assert (cv2.imread(str(tmp_path / "defocus.png"), cv2.IMREAD_UNCHANGED) == 51).all()


def test_dials_left_alone_stay_at_the_reference_frame(run, tmp_path):
    ExportImages(Path("config.yml"), tmp_path, ("rgb",), tone_mapping="log").main()
    dials = run.model.dials
    assert (dials.focus_position, dials.aperture, dials.exposure_stops, dials.tone_mapping) == (0.0, 1.0, 0.0, "log")


def test_jpeg_and_sixteen_bits(run, tmp_path):
    ExportImages(Path("config.yml"), tmp_path, ("rgb",), image_format="jpeg").main()
    ExportImages(Path("config.yml"), tmp_path, ("rgb",), bits=16).main()
    assert (tmp_path / "rgb.jpg").is_file()
    assert cv2.imread(str(tmp_path / "rgb.png"), cv2.IMREAD_UNCHANGED).dtype == np.uint16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rendered_output_names": ("colour",)}, "no output 'colour'; it has rgb, defocus"),
        ({"rendered_output_names": ("hdr",)}, "hdr has no upper end: `neucam-export hdr`"),
        ({"exposure_stops": 9.0}, r"--exposure-stops 9\.0: the dial goes from -1 to 1"),
    ],
)
def test_what_cannot_be_given_is_said_and_nothing_written(run, tmp_path, options, message):
    with pytest.raises(ExportError, match=message):
        ExportImages(Path("config.yml"), tmp_path / "out", **options).main()
    assert not (tmp_path / "out").exists()


def test_a_missing_run_ends_in_one_line_and_exit_code_1(monkeypatch, tmp_path, capsys):
    missing = tmp_path / "config.yml"
    monkeypatch.setattr(
        sys, "argv", ["neucam-export", "hdr", "--load-config", str(missing), "--output-path", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as stop:
        export.entrypoint()
    assert stop.value.code == 1
    assert "no such file" in capsys.readouterr().out


def test_the_command_line_knows_its_options(run, monkeypatch, tmp_path):
    arguments = (
        f"images --load-config config.yml --output-path {tmp_path} --rendered-output-names rgb defocus --aperture 0"
    )
    monkeypatch.setattr(sys, "argv", ["neucam-export", *arguments.split()])
    export.entrypoint()
    assert {path.name for path in tmp_path.iterdir()} == {"rgb.png", "defocus.png"}
    assert run.model.dials.aperture == 0.0


def test_the_camera_has_the_first_photographs_view_and_no_settings():
    cameras = Cameras(
        camera_to_worlds=torch.eye(4)[None, :3].repeat(2, 1, 1),
        fx=torch.tensor([[90.0], [80.0]]),
        fy=90.0,
        cx=3.0,
        cy=2.0,
        width=6,
        height=4,
        camera_type=CameraType.PERSPECTIVE,
        metadata={"exposure_stops": torch.tensor([[1.0], [2.0]])},
    )
    rays = export.camera_with_dials(cameras).generate_rays(camera_indices=0, keep_shape=True)
    assert rays.shape == (4, 6)
    assert "exposure_stops" not in rays.metadata
    assert cameras.metadata["exposure_stops"].shape == (2, 1)
