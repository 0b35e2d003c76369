"""What README, CONTRIBUTING and CITATION tell people to type, to choose from and to open exists."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from neucam_nerfstudio import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
README, CONTRIBUTING, CITATION = (
    (REPOSITORY / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "CITATION.cff")
)
MAKEFILE = (REPOSITORY / "Makefile").read_text()


def test_every_command_is_installed():
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    programs = set(re.findall(r"^((?:ns|neucam)-[\w-]+)", "\n".join(blocks), re.MULTILINE))
    assert {"ns-train", "ns-viewer", "neucam-export"} <= programs
    assert programs <= entry_points(group="console_scripts").names


def test_methods_are_the_registered_ones():
    section = README.split("## Methods")[1].split("\n## ")[0]
    registered = {point.name for point in entry_points(group="nerfstudio.method_configs") if "neucam" in point.value}
    assert set(re.findall(r"`(neucam[\w-]*)`", section)) == registered


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_make_targets_exist(page):
    targets = re.findall(r"`make (\w+)`", page)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_files_it_links_to_exist(page):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_rooms_and_folders_of_quick_tests_exist():
    rooms = CONTRIBUTING.split("## The rooms")[1].split("```")[1]
    for room in re.findall(r"\w+/|\w+\.py", rooms):
        assert (REPOSITORY / "neucam_nerfstudio" / room).exists(), room
    (folders,) = re.findall(r"^QUICK := \$\(addprefix tests/,(.+)\)", MAKEFILE, re.MULTILINE)
    for folder in folders.split():
        assert (REPOSITORY / "tests" / folder).is_dir(), folder


def test_citation_names_this_version_and_the_authors_of_the_paper():
    assert f"\nversion: {__version__}\n" in CITATION
    (authors,) = re.findall(r"author\s*= \{(.+)\}", README)
    families = re.findall(r"family-names: (\w+)", CITATION)
    assert families == [author.split(",")[0] for author in authors.split(" and ")]
