import numpy as np
import pytest
import torch
import yaml
from nerfstudio.cameras.cameras import Cameras, CameraType

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.export import trained_run
from neucam_nerfstudio.scripts.export.options import chosen_moments
from neucam_nerfstudio.scripts.export.trained_run import Shot, load_run, strip_of_rows, without_settings


def other_method() -> str:
    """The config.yml of a run of nerfstudio's own."""
    from nerfstudio.configs.method_configs import all_methods

    return yaml.dump(all_methods["splatfacto"])


def test_strips_of_rows_make_the_whole_picture(still_run, monkeypatch):
    whole = still_run.model.get_outputs_for_camera(still_run.camera)
    monkeypatch.setattr(trained_run, "RAYS_PER_STRIP", 90 * 7)
    advanced = []
    pictures = still_run.render(("rgb", "hdr", "defocus"), Shot(), lambda: advanced.append(1))
    assert len(advanced) == len(still_run.strips) == 9
    for name, picture in pictures.items():
        np.testing.assert_allclose(picture, whole[name].numpy(), rtol=1e-4, atol=1e-5)


def test_no_more_of_a_strip_is_kept_than_told(still_run, monkeypatch):
    whole = still_run.render(("rgb", "defocus"), Shot(), lambda: None)
    monkeypatch.setattr(trained_run, "RAYS_PER_STRIP", 90 * 7)
    kept = still_run.render(
        ("rgb", "defocus"), Shot(), lambda: None, lambda strip: np.rint(strip * 255).astype(np.uint8)
    )
    for name, picture in kept.items():
        assert picture.dtype == np.uint8
        np.testing.assert_allclose(picture, whole[name] * 255, atol=0.51)


def test_a_shot_has_the_dials_and_the_time_it_names(still_run, moving_run):
    def red(run, shot):
        return run.render(("rgb",), shot, lambda: None)["rgb"][30, 45, 0]

    assert red(still_run, Shot(exposure_stops=1.0)) > red(still_run, Shot(exposure_stops=-1.0))
    still_run.model.dials.focus_position = 0.0
    sharpest = still_run.render(("defocus",), Shot(focus_position=1.0), lambda: None)["defocus"]
    assert sharpest[30, 2, 0] > sharpest[30, -2, 0]
    hdr = [moving_run.render(("hdr",), Shot(time), lambda: None)["hdr"] for time in (0.0, 1.0)]
    np.testing.assert_allclose(hdr[1][40, 40], hdr[0][40, 46], rtol=1e-4)


def test_a_shot_without_time_is_the_reference_frame_s(moving_run):
    pictures = [moving_run.render(("rgb",), shot, lambda: None)["rgb"] for shot in (Shot(), Shot(1 / 3), Shot(2 / 3))]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


def test_a_dial_beyond_its_end_is_named_as_the_option(still_run):
    with pytest.raises(NeucamError, match=r"--exposure-stops 30: Exposure \(stops\) goes from -\d"):
        still_run.render(("rgb",), Shot(exposure_stops=30.0), lambda: None)


def test_a_shot_does_not_remember_the_one_before(still_run):
    first, _, again = (
        still_run.render(("rgb",), shot, lambda: None)["rgb"] for shot in (Shot(), Shot(None, 1.0, 0.0, 2.0), Shot())
    )
    np.testing.assert_array_equal(first, again)


def test_a_frame_s_settings_do_not_brighten_what_is_tone_mapped(still_run):
    pictures = [
        still_run.render(("rgb", "all_in_focus_hdr"), Shot(frame_index=index), lambda: None) for index in range(3)
    ]
    means = [picture["rgb"].mean() for picture in pictures]
    assert means[0] < means[1] < means[2]
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture["all_in_focus_hdr"], pictures[0]["all_in_focus_hdr"])


def test_an_exposure_holds_through_frames_that_alternate_even_if_it_is_the_reference_s(moving_run):
    own, held = (
        [moving_run.render(("rgb",), Shot(time, exposure_stops=stops), lambda: None)["rgb"] for time in (0.0, 1 / 3)]
        for stops in (None, moving_run.capture.exposure_stops(moving_run.capture.reference_index))
    )
    assert abs(own[0].mean() - own[1].mean()) > 5 * abs(held[0].mean() - held[1].mean())


def test_a_frame_that_training_moved_beyond_the_dial_is_shot_at_its_own_settings(still_run):
    learned = still_run.model.state_dict()
    learned["camera.focus.positions"] = torch.tensor([-1.75, 0.0, 1.0])
    still_run.model.load_state_dict(learned)
    (moment,) = chosen_moments(still_run, ("F0E0",), None)
    still_run.render(("rgb",), moment.shot, lambda: None)
    assert still_run.model.dials.focus_position == -1.75


def test_frame_settings_are_what_was_learned(still_run, moving_run):
    with torch.no_grad():
        still_run.model.camera.focus.positions[2] = 0.75
    settings = still_run.frame_settings()
    assert [frame.name for frame in settings[:4]] == ["F0E0", "F0E1", "F0E2", "F1E0"]
    assert [frame.exposure_stops for frame in settings[:3]] == [-3.0, 0.0, 3.0]
    assert settings[-1].focus_position == 0.75
    assert moving_run.frame_settings()[0].focus_position is None


def test_the_camera_has_the_first_photograph_s_view_and_neither_settings_nor_time():
    cameras = Cameras(
        camera_to_worlds=torch.eye(4)[None, :3].repeat(2, 1, 1),
        fx=torch.tensor([[90.0], [80.0]]),
        fy=90.0,
        cx=3.0,
        cy=2.0,
        width=6,
        height=4,
        camera_type=CameraType.PERSPECTIVE,
        times=torch.tensor([[0.0], [1.0]]),
        metadata={"exposure_stops": torch.tensor([[1.0], [2.0]])},
    )
    camera = without_settings(cameras)
    rays = camera.generate_rays(camera_indices=0, keep_shape=True)
    assert rays.shape == (4, 6)
    assert rays.times is None and "exposure_stops" not in rays.metadata
    strip = strip_of_rows(camera, 1, 2, 0.5).generate_rays(camera_indices=0, keep_shape=True)
    torch.testing.assert_close(strip.directions, rays.directions[1:3])
    assert (strip.times == 0.5).all()
    assert cameras.metadata["exposure_stops"].shape == (2, 1)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (lambda: "[unfinished", r"cannot be read as a config \(.*line 1"),
        (lambda: "!!python/object:neucam_nerfstudio.gone.Config {}", "cannot be read as a config"),
        (lambda: "a: mapping", "is not the config of a run"),
        (other_method, "is a run of splatfacto, not of NeuCam"),
    ],
)
def test_what_is_no_run_of_ours_says_what_to_give(tmp_path, content, found):
    (tmp_path / "config.yml").write_text(content())
    with pytest.raises(NeucamError, match=rf"config\.yml: {found}.* Give the config\.yml .* of this package\."):
        load_run(tmp_path / "config.yml")


def test_a_missing_run_says_what_to_give(tmp_path):
    with pytest.raises(NeucamError, match=r"config\.yml: no such file\. Give the config\.yml in the output folder"):
        load_run(tmp_path / "config.yml")
