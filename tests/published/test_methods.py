"""The published method for each of the paper's tasks, number for number."""

from __future__ import annotations

import pytest

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.published import methods
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig, SirenSceneConfig

METHODS = {
    specification.config.method_name: specification.config
    for specification in (
        *(methods.neucam_paper, methods.neucam_multifocus_paper),
        *(methods.neucam_hdr_paper, methods.neucam_deblur_paper, methods.neucam_hdr_video_paper),
    )
}
KERNEL, SHARP = NeuralKernelConfig(num_taps=9, max_offset_px=5.0, layer_width=64, num_layers=4), BlurConfig()
PLAIN, ENCODED = NetworkSizes(0, 256, 4), NetworkSizes(3, 256, 4)
SCENES = {
    "neucam-paper": SirenSceneConfig(atlas_width=512, atlas_layers=5),
    "neucam-multifocus-paper": SirenSceneConfig(atlas_width=512, atlas_layers=5),
    "neucam-hdr-paper": DeformedSirenConfig(
        **{"atlas_width": 512, "atlas_layers": 5, "deformation": PLAIN, "mapping_scale": 1.0, "warm_up_rounds": 0},
        **{"rigidity_mult": 1.0, "rigidity_steps": 50_000, "flow_mult": 0.0},
    ),
    "neucam-deblur-paper": LayeredSirenConfig(
        **{"atlas_width": 512, "atlas_layers": 5, "deformation": ENCODED, "foreground_deformation": ENCODED},
        **{"opacity": NetworkSizes(4, 256, 4), "mapping_scale": 1.0, "warm_up_rounds": 100},
        **{"rigidity_mult": 1e-2, "rigidity_steps": 20_000, "flow_mult": 0.0, "mask_mult": 2.0, "mask_steps": 0},
        **{"hidden_foreground_mult": 1e-3, "undecided_opacity_mult": 1.0, "opacity_mult": 5e-2},
    ),
    "neucam-hdr-video-paper": LayeredSirenConfig(
        **{"atlas_width": 512, "atlas_layers": 5, "deformation": PLAIN},
        **{"foreground_deformation": NetworkSizes(3, 256, 6), "opacity": NetworkSizes(3, 256, 4)},
        **{"mapping_scale": 0.8, "warm_up_rounds": 100},
        **{"rigidity_mult": 1e-2, "rigidity_steps": 500_000, "flow_mult": 0.0, "mask_mult": 2.0, "mask_steps": 0},
        **{"hidden_foreground_mult": 5e-2, "undecided_opacity_mult": 1.0, "opacity_mult": 0.0},
    ),
}


@pytest.mark.parametrize("name", SCENES)
def test_published_scenes(name):
    scene = METHODS[name].pipeline.model.scene
    assert type(scene) is type(SCENES[name]) and scene == SCENES[name]


@pytest.mark.parametrize(
    ("name", "blur", "steps", "pixels", "frames"),
    [
        ("neucam-paper", KERNEL, 150_000, 14_175, "settings"),
        ("neucam-multifocus-paper", KERNEL, 100_000, 8_100, "focus-stack"),
        ("neucam-hdr-paper", SHARP, 150_000, 54_835, "moments"),
        ("neucam-deblur-paper", KERNEL, 800_000, 18_432, "moments"),
        ("neucam-hdr-video-paper", SHARP, 800_000, 18_432, "moments"),
    ],
)
def test_published_tasks(name, blur, steps, pixels, frames):
    config = METHODS[name]
    model, datamanager = config.pipeline.model, config.pipeline.datamanager
    assert (model.blur, config.max_num_iterations) == (blur, steps)
    assert (datamanager.train_num_rays_per_batch, datamanager.frames) == (pixels, frames)


@pytest.mark.parametrize("name", METHODS)
def test_what_all_tasks_share(name):
    config = METHODS[name]
    model = config.pipeline.model
    assert type(model) is PublishedModelConfig and not config.pipeline.datamanager.develop_all_exposures
    assert model.exposures == BoundedExposuresConfig()
    assert model.response == NeuralCurveConfig(layer_width=128, unit_exposure_mult=1.0, falling_response_mult=33.3)
    assert model.white_ldr == 1.0
    assert model.random_mu_law == (name in ("neucam-paper", "neucam-hdr-paper"))
    assert {group["optimizer"].lr for group in config.optimizers.values()} == {1e-4}


def test_published_response_freezing():
    config = METHODS["neucam-hdr-paper"]
    schedules = {name: group["scheduler"] for name, group in config.optimizers.items() if name != "blur"}
    assert {schedule.at_step for schedule in schedules.values()} == {48_000}
    rates = {name: 1e-4 * schedule.factor for name, schedule in schedules.items()}
    assert rates == {"scene": pytest.approx(1e-5), "focus": 0, "exposures": 0, "response": 0}
    model = config.pipeline.model
    assert (model.other_frames_mult, model.reference_first_step) == (0.2, 48_000)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "neucam-hdr-paper"])
def test_other_published_tasks_freeze_nothing(name):
    config = METHODS[name]
    assert {group["scheduler"] for group in config.optimizers.values()} == {None}
    assert config.pipeline.model.other_frames_mult == 1.0


def test_brackets_are_rendered_at_the_reference_frame_s_time_as_published():
    assert [name for name, config in METHODS.items() if config.pipeline.model.at_reference] == ["neucam-hdr-paper"]
