"""Parts are named by kind, and a part of somebody else's is as good as ours."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch
import tyro

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlur, LensBlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig
from neucam_nerfstudio.camera.image_formation import sensor_radiance
from neucam_nerfstudio.camera.response.response import LinearResponse, ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.parts import Part, Start, TrainingRays, config_of_kind
from neucam_nerfstudio.scene.scene import PlanePlaces, SceneConfig

from .learned import capture_of, learn, photographs_of, start

BLUR = "neucam_nerfstudio.blur"
PLUGIN = "plugin_blur:BoxBlurConfig"
GROUPS = {config.group: config for config in (SceneConfig, BlurConfig, ExposureConfig, ResponseConfig)}


@pytest.fixture
def plugin(monkeypatch):
    """The module with a blur generator of somebody else's, as installed beside this package."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import plugin_blur

    yield plugin_blur
    sys.modules.pop("plugin_blur", None)


@pytest.mark.parametrize("group", GROUPS)
def test_every_kind_of_ours_is_a_configuration_of_its_name(group):
    kinds = {point.name: point.value for point in entry_points(group=group)}
    assert kinds
    for kind in kinds:
        config = config_of_kind(group, kind)
        assert issubclass(config, GROUPS[group]) and config().kind == kind and config().chosen().kind == kind


def test_a_kind_can_be_a_class():
    assert config_of_kind(BLUR, "neucam_nerfstudio.camera.blur.lens:LensBlurConfig") is LensBlurConfig


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "lense",
            "is no blur. Expected one of none, lens, motion, neural-kernel, thin-lens, or module:Class",
        ),
        ("collections:OrderedDict", "is no blur. Expected one of none, lens"),
        ("collections:Nothing", "cannot be loaded as a blur (module 'collections' has no attribute 'Nothing')"),
        ("no_such_module:Config", "cannot be loaded as a blur (No module named 'no_such_module')"),
        (":Config", "cannot be loaded as a blur (Empty module name)"),
    ],
)
def test_what_is_no_kind_is_said(kind, said):
    with pytest.raises(NeucamError) as refusal:
        LensBlurConfig(kind=kind).setup(capture=capture_of(2, 3), scene=None)
    assert str(refusal.value).startswith(f"{kind}: ") and said in str(refusal.value)


def test_the_own_kind_is_the_configuration_itself():
    config = LensBlurConfig(variation_mult=7.0)
    assert config.chosen() is config
    assert learn(capture_of(2, 3), blur=config).camera.blur.config is config


def test_another_kind_is_that_at_its_defaults():
    assert LensBlurConfig(kind="motion", variation_mult=7.0).chosen() == MotionBlurConfig()


def test_none_leaves_a_part_out_and_a_response_linear():
    for config in (LensBlurConfig(kind="none"), BlurConfig()):
        assert config.chosen() == BlurConfig() and config.setup(capture=capture_of(2, 3), scene=None) is None
    response = SrgbResponseConfig(kind="none").setup(capture=capture_of(2, 3))
    assert type(response) is LinearResponse


def test_a_part_that_is_left_out_can_be_named_again():
    assert isinstance(learn(capture_of(2, 3), blur=BlurConfig(kind="lens")).camera.blur, LensBlur)


def test_a_configuration_without_a_name_is_called_by_its_class(plugin):
    config = plugin.BoxBlurConfig()
    assert config.kind == PLUGIN and config.chosen() is config
    assert config_of_kind(BLUR, PLUGIN) is plugin.BoxBlurConfig
    assert plugin.BoxBlurConfig(kind="none").chosen() == BlurConfig()
    assert plugin.BoxBlurConfig(kind="lens").chosen() == LensBlurConfig()


def test_a_variant_of_ours_is_not_ours():
    class FineLens(LensBlur):
        """Ours, but for its name."""

    @dataclass
    class FineLensConfig(LensBlurConfig):
        _target: type = field(default_factory=lambda: FineLens)

    assert type(learn(capture_of(2, 3), blur=FineLensConfig()).camera.blur) is FineLens
    assert type(learn(capture_of(2, 3), blur=FineLensConfig(kind="lens")).camera.blur) is LensBlur


@pytest.mark.parametrize(
    ("arguments", "blur"),
    [
        ([], LensBlurConfig()),
        (["--blur", "none"], LensBlurConfig(kind="none")),
        (["--blur", PLUGIN], LensBlurConfig(kind=PLUGIN)),
        (["--blur.variation-mult", "7"], LensBlurConfig(variation_mult=7.0)),
    ],
)
def test_the_command_line_names_a_kind_by_the_part_and_its_options_below(arguments, blur):
    assert tyro.cli(NeucamModelConfig, args=arguments).blur == blur


def test_help_lists_the_kinds(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(NeucamModelConfig, args=["--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "lens, motion (ours), neural-kernel (published), none, or module:Class" in said
    assert "--blur STR" in said and "--blur.variation-mult FLOAT" in said
    assert not any(f"--blur.{hidden}" in said for hidden in ("kind", "_target", "-target", "group"))


def test_a_part_does_nothing_but_its_own_work_unless_it_says_so():
    class Idle(Part):
        pass

    capture = capture_of(2, 3)
    part, start = Idle(), Start(capture, photographs_of(capture))
    rays = TrainingRays(None, torch.zeros(1, dtype=torch.long), step=0)
    assert (part.notes, part.parameter_groups(), part.dials()) == ((), {}, ())
    assert (part.losses(rays), part.metrics(), part.start(start)) == ({}, {}, None)


def test_what_a_camera_can_do_without_is_left_out():
    assert learn(capture_of(2, 3), blur=BlurConfig()).camera.blur is None


@pytest.mark.parametrize(("part", "config"), [("scene", SceneConfig()), ("exposures", ExposureConfig())])
def test_what_every_picture_needs_cannot_be_left_out(part, config):
    with pytest.raises(NeucamError, match=f"no picture without {part}. Name another kind"):
        config.setup(capture=capture_of(2, 3))


def test_somebody_else_s_blur_sums_light_on_its_square(plugin):
    """On a ramp of light along u, an even square leaves all but the borders as they are, and spreads as far as it is
    wide: s^2 / 12 along each axis, but for its 3 taps a side, s^2 / 12 * (1 - 1 / 9)."""
    capture = capture_of(8, 8)
    learned = learn(capture, blur=plugin.BoxBlurConfig(side_px=3.0))
    said = start(learned)
    assert "The box starts 3 px wide for 1 photographs." in said
    learned.scene.field.pyramid.start_from(torch.arange(1.0, 9.0).log()[None, :, None].expand(8, 8, 3))
    places = PlanePlaces(torch.tensor([[0.5, 0.5]]), torch.zeros(1, 1))
    settings = learned.camera.settings_of_frame(0)
    radiance, taps = sensor_radiance(learned.scene, learned.camera.blur, places, settings)
    torch.testing.assert_close(radiance, torch.full((1, 3), 4.5))
    radius_px = learned.camera.blur.radius_px(places, taps)
    assert radius_px.item() == pytest.approx((2 * 2 * 9 / 12 * (1 - 1 / 9)) ** 0.5, rel=1e-4)
    assert [dial.label for dial in learned.camera.dials()] == ["Box width", "Exposure (stops)", "Response"]


def test_somebody_else_s_blur_is_trained_and_shown_by_name(plugin, tiny_desk, tmp_path, monkeypatch, capsys):
    from nerfstudio.scripts.train import entrypoint
    from nerfstudio.utils.eval_utils import eval_setup
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    arguments = f"neucam --data {tiny_desk} --output-dir {tmp_path} --timestamp run --vis tensorboard"
    options = f"--pipeline.model.blur {PLUGIN} --max-num-iterations 2 --logging.steps-per-log 1"
    monkeypatch.setattr(sys, "argv", ["ns-train", *arguments.split(), *options.split()])
    entrypoint()
    assert "The box starts 2 px wide for 9 photographs." in " ".join(capsys.readouterr().out.split())

    (run,) = tmp_path.glob("*/neucam/run")
    events = EventAccumulator(str(run)).Reload()
    shown = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert shown["Train Loss Dict/narrow_box"] == pytest.approx(0.5 * 2.0**2)
    assert shown["Train Metrics Dict/box_side_px"] == pytest.approx(2.0, abs=0.01)  # written after the step

    _, pipeline, _, _ = eval_setup(run / "config.yml", test_mode="test")
    blur = pipeline.model.learned.camera.blur
    assert type(blur) is plugin.BoxBlur
    assert 1.9 < blur.side_px.item() < 2.0, "two steps of the loss have made it narrower"
    slider = pipeline.camera_back.panel.sliders["aperture"]
    assert (slider.name, slider.min, slider.max, slider.value) == ("Box width", 0.0, 5.0, 1.0)
    assert "focus_position" not in pipeline.camera_back.panel.sliders  # it makes no difference
    camera = pipeline.datamanager.train_dataset.cameras[4:5]
    outputs = pipeline.model.get_outputs_for_camera(camera)
    assert not torch.allclose(outputs["rgb"], outputs["all_in_focus"], atol=1e-3)
    torch.testing.assert_close(outputs["defocus"][5:-5, 5:-5], torch.full((50, 80, 1), (8 / 9) ** 0.5))
