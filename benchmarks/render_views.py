"""Makes captures of many views of the scenes of `render_scenes`, with ground truth.

    python -m benchmarks.render_views render Workbench FOLDER  (where bpy is installed; also Meadow)
    python -m benchmarks.render_views photograph FOLDER        (where this project is installed)

24 views in three rows, through a lens that is wide open, focused at three distances and exposed at -3, 0 and +3 stops,
which vary independently; six views between them for testing. FOLDER is then as nerfstudio reads it: poses in
metres and settings, images/, and true radiance: `gt/test_*.exr`, and of the photographs `gt/train_*.exr`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.render_scenes import SCENES, SENSOR_WIDTH_MM, STOPS, Builder, Lens, developed, exposed, set_up, take

LENSES = {"Workbench": Lens(45.0, 0.45, (1.9, 2.8, 4.6)), "Meadow": Lens(35.0, 0.35, (1.7, 3.0, 6.5))}
"""So fast that pictures of 200 pixels are blurred by some pixels."""

COLUMNS_M, ROWS_M = (-0.42, -0.3, -0.18, -0.06, 0.06, 0.18, 0.3, 0.42), (-0.02, 0.12, 0.26)
TEST_PLACES_M = ((-0.36, 0.05), (-0.12, 0.19), (0.0, 0.05), (0.12, 0.19), (0.24, 0.05), (0.36, 0.19))
"""Where cameras stand: to the right, and up."""

AIM_M = (0.0, 3.0, -0.02)
"""What they all look at."""


def render(name: str, folder: Path, width: int, height: int, samples: int, threads: int) -> None:
    """Writes linear/{train,sharp,test}_{number}.exr, and linear/views.json with what is known of them."""
    import bpy
    from mathutils import Vector

    build, seed = SCENES[name]
    build(Builder(bpy, seed))
    lens = LENSES[name]
    _, camera = set_up(bpy, lens, width, height, samples, threads)
    views, numbers = [], {"train": 0, "test": 0}
    places = [("train", x, z) for z in ROWS_M for x in COLUMNS_M] + [("test", *place) for place in TEST_PLACES_M]
    for split, x, z in places:
        number, numbers[split] = numbers[split], numbers[split] + 1
        camera.location = (x, 0, z)
        camera.rotation_euler = (Vector(AIM_M) - camera.location).to_track_quat("-Z", "Y").to_euler()
        bpy.context.view_layer.update()
        view = {"name": f"{split}_{number:03d}", "split": split, "pose": [list(row) for row in camera.matrix_world]}
        if split == "train":
            row, column = divmod(number, len(COLUMNS_M))
            view["focus_distance_m"] = lens.focus_distances_m[number % 3]
            view["exposure_stops"] = STOPS[(column // 3 + row + number // 3) % 3]
            take(bpy, lens, view["focus_distance_m"], number, folder / "linear" / f"train_{number:03d}.exr")
        sharp = f"sharp_{number:03d}.exr" if split == "train" else f"test_{number:03d}.exr"
        take(bpy, lens, None, 100 + number, folder / "linear" / sharp)
        views.append(view)
    focal_px = lens.focal_length_mm / SENSOR_WIDTH_MM * width
    told = {"width": width, "height": height, "focal_px": focal_px, "views": views, **lens.told()}
    (folder / "linear" / "views.json").write_text(json.dumps(told, indent=1))


def photograph(folder: Path) -> None:
    """Writes images/, gt/ and transforms.json of what was rendered."""
    import numpy as np

    from neucam_nerfstudio.imaging.image_files import write_image
    from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance

    told = json.loads((folder / "linear" / "views.json").read_text())
    grey = float(np.median([read_radiance(path).mean(-1) for path in sorted((folder / "linear").glob("test_*.exr"))]))
    generator, frames = np.random.default_rng(0), []
    for view in told["views"]:
        name, is_test = view["name"], view["split"] == "test"
        sharp = read_radiance(folder / "linear" / f"{name if is_test else name.replace('train', 'sharp')}.exr") / grey
        write_radiance(folder / "gt" / f"{name}.exr", sharp.astype(np.float32), "float")
        frame = {"transform_matrix": view["pose"], "split": view["split"]}
        if is_test:
            frame["file_path"] = f"gt/{name}.exr"
        else:
            light = read_radiance(folder / "linear" / f"{name}.exr") / grey
            photographed = developed(exposed(light, view["exposure_stops"], generator))
            write_image(folder / "images" / f"{name}.png", photographed)
            settings = {key: view[key] for key in ("focus_distance_m", "exposure_stops")}
            frame |= {"file_path": f"images/{name}.png", "f_number": told["f_number"], **settings}
        frames.append(frame)
    camera = {"w": told["width"], "h": told["height"], "fl_x": told["focal_px"], "fl_y": told["focal_px"]}
    camera |= {"cx": told["width"] / 2, "cy": told["height"] / 2, "focal_length_mm": told["focal_length_mm"]}
    (folder / "transforms.json").write_text(json.dumps({**camera, "frames": frames}, indent=1))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    rendering = steps.add_parser("render", help="needs bpy alone")
    rendering.add_argument("name", choices=SCENES)
    rendering.add_argument("folder", type=Path)
    for option, default in (("--width", 200), ("--height", 132), ("--samples", 96), ("--threads", 1)):
        rendering.add_argument(option, type=int, default=default)
    photographing = steps.add_parser("photograph", help="needs this project")
    photographing.add_argument("folder", type=Path)
    told = vars(parser.parse_args())
    {"render": render, "photograph": photograph}[told.pop("step")](**told)


if __name__ == "__main__":
    main()
