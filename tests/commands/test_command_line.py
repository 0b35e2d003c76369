"""The command line as a user types it: methods and options are found, bad input ends in a message."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nerfstudio.scripts import train

from benchmarks.large_pictures import ways
from benchmarks.moving_table import SHORT_WARM_UP
from neucam_nerfstudio.errors import NeucamError

from .conftest import METHODS


@pytest.fixture
def parse(monkeypatch):
    """What `ns-train` would run: `parse("neucam", "--data", folder)`."""

    def parse(*arguments: str | Path):
        parsed = []
        monkeypatch.setattr(sys, "argv", ["ns-train", *map(str, arguments)])
        monkeypatch.setattr(train, "main", parsed.append)
        train.entrypoint()
        return parsed[0]

    return parse


@pytest.mark.parametrize("method", METHODS)
def test_data_is_all_a_method_needs(parse, method, tiny_desk):
    config = parse(method, "--data", tiny_desk)
    assert config.method_name == method and config.data == tiny_desk


def test_options_of_the_capture_come_after_neucam_data(parse, tiny_desk):
    config = parse(
        *("neucam", "--data", tiny_desk, "--max-num-iterations", "7", "--vis", "tensorboard"),
        *("--pipeline.model.blur", "none", "--pipeline.model.scene.variation-mult", "0"),
        *("neucam-data", "--train-frames", "F0E0", "F1*", "--downscale-factor", "2", "--exposures", "learn"),
    )
    parser = config.pipeline.datamanager.dataparser
    assert (parser.train_frames, parser.downscale_factor, parser.exposures) == (("F0E0", "F1*"), 2, "learn")
    assert config.max_num_iterations == 7
    assert config.pipeline.model.blur.kind == "none" and config.pipeline.model.scene.variation_mult == 0


def test_options_that_benchmarks_give_exist(parse, tiny_desk):
    every_pixel = ways(num_pixels=700_000, times=2)["neucam, every pixel learned, rays in proportion"]
    config = parse("neucam", "--data", tiny_desk, *every_pixel)
    model = config.pipeline.model
    assert model.scene.most_learned_cells == model.blur.most_learned_cells == 700_000
    assert config.pipeline.datamanager.train_num_rays_per_batch == 4 * 8192
    config = parse("neucam-hdr-video-paper", "--data", tiny_desk, *SHORT_WARM_UP)
    assert config.pipeline.model.scene.warm_up_rounds == 1


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys) -> Callable[..., str]:
    """What `ns-train neucam --data DATA ...` says to standard error when it ends before training, in this process: the
    program's start takes 20 seconds of a processor, and does nothing but this."""

    def run(data: Path, *options: str) -> str:
        always = ["--data", str(data), "--output-dir", str(tmp_path / "runs"), "--vis", "tensorboard"]
        monkeypatch.setattr(sys, "argv", ["ns-train", "neucam", *always, *options])
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        with pytest.raises(NeucamError) as error:
            train.entrypoint()
        assert not list(tmp_path.rglob("*.ckpt"))
        capsys.readouterr()
        sys.excepthook(error.type, error.value, error.tb)
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return " ".join(said.split())

    return run


def test_kinds_that_do_not_exist_are_refused_before_training(refused, tiny_desk):
    expected = "bokeh: is no blur. Expected one of none, lens, motion, neural-kernel, thin-lens, or module:Class"
    assert expected in refused(tiny_desk, "--pipeline.model.blur", "bokeh")


def test_options_that_nothing_reads_are_none(parse, capsys):
    with pytest.raises(SystemExit):
        parse("neucam", "--help")
    shown = capsys.readouterr().out
    assert "--pipeline.datamanager.train-num-rays-per-batch" in shown
    for unread in ("patch-size", "-on-gpu", "images-to-sample", "pixel-sampler", "collider", "coefficients", "prompt"):
        assert unread not in shown


def test_help_lists_the_methods_with_their_descriptions(parse, capsys):
    with pytest.raises(SystemExit) as ended:
        parse("--help")
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert ended.value.code == 0
    for method in METHODS:
        assert f" {method} " in shown
    assert "All-in-focus HDR from a focus stack" in shown


def test_bad_input_ends_in_a_message_before_training(refused, tiny_capture):
    (tiny_capture / "exposure.txt").write_text("0\nbright\n3\n")
    said = refused(tiny_capture)
    assert "exposure.txt" in said and "bright" in said
