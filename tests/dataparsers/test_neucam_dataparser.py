"""`neucam-data`: configuration, splits, cameras, and what it prints."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import tyro
import yaml
from neucam_nerfstudio.rendering.image_plane import ImagePlane

from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig, NeucamDataParserSpecification
from neucam_nerfstudio.errors import NeucamError

HEAVY_MODULES = ["nerfstudio.engine.trainer", "nerfstudio.pipelines.base_pipeline", "rawpy", "OpenEXR", "skimage", "av"]


def outputs(folder, split="train", **options):
    return NeucamDataParserConfig(data=folder, **options).setup().get_dataparser_outputs(split)


def test_all_frames_train_and_evaluate(tiny_desk):
    train, test = outputs(tiny_desk, "train"), outputs(tiny_desk, "test")
    assert [path.name for path in train.image_filenames] == [f"F{i}E{j}.png" for i in range(3) for j in range(3)]
    assert test.image_filenames == train.image_filenames


@pytest.mark.parametrize("split", ["val", "test"])
def test_held_out_frames_are_the_evaluation_splits(tiny_desk, split):
    options = {"train_frames": ("F0E0", "F1E1", "F2E2")}
    assert [path.stem for path in outputs(tiny_desk, "train", **options).image_filenames] == ["F0E0", "F1E1", "F2E2"]
    held_out = outputs(tiny_desk, split, **options).image_filenames
    assert [path.stem for path in held_out] == ["F0E1", "F0E2", "F1E0", "F1E2", "F2E0", "F2E1"]


def test_settings_travel_with_the_cameras(tiny_desk):
    cameras = outputs(tiny_desk, train_frames=("F0E0", "F2E2")).cameras
    metadata = {name: values.tolist() for name, values in cameras.metadata.items()}
    assert metadata == {
        "exposure_stops": [[-3.0], [3.0]],
        "focus_position": [[-1.0], [1.0]],
        "exposure_index": [[0], [2]],
        "focus_index": [[0], [2]],
    }
    assert cameras.times.tolist() == [[0.0], [0.0]]


def test_rays_of_pixel_centres_meet_the_plane_at_their_coordinates(tiny_desk):
    cameras = outputs(tiny_desk).cameras
    rays = cameras.generate_rays(camera_indices=3, keep_shape=True)
    uv, _, inside = ImagePlane(60, 90).intersect(rays.origins, rays.directions)
    assert uv.shape == (60, 90, 2) and inside.all()
    torch.testing.assert_close(uv[0, 0], torch.tensor([0.5 / 90, 0.5 / 60]), atol=1e-5, rtol=0)
    torch.testing.assert_close(uv[59, 44], torch.tensor([44.5 / 90, 59.5 / 60]), atol=1e-5, rtol=0)
    assert rays.metadata["exposure_stops"].unique().tolist() == [-3.0]
    assert rays.metadata["focus_position"].unique().tolist() == [0.0]


def test_moments_have_times_and_a_time_slider(tiny_desk):
    parser = NeucamDataParserConfig(data=tiny_desk, frames="moments", eval_every=4).setup()
    assert parser.includes_time
    assert parser.get_dataparser_outputs("train").cameras.times.flatten().tolist() == [
        pytest.approx(index / 8) for index in (0, 1, 2, 3, 5, 6, 7)
    ]
    assert parser.get_dataparser_outputs("test").cameras.times.tolist() == [[0.5], [1.0]]


def test_settings_have_no_time_slider(tiny_desk):
    assert not NeucamDataParserConfig(data=tiny_desk).setup().includes_time


def test_photographs_are_read_once_for_all_splits(tiny_desk):
    parser = NeucamDataParserConfig(data=tiny_desk).setup()
    captures = [parser.get_dataparser_outputs(split).metadata["capture"] for split in ("train", "val", "test")]
    assert captures[0] is captures[1] is captures[2]


def test_frames_are_shown_once_with_the_choices_made(tiny_capture, capsys):
    (tiny_capture / "exposure.txt").unlink()
    parser = NeucamDataParserConfig(data=tiny_capture, train_frames=("F0*", "F1*")).setup()
    parser.get_dataparser_outputs("train")
    shown = " ".join(capsys.readouterr().out.split())
    assert "TinyDesk: 9 frames" in shown
    assert "No training frame has the focus of F2E0, F2E1, F2E2: it cannot be learned." in shown
    parser.get_dataparser_outputs("test")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("align", ["auto", "off"])
def test_alignment_is_the_option_s_to_say(tiny_desk, monkeypatch, align):
    asked = []
    monkeypatch.setattr(
        "neucam_nerfstudio.dataparsers.neucam_dataparser.load_capture", lambda _, **options: asked.append(options)
    )
    assert NeucamDataParserConfig(data=tiny_desk, align=align).setup().capture is None
    assert [options["align"] for options in asked] == [align]


def test_bad_capture_is_refused_while_parsing(tmp_path):
    with pytest.raises(NeucamError, match="no photographs"):
        outputs(tmp_path)


def test_whole_float_as_ns_render_sets_it_is_a_downscale_factor(tiny_desk):
    parser = NeucamDataParserConfig(data=tiny_desk).setup()
    parser.config.downscale_factor = 2.0
    assert parser.capture.downscale_factor == 2 and isinstance(parser.capture.downscale_factor, int)
    assert parser.capture.train_pixels.shape == (9, 30, 45, 3)


def test_downscale_factor_that_is_not_whole_is_refused(tiny_desk):
    with pytest.raises(NeucamError, match=r"--downscale-factor 1\.5: expected a whole number from 1"):
        outputs(tiny_desk, downscale_factor=1.5)


def test_options_of_the_command_line():
    arguments = "--data desk --train-frames F0E0 F1* --downscale-factor 2 --exposures refine --focus fix".split()
    config = tyro.cli(NeucamDataParserConfig, args=arguments)
    assert config.train_frames == ("F0E0", "F1*") and config.eval_frames == ()
    assert (config.downscale_factor, config.exposures, config.focus) == (2, "refine", "fix")
    arguments = "--data clip.mp4 --frame-range 3 40 --frame-stride 2 --eval-every 8 --reference 00007".split()
    config = tyro.cli(NeucamDataParserConfig, args=arguments)
    assert (config.frame_range, config.frame_stride) == ((3, 40), 2)
    assert (config.eval_every, config.reference) == (8, "00007")
    assert config.align == "auto" and tyro.cli(NeucamDataParserConfig, args=["--align", "off"]).align == "off"


def test_whether_frames_are_moments_is_the_method_s_choice_and_no_option(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(NeucamDataParserConfig, args=["--frames", "moments"])


def test_config_survives_the_yaml_file_of_a_run(tmp_path):
    config = NeucamDataParserConfig(data=tmp_path, train_frames=("F0E0",), frame_range=(0, 4), frames="moments")
    assert yaml.load(yaml.dump(config), Loader=yaml.Loader) == config


def test_specification_for_the_entry_point():
    assert isinstance(NeucamDataParserSpecification.config, NeucamDataParserConfig)


def test_importing_the_dataparser_is_light_and_silent():
    imported = f"print([module for module in {HEAVY_MODULES} if module in sys.modules])"
    code = f"import sys, neucam_nerfstudio.dataparsers.neucam_dataparser; {imported}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
