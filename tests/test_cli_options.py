"""Options that a configuration inherits and nothing reads: gone from the command line, kept in the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import pytest
import tyro

from neucam_nerfstudio.cli_options import without_options


@dataclass
class Part:
    size: int = 3


@dataclass
class Inherited:
    patches: int = 1
    part: Part = field(default_factory=Part)
    rays: int = 64


@without_options("patches", "part")
@dataclass
class Own(Inherited):
    rays: int = 8


@pytest.mark.parametrize("arguments", [["--patches", "2"], ["--part.size", "4"]])
def test_hidden_options_are_refused(arguments):
    assert tyro.cli(Inherited, args=arguments) != Inherited()
    with pytest.raises(SystemExit):
        tyro.cli(Own, args=arguments)


def test_the_fields_and_all_other_options_stay():
    assert [part.name for part in fields(Own)] == ["patches", "part", "rays"]
    assert tyro.cli(Own, args=["--rays", "5"]) == Own(1, Part(3), 5)
    assert tyro.cli(Own, args=[], default=Own(patches=7)).patches == 7


def test_help_does_not_list_them(capsys):
    with pytest.raises(SystemExit):
        tyro.cli(Own, args=["--help"])
    shown = capsys.readouterr().out
    assert "--rays" in shown and "--patches" not in shown and "--part" not in shown


def test_only_inherited_fields_can_be_hidden():
    with pytest.raises(KeyError, match="colour"):
        without_options("colour")(Own)
