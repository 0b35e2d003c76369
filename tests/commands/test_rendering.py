"""`ns-render`: every output of every frame under the frame's name, and films along paths, with no ffmpeg but ours."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from nerfstudio.scripts.render import DatasetRender, RenderCameraPath, RenderInterpolated, SpiralRender

from neucam_nerfstudio import runtime
from neucam_nerfstudio.scene.image_plane import ImagePlane

NAMES = sorted(f"F{focus}E{exposure}" for focus in range(3) for exposure in range(3))
OUTPUTS = {
    *("all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused", "defocus"),
    *("confidence", "accumulation", "depth"),
}
HEIGHT, WIDTH = 60, 90


def picture(path: Path) -> np.ndarray:
    """RGB in [0, 1]."""
    return cv2.imread(str(path))[..., ::-1] / 255


def raw(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        return np.load(file)


def film(path: Path) -> list[np.ndarray]:
    """The frames of a video."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1][..., ::-1] / 255)
    return frames


@pytest.fixture
def only_our_ffmpeg(monkeypatch, tmp_path):
    """A system without ffmpeg, on which the package has been imported."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runtime.provide_ffmpeg()


def test_all_outputs_are_the_default(neucam_run, tmp_path):
    DatasetRender(neucam_run.config, tmp_path).main()
    assert {path.name for path in (tmp_path / "test").iterdir()} == OUTPUTS | {"gt-rgb"}
    assert (tmp_path / "test/all_in_focus_hdr/F2E0.jpg").is_file()


def test_pictures_and_photographs_are_made_smaller_together(neucam_run, tmp_path):
    names = ["rgb", "gt-rgb"]
    options = {"downscale_factor": 2, "image_format": "png", "rendered_output_names": names, "split": "train"}
    DatasetRender(neucam_run.config, tmp_path, **options).main()
    shown, photographed = (picture(tmp_path / "train" / name / "F1E1.png") for name in names)
    assert shown.shape == photographed.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert np.abs(shown - photographed).mean() < 0.05


@pytest.fixture(scope="module")
def rendered(runs, tmp_path_factory) -> Path:
    """Pictures and radiance of the training frames of `neucam`."""
    folder = tmp_path_factory.mktemp("rendered")
    names = ["rgb", "all_in_focus", "raw-hdr", "raw-rgb", "gt-rgb", "accumulation"]
    DatasetRender(runs("neucam").config, folder, image_format="png", rendered_output_names=names, split="train").main()
    return folder / "train"


def test_radiance_is_whole_and_the_same_for_all_frames(rendered):
    radiance = [raw(rendered / f"raw-hdr/{name}.npy.gz") for name in NAMES]
    assert radiance[0].dtype == np.float32 and radiance[0].shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(radiance[0]).all() and radiance[0].min() > 0 and radiance[0].max() > 1
    assert all(np.array_equal(radiance[0], other) for other in radiance[1:])


def test_pictures_lie_under_the_names_of_their_photographs(rendered, tiny_desk):
    for name in NAMES:
        photograph = picture(tiny_desk / f"{name}.png")
        np.testing.assert_allclose(picture(rendered / f"gt-rgb/{name}.png"), photograph, atol=1 / 255)
        assert np.abs(picture(rendered / f"rgb/{name}.png") - photograph).mean() < 0.05, name


def test_all_in_focus_has_its_frame_s_exposure(rendered):
    brightness = [picture(rendered / f"all_in_focus/F1E{exposure}.png").mean() for exposure in range(3)]
    assert brightness[0] + 0.1 < brightness[1] < brightness[2] - 0.1


def test_held_out_frames_are_the_test_split(runs, tmp_path, tiny_desk):
    from .conftest import train

    held_out = {"train_frames": ("F0E0", "F1E1", "F2E2")}
    run = train("neucam", tiny_desk, tmp_path / "runs", num_steps=2, dataparser=held_out)
    DatasetRender(run.config, tmp_path, rendered_output_names=["rgb"], split="train+test").main()
    trained, tested = ({path.stem for path in (tmp_path / split / "rgb").iterdir()} for split in ("train", "test"))
    assert trained == {"F0E0", "F1E1", "F2E2"} and tested == set(NAMES) - trained


def camera_path(
    folder: Path, poses: list[np.ndarray], height: int = HEIGHT, width: int = WIDTH, times: list[float] | None = None
) -> Path:
    """A path as nerfstudio's viewer saves one, at the angle of view that the photographs have."""
    focal_length = ImagePlane(height, width).focal_length_px
    fov = float(np.rad2deg(2 * np.arctan(height / 2 / focal_length)))
    frames = [{"camera_to_world": pose.flatten().tolist(), "fov": fov, "aspect": width / height} for pose in poses]
    for frame, time in zip(frames, times or [], strict=bool(times)):
        frame["render_time"] = time
    path = {
        **{"render_height": height, "render_width": width, "camera_type": "perspective"},
        **{"fps": 4, "seconds": len(poses) / 4, "camera_path": frames},
    }
    file = folder / "camera_path.json"
    file.write_text(json.dumps(path))
    return file


def poses_to_the_side(shifts: list[float]) -> list[np.ndarray]:
    """The photographs' camera, moved right by these shares of the picture's longer side."""
    pose = np.eye(4)
    pose[:3] = ImagePlane(HEIGHT, WIDTH).camera_to_world.numpy()
    return [pose - np.array([[0, 0, 0, shift], *[[0] * 4] * 3]) for shift in shifts]


def test_film_along_a_camera_path(neucam_run, tmp_path, only_our_ffmpeg):
    """Outputs lie side by side."""
    names = ["all_in_focus_hdr", "rgb", "all_in_focus", "defocus"]
    path = camera_path(tmp_path, poses_to_the_side([0.0, 0.0, 0.1, 0.2]))
    RenderCameraPath(
        neucam_run.config, tmp_path / "film.mp4", rendered_output_names=names, camera_path_filename=path
    ).main()
    frames = film(tmp_path / "film.mp4")
    assert len(frames) == 4 and frames[0].shape == (HEIGHT, 4 * WIDTH, 3)
    for name, picture in zip(names, np.split(frames[0], 4, axis=1), strict=True):
        assert picture.std() > 0.02, name


def test_path_goes_through_time(runs, tmp_path, only_our_ffmpeg):
    """The splines of nerfstudio's render panel swing a little beyond the times they pass."""
    names = ["all_in_focus_hdr", "rgb", "opacity", "background", "foreground", "motion"]
    RenderCameraPath(
        runs("neucam-hdr-video-paper").config,
        *(tmp_path / "film", "png"),
        rendered_output_names=names,
        camera_path_filename=camera_path(tmp_path, poses_to_the_side([0.0, 0.0, 0.0]), times=[0.0, -0.001, 1.001]),
        output_format="images",
    ).main()
    films = [np.split(picture(path), len(names), axis=1) for path in sorted((tmp_path / "film").iterdir())]
    for name, first, same, last in zip(names, *films, strict=True):
        assert np.array_equal(first, same) and not np.array_equal(first, last), name


def test_path_moves_over_the_picture(neucam_run, tmp_path, only_our_ffmpeg):
    RenderCameraPath(
        neucam_run.config,
        *(tmp_path / "film", "png"),
        rendered_output_names=["all_in_focus"],
        camera_path_filename=camera_path(tmp_path, poses_to_the_side([0.0, 0.2])),
        output_format="images",
    ).main()
    still, moved = (picture(path) for path in sorted((tmp_path / "film").iterdir()))
    shift = round(0.2 * WIDTH)
    assert np.abs(still[:, shift:] - moved[:, :-shift]).mean() < 0.01
    assert (moved[:, -shift + 1 :] == 0).all()  # beside the picture there is nothing


@pytest.mark.parametrize("output_format", ["video", "images"])
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(lambda *a, **k: RenderInterpolated(*a, **k, interpolation_steps=2), id="interpolate"),
        pytest.param(lambda *a, **k: SpiralRender(*a, **k, seconds=1, frame_rate=6, radius=0.1), id="spiral"),
    ],
)
def test_other_paths(neucam_run, tmp_path, only_our_ffmpeg, command, output_format):
    names = ["all_in_focus_hdr", "rgb"]
    command(neucam_run.config, tmp_path / "film.mp4", rendered_output_names=names, output_format=output_format).main()
    frames = film(tmp_path / "film.mp4")
    if output_format == "images":
        frames = [picture(path) for path in sorted((tmp_path / "film").iterdir())]
    assert len(frames) >= 6
    assert all(frame.shape == (HEIGHT, 2 * WIDTH, 3) for frame in frames)
    assert all(frame.mean() > 0.1 for frame in frames)


def test_spiral_does_not_roll_the_picture(neucam_run, tmp_path, only_our_ffmpeg):
    SpiralRender(
        neucam_run.config,
        *(tmp_path / "film", "png"),
        rendered_output_names=["accumulation"],
        **{"seconds": 1, "frame_rate": 8, "radius": 0.15, "output_format": "images"},
    ).main()
    nothing = picture(next((tmp_path / "film").iterdir())).min((0, 1))
    for path in (tmp_path / "film").iterdir():
        seen = np.abs(picture(path) - nothing).max(-1) > 0.1
        top = [column.argmax() for column in seen.T if column.any()]
        assert np.ptp(top) <= 2, path.name  # the picture's upper edge is level


def test_unknown_output_is_refused_with_those_there_are(neucam_run, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        DatasetRender(neucam_run.config, tmp_path, rendered_output_names=["colour"]).main()
    assert ended.value.code == 1
    assert "all_in_focus_hdr" in capsys.readouterr().out
