"""The viewer is the only room that knows viser, and only the pipeline knows the viewer."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import neucam_nerfstudio

PACKAGE = Path(neucam_nerfstudio.__file__).parent
VIEWERS = ("viser", "nerfstudio.viewer", "nerfstudio.viewer_legacy", "neucam_nerfstudio.viewer")

WITHOUT_VIEWER = (
    *("camera.implicit_camera", "scene.grid_scene", "scene.moving_scene", "rendering.outputs", "rendering.view"),
    *("models.learned_capture", "models.presets", "published.scene", "published.kernel_blur"),
    *("scripts.export.trained_run", "scripts.export.options"),
)
"""Modules that need no nerfstudio."""


def imported(path: Path) -> set[str]:
    """Modules that a file imports, wherever it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def test_no_other_room_imports_a_viewer_but_the_pipeline_ours():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] != "viewer"
        for name in imported(path)
        if any(name == viewer or name.startswith(f"{viewer}.") for viewer in VIEWERS)
    }
    assert found == {("training/pipeline.py", "neucam_nerfstudio.viewer.camera_back")}


def test_nobody_asks_which_thread_it_runs_in():
    questions = {"current_thread", "get_ident", "main_thread", "enumerate"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            asks = isinstance(node, ast.Attribute) and node.attr in questions and ast.unparse(node.value) == "threading"
            assert not asks, f"{path}:{node.lineno}"


def test_scene_camera_and_renderer_load_neither_viser_nor_nerfstudio():
    modules = [f"neucam_nerfstudio.{name}" for name in WITHOUT_VIEWER]
    look = "import sys, {}; print([name for name in ('viser', 'nerfstudio') if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", look.format(", ".join(modules))], capture_output=True, text=True)
    assert ended.stdout == "[]\n", ended.stderr
