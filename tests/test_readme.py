"""What the README tells users to type and choose from exists."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text()


def test_every_command_is_installed():
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    programs = set(re.findall(r"^((?:ns|neucam)-[\w-]+)", "\n".join(blocks), re.MULTILINE))
    assert {"ns-train", "ns-viewer", "neucam-export"} <= programs
    assert programs <= entry_points(group="console_scripts").names


def test_methods_are_the_registered_ones():
    section = README.split("## Methods")[1].split("\n## ")[0]
    registered = {point.name for point in entry_points(group="nerfstudio.method_configs") if "neucam" in point.value}
    assert set(re.findall(r"`(neucam[\w-]*)`", section)) == registered


def test_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_files_it_links_to_exist():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
