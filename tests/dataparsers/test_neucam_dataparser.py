"""`neucam-data`: configuration, splits, cameras, and what it prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import tyro
import yaml

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig, NeucamDataParserSpecification
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scene.image_plane import ImagePlane

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
    assert rays.metadata["exposure_index"].unique().tolist() == [0]
    assert rays.metadata["focus_index"].unique().tolist() == [1]


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
        "neucam_nerfstudio.dataparsers.neucam_dataparser.open_capture",
        lambda data, **options: asked.append(options) or open_capture(data, **options),
    )
    assert NeucamDataParserConfig(data=tiny_desk, align=align).setup().capture.notes == ()
    assert [options["align"] for options in asked] == [align]


def test_bad_capture_is_refused_while_parsing(tmp_path):
    with pytest.raises(NeucamError, match="no photographs"):
        outputs(tmp_path)


def test_whole_float_as_ns_render_sets_it_is_a_downscale_factor(tiny_desk):
    parser = NeucamDataParserConfig(data=tiny_desk).setup()
    parser.config.downscale_factor = 2.0
    assert parser.capture.downscale_factor == 2 and isinstance(parser.capture.downscale_factor, int)
    assert parser.opened[1][0].shape == (30, 45, 3)


def test_downscale_factor_that_is_not_whole_is_refused(tiny_desk):
    with pytest.raises(NeucamError, match=r"--downscale-factor 1\.5: expected a whole number from 1"):
        parser = NeucamDataParserConfig(data=tiny_desk).setup()
        parser.config.downscale_factor = 1.5
        parser.get_dataparser_outputs("train")


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


def test_importing_the_dataparsers_is_light_and_silent():
    imported = f"print([module for module in {HEAVY_MODULES} if module in sys.modules])"
    modules = ", ".join(f"neucam_nerfstudio.dataparsers.{name}_dataparser" for name in ("neucam", "views"))
    code = f"import sys, {modules}; {imported}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def with_manifest(data: Path, manifest: Path, **options):
    return NeucamDataParserConfig(data=data, manifest=manifest, **options).setup()


def test_what_was_found_is_kept_and_read_again(tiny_capture, tmp_path, capsys):
    manifest = tmp_path / "run" / "capture.json"
    first = with_manifest(tiny_capture, manifest, train_frames=("F0*", "F1*")).capture
    assert manifest.is_file()
    for path in (tiny_capture / "F0E9.png", tiny_capture / "exposure.txt"):
        path.write_bytes(b"changes nothing any more")
    parser = with_manifest(tiny_capture, manifest, train_frames=("F0*", "F1*"))
    assert parser.capture == first and parser.opened[1].capture is parser.capture
    assert parser.get_dataparser_outputs("train").metadata["pixels"] is parser.opened[1]


def test_an_edited_value_is_said(tiny_capture, tmp_path, capsys):
    manifest = tmp_path / "capture.json"
    with_manifest(tiny_capture, manifest).get_dataparser_outputs("train")
    text = manifest.read_text().replace('{"value": -3.0,', '{"value": -2.0,', 1)
    manifest.write_text(text)
    capsys.readouterr()
    with_manifest(tiny_capture, manifest).get_dataparser_outputs("train")
    said = " ".join(capsys.readouterr().out.split())
    assert "F0E0: exposure -2 stops as edited in capture.json (exposure.txt, line 1 had -3)." in said
    assert "-2.00 (edited)" in said and "exposures are fixed" in said


def test_photographs_that_moved_are_where_data_says(tiny_capture, tmp_path, capsys):
    manifest = tmp_path / "capture.json"
    with_manifest(tiny_capture, manifest).opened  # noqa: B018
    elsewhere = tiny_capture.rename(tmp_path / "elsewhere")
    capture, pixels = with_manifest(elsewhere, manifest).opened
    assert capture.data == elsewhere and pixels[0][...].shape == (60, 90, 3)
    assert any(note.startswith(f"Photographs are read from {elsewhere}, as edited") for note in capture.notes)
    capture, _ = with_manifest(tiny_capture, manifest).opened
    assert capture.data == tiny_capture, "what is missing is missed when it is needed"


def test_a_manifest_may_be_the_data(tiny_capture, tmp_path):
    given, own = tmp_path / "capture.json", tmp_path / "run" / "capture.json"
    with_manifest(tiny_capture, given, train_frames=("F0*", "F1*")).opened  # noqa: B018
    (tiny_capture / "F0E9.png").write_bytes(b"is not looked at")
    parser = with_manifest(given, own)
    assert len(parser.capture.train_indices) == 6 and own.is_file()
    assert with_manifest(given, own).capture == parser.capture
    with pytest.raises(NeucamError, match=r"capture\.json: says already which frames are used and how\. Leave the opt"):
        NeucamDataParserConfig(data=given, train_frames=("F0*",)).setup().capture  # noqa: B018
    with pytest.raises(NeucamError, match="the capture of a still scene, but this method takes moments"):
        NeucamDataParserConfig(data=given, frames="moments").setup().capture  # noqa: B018


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (3, r"--downscale-factor 3: the run was trained at a size divided by 2\."),
        (0, "--downscale-factor 0: expected a whole number from 1"),
        (-2, "--downscale-factor -2: expected a whole number from 1"),
    ],
)
def test_size_that_a_run_cannot_have_is_refused(tiny_capture, tmp_path, factor, message):
    with_manifest(tiny_capture, tmp_path / "capture.json", downscale_factor=2).opened  # noqa: B018
    with pytest.raises(NeucamError, match=message):
        with_manifest(tiny_capture, tmp_path / "capture.json", downscale_factor=factor).get_dataparser_outputs("test")


def test_only_the_first_of_several_processes_writes(tiny_capture, tmp_path, monkeypatch):
    monkeypatch.setattr("neucam_nerfstudio.dataparsers.neucam_dataparser.is_main_process", lambda: False)
    with_manifest(tiny_capture, tmp_path / "capture.json").opened  # noqa: B018
    assert not (tmp_path / "capture.json").exists()
