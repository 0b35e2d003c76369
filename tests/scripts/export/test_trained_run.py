import numpy as np
import pytest
import torch
import yaml

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.rendering import outputs
from neucam_nerfstudio.scripts.export.options import chosen_moments
from neucam_nerfstudio.scripts.export.trained_run import learned_frames, load_run, num_strips, render

from .conftest import rendered


def other_method() -> str:
    """The config.yml of a run of nerfstudio's own."""
    from nerfstudio.configs.method_configs import all_methods

    return yaml.dump(all_methods["splatfacto"])


def test_strips_of_rows_make_the_whole_picture(still_run, monkeypatch):
    names = ("rgb", "hdr", "defocus")
    whole = render(still_run, names, CameraSettings(), lambda: None)
    assert num_strips(still_run) == 1
    monkeypatch.setattr(outputs, "RAYS_AT_ONCE", 90 * 7)
    advanced = []
    pictures = render(still_run, names, CameraSettings(), lambda: advanced.append(1))
    assert len(advanced) == num_strips(still_run) == 9
    for name, picture in pictures.items():
        assert picture.shape[:2] == (60, 90) and picture.dtype == np.float32
        np.testing.assert_allclose(picture, whole[name], rtol=1e-4, atol=1e-5)


def test_no_more_of_a_strip_is_kept_than_told(still_run, monkeypatch):
    whole = render(still_run, ("rgb", "defocus"), CameraSettings(), lambda: None)
    monkeypatch.setattr(outputs, "RAYS_AT_ONCE", 90 * 7)
    kept = render(
        still_run,
        ("rgb", "defocus"),
        CameraSettings(),
        lambda: None,
        lambda strip: np.rint(strip * 255).astype(np.uint8),
    )
    for name, picture in kept.items():
        assert picture.dtype == np.uint8
        np.testing.assert_allclose(picture, whole[name] * 255, atol=0.51)


@pytest.mark.parametrize(
    "settings",
    [
        CameraSettings(),
        CameraSettings(focus_position=0.6, aperture=2.0),
        CameraSettings(exposure_stops=-1.5, developed=False),
        CameraSettings(frame=2),
    ],
    ids=["as captured", "focus and aperture", "exposure", "frame"],
)
def test_a_picture_is_the_renderer_s(still_run, settings):
    names = still_run.renderer.output_names()
    for name, picture in render(still_run, names, settings, lambda: None).items():
        np.testing.assert_array_equal(picture, rendered(still_run, name, settings))


def test_only_what_is_named_is_computed(still_run, monkeypatch):
    monkeypatch.setattr(outputs, "sensor_radiance", lambda *_: pytest.fail("blurred"))
    assert set(render(still_run, ("hdr", "all_in_focus"), CameraSettings(), lambda: None)) == {"hdr", "all_in_focus"}


def test_a_picture_has_the_settings_and_the_time_it_is_given(still_run, moving_run):
    darker, brighter = (rendered(still_run, "rgb", CameraSettings(exposure_stops=stops)) for stops in (-1.0, 1.0))
    assert (brighter[30, 45] > darker[30, 45]).all()
    sharpest = rendered(still_run, "defocus", CameraSettings(focus_position=1.0))
    assert sharpest[30, 2, 0] > sharpest[30, -2, 0]
    hdr = [rendered(moving_run, "hdr", CameraSettings(time=time)) for time in (0.0, 1.0)]
    np.testing.assert_allclose(hdr[1][40, 40], hdr[0][40, 46], rtol=1e-4)


def test_a_picture_without_time_is_the_reference_frame_s(moving_run):
    pictures = [rendered(moving_run, "rgb", CameraSettings(time=time)) for time in (None, 1 / 3, 2 / 3)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


def test_a_frame_s_settings_do_not_brighten_what_is_tone_mapped(still_run):
    pictures = [
        render(still_run, ("rgb", "all_in_focus_hdr"), CameraSettings(frame=index), lambda: None) for index in range(3)
    ]
    means = [picture["rgb"].mean() for picture in pictures]
    assert means[0] < means[1] < means[2]
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture["all_in_focus_hdr"], pictures[0]["all_in_focus_hdr"])


def test_an_exposure_holds_through_frames_that_alternate_even_if_it_is_the_reference_s(moving_run):
    reference_stops = moving_run.capture.exposure_stops(moving_run.capture.reference_index)
    own, held = (
        [rendered(moving_run, "rgb", CameraSettings(time=time, exposure_stops=stops)) for time in (0.0, 1 / 3)]
        for stops in (None, reference_stops)
    )
    assert abs(own[0].mean() - own[1].mean()) > 5 * abs(held[0].mean() - held[1].mean())


def test_a_frame_is_taken_at_what_training_has_moved_its_settings_to(still_run):
    learned = still_run.state_dict()
    learned["camera.focus.positions"] = torch.tensor([-1.75, 0.0, 1.0])
    still_run.load_state_dict(learned)
    (moment,) = chosen_moments(still_run, ("F0E0",), None)
    np.testing.assert_array_equal(
        rendered(still_run, "rgb", moment.settings),
        rendered(still_run, "rgb", CameraSettings(focus_position=-1.75, exposure_stops=-3.0)),
    )


def test_frames_tell_what_was_learned(still_run, moving_run):
    with torch.no_grad():
        still_run.camera.focus.positions[2] = 0.75
    frames = learned_frames(still_run)
    assert [frame.name for frame in frames[:4]] == ["F0E0", "F0E1", "F0E2", "F1E0"]
    assert [frame.exposure_stops for frame in frames[:3]] == [-3.0, 0.0, 3.0]
    assert frames[-1].focus_position == 0.75
    assert learned_frames(moving_run)[0].focus_position is None


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
