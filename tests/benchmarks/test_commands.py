import sys

import pytest

from benchmarks.commands import CommandFailed, Pace, run_measured


def test_measures_time_and_memory_of_the_command(tmp_path):
    code = "import time; block = bytearray(200_000_000); time.sleep(1)\nwhile time.process_time() < 0.5: pass"
    measurement = run_measured([sys.executable, "-c", code], tmp_path / "log")
    assert measurement.seconds > 1.3
    assert 0.5 < measurement.cpu_seconds < measurement.seconds - 0.8, "it sleeps for a second"
    assert measurement.peak_gigabytes > 0.2


def test_a_failure_shows_what_the_command_said(tmp_path):
    with pytest.raises(CommandFailed, match="ended with 3(.|\n)*out of film"):
        run_measured([sys.executable, "-c", "print('out of film'); raise SystemExit(3)"], tmp_path / "log")


@pytest.mark.parametrize(("seconds", "steps"), [(50.0, 4), (59.9, 4), (60.0, 5), (3.0, 1)])
def test_a_pace_tells_how_many_steps_fit(seconds, steps):
    assert Pace(fixed_seconds=10.0, step_seconds=10.0).steps_within(seconds) == steps
