"""What is to be submitted to nerfstudio: the documentation page and the entry in its list of external methods."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from nerfstudio.configs.external_methods import ExternalMethod

REPOSITORY = Path(__file__).resolve().parent.parent
NERFOLOGY = REPOSITORY / "docs/nerfology"
PAGE = (NERFOLOGY / "neucam.md").read_text("utf8")
SUBMISSION = (NERFOLOGY / "external_methods_entry.md").read_text("utf8")


@pytest.fixture(scope="module")
def entry() -> ExternalMethod:
    """The entry, as nerfstudio's module would make it."""
    (block,) = re.findall(r"```python\n(.*?)```", SUBMISSION, re.DOTALL)
    external_methods: list[ExternalMethod] = []
    exec(block, {"ExternalMethod": ExternalMethod, "external_methods": external_methods})
    (made,) = external_methods
    return made


@pytest.fixture(scope="module")
def descriptions() -> dict[str, str]:
    """What the installed package registers, by method."""
    points = [point for point in entry_points(group="nerfstudio.method_configs") if "neucam" in point.value]
    return {point.name: point.load().description for point in points}


@pytest.mark.slow  # loads the methods, and so nerfstudio
def test_entry_lists_the_registered_methods_as_they_describe_themselves(entry, descriptions):
    assert len(entry.configurations) == len(descriptions)
    assert dict(entry.configurations) == descriptions


def test_page_and_entry_install_the_package_by_its_name(entry):
    (name,) = re.findall(r'^name = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    command = f"pip install {name}"
    assert entry.pip_package == name and f"[grey]{command}[/grey]" in entry.instructions
    assert re.findall(r"^pip install .+", PAGE, re.MULTILINE) == [command]


@pytest.mark.slow  # loads the methods, and so nerfstudio
def test_page_lists_the_registered_methods(descriptions):
    section = PAGE.split("## Requirements")[1].split("\n## ")[0]
    assert set(re.findall(r"`(neucam[\w-]*)`", section)) == set(descriptions)


def test_pictures_lie_where_the_page_looks_for_them_and_are_named_for_copying():
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", PAGE)
    assert pictures == ["../images/desk.png", "../images/viewer.png"]
    for picture in pictures:
        path = (NERFOLOGY / picture).resolve()
        assert path.is_file()
        upstream = Path("docs/nerfology") / picture.removeprefix("../")
        assert f"`{path.relative_to(REPOSITORY)}`" in SUBMISSION and f"`{upstream}`" in SUBMISSION


def test_sphinx_would_lose_pictures_in_html():
    assert "<img" not in PAGE
