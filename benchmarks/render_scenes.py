"""Makes the large captures of the tables: two scenes with detail in every pixel, rendered and then photographed.

    pip install bpy==4.2.0                                      (Blender as a module; in an environment of its own)
    python benchmarks/render_scenes.py render Workbench FOLDER  (there; also Meadow)
    python -m benchmarks.render_scenes photograph FOLDER        (where this project is installed)

`render` path-traces the scene through a thin lens at three focus distances, and through a pinhole, which is the truth:
linear EXR files in FOLDER/linear. `photograph` exposes each at -3, 0 and +3 stops: noise of a sensor, a filmic response
whose channels differ a little, 8 bit, so that FOLDER is a capture with ground truth.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

STOPS = (-3, 0, 3)
SENSOR_WIDTH_MM = 36.0

READ_NOISE, SHOT_NOISE = 4e-4, 1.2e-5
"""Standard deviation of light where there is none, and variance a unit of light, where white is 1 at 0 stops."""

SLOPES = (1.02, 1.0, 0.97)
SHOULDER_STOPS, TOE_STOPS = 5.0, 13.0
"""The response is a smooth step over the logarithm of light, so steep in each channel: from black, so many stops below
middle grey, to white, so many above."""

MEDIAN_LDR = 0.42
"""Pixel value of the median of the sharp picture's light at 0 stops."""

SPHERES = 48
"""Segments of a sphere each way."""


class Lens:
    """A lens and where it focuses."""

    def __init__(self, focal_length_mm: float, f_number: float, focus_distances_m: tuple[float, ...]) -> None:
        self.focal_length_mm, self.f_number, self.focus_distances_m = focal_length_mm, f_number, focus_distances_m

    def told(self) -> dict[str, object]:
        """What optics.json tells."""
        return {"evs": STOPS, "sensor_width_mm": SENSOR_WIDTH_MM, **vars(self)}


LENSES = {"Workbench": Lens(45.0, 2.2, (1.9, 2.8, 4.6)), "Meadow": Lens(35.0, 1.6, (1.7, 3.0, 6.5))}


class Builder:
    """Puts things into Blender's scene."""

    def __init__(self, bpy: Any, seed: int) -> None:
        self.bpy, self.random = bpy, random.Random(seed)
        bpy.ops.wm.read_factory_settings(use_empty=True)

    def material(
        self,
        kind: str,
        scale: float,
        dark: tuple[float, float, float],
        light: tuple[float, float, float],
        roughness: float = 0.6,
    ) -> Any:
        """A surface with detail at every size: noise, voronoi, bricks, checker or wood, and finer noise on top."""
        material = self.bpy.data.materials.new(kind)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        surface = nodes["Principled BSDF"]
        surface.inputs["Roughness"].default_value = roughness
        place = nodes.new("ShaderNodeTexCoord").outputs["Object"]
        texture, output = self._texture(nodes, kind, scale)
        links.new(place, texture.inputs["Vector"])
        fine = nodes.new("ShaderNodeTexNoise")
        fine.inputs["Scale"].default_value, fine.inputs["Detail"].default_value = 9 * scale, 4.0
        links.new(place, fine.inputs["Vector"])
        ramp = nodes.new("ShaderNodeValToRGB")
        ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*dark, 1), (*light, 1)
        ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.3, 0.7
        links.new(texture.outputs[output], ramp.inputs["Fac"])
        mix = nodes.new("ShaderNodeMix")
        mix.data_type, mix.blend_type = "RGBA", "OVERLAY"
        mix.inputs["Factor"].default_value = 0.8
        links.new(ramp.outputs["Color"], mix.inputs["A"])
        links.new(fine.outputs["Color"], mix.inputs["B"])
        links.new(mix.outputs["Result"], surface.inputs["Base Color"])
        return material

    def _texture(self, nodes: Any, kind: str, scale: float) -> tuple[Any, str]:
        names = {"noise": "Noise", "voronoi": "Voronoi", "brick": "Brick", "checker": "Checker", "wood": "Wave"}
        texture = nodes.new(f"ShaderNodeTex{names[kind]}")
        texture.inputs["Scale"].default_value = scale
        if kind == "noise":
            texture.inputs["Detail"].default_value = 3.0
        if kind == "wood":
            texture.inputs["Distortion"].default_value, texture.inputs["Detail"].default_value = 6.0, 3.0
        outputs = {"noise": "Fac", "voronoi": "Distance", "brick": "Color", "checker": "Fac", "wood": "Fac"}
        return texture, outputs[kind]

    def plain(self, colour: tuple[float, float, float], roughness: float, metallic: float = 0.0) -> Any:
        """A surface of one colour."""
        material = self.bpy.data.materials.new("plain")
        material.use_nodes = True
        inputs = material.node_tree.nodes["Principled BSDF"].inputs
        inputs["Base Color"].default_value = (*colour, 1)
        inputs["Roughness"].default_value, inputs["Metallic"].default_value = roughness, metallic
        return material

    def glowing(self, colour: tuple[float, float, float], strength: float) -> Any:
        """A surface that shines by itself."""
        material = self.plain((0, 0, 0), 1.0)
        inputs = material.node_tree.nodes["Principled BSDF"].inputs
        inputs["Emission Color"].default_value = (*colour, 1)
        inputs["Emission Strength"].default_value = strength
        return material

    def put(self, add: Callable[..., object], material: Any, smooth: bool = False, **how: Any) -> Any:
        """Adds something by one of Blender's operators, and its surface."""
        add(**how)
        thing = self.bpy.context.object
        thing.data.materials.append(material)
        if smooth:
            self.bpy.ops.object.shade_smooth()
        return thing

    def cube(self, material: Any, place: tuple[float, float, float], size: tuple[float, float, float], turn: float = 0):
        """A box."""
        thing = self.put(
            self.bpy.ops.mesh.primitive_cube_add, material, size=1, location=place, rotation=(0, 0, math.radians(turn))
        )
        thing.scale = size
        self.bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
        return thing

    def sphere(self, material: Any, place: tuple[float, float, float], radius: float) -> Any:
        """A ball."""
        add = self.bpy.ops.mesh.primitive_uv_sphere_add
        return self.put(add, material, True, segments=2 * SPHERES, ring_count=SPHERES, radius=radius, location=place)

    def text(self, words: str, material: Any, place: tuple[float, float, float], size: float, turn: float = 0) -> Any:
        """Upright writing that faces the camera."""
        turned = (math.radians(90), 0, math.radians(turn))
        thing = self.put(self.bpy.ops.object.text_add, material, location=place, rotation=turned)
        thing.data.body, thing.data.size, thing.data.extrude = words, size, 0.004
        return thing

    def hair(self, thing: Any, material: Any, count: int, length: float, width: float) -> None:
        """Hair or grass on a thing."""
        thing.data.materials.append(material)
        thing.modifiers.new("hair", "PARTICLE_SYSTEM")
        settings = thing.particle_systems[-1].settings
        settings.type, settings.count, settings.hair_length = "HAIR", count, length
        settings.material = len(thing.data.materials)
        settings.brownian_factor = settings.factor_random = 0.15 * length
        settings.use_advanced_hair = True
        settings.root_radius, settings.tip_radius, settings.radius_scale = 1.0, 0.2, width

    def light(self, place: tuple[float, float, float], aim: tuple[float, float, float], size: float, watts: float):
        """A square lamp."""
        from mathutils import Vector

        self.bpy.ops.object.light_add(type="AREA", location=place)
        lamp = self.bpy.context.object
        lamp.data.size, lamp.data.energy = size, watts
        lamp.rotation_euler = (Vector(aim) - Vector(place)).to_track_quat("-Z", "Y").to_euler()

    def sky(self, strength: float, is_gradient: bool) -> None:
        """Light from all around: one grey, or a sky with a sun."""
        world = self.bpy.data.worlds.new("world")
        self.bpy.context.scene.world = world
        world.use_nodes = True
        nodes, links = world.node_tree.nodes, world.node_tree.links
        nodes["Background"].inputs["Strength"].default_value = strength
        if is_gradient:
            sky = nodes.new("ShaderNodeTexSky")
            sky.sky_type, sky.turbidity, sky.sun_direction = "HOSEK_WILKIE", 3.0, (0.5, 0.7, 0.35)
            links.new(sky.outputs["Color"], nodes["Background"].inputs["Color"])


def build_workbench(build: Builder) -> None:
    """A bench in front of bricks: tools and toys from 1.6 to 5 m, printed words, a furry ball, lamps that shine."""
    ops = build.bpy.ops.mesh
    wood = build.material("wood", 7.0, (0.10, 0.05, 0.02), (0.45, 0.27, 0.13))
    build.cube(wood, (0, 2.6, -0.45), (4.4, 4.6, 0.08))
    bricks = build.material("brick", 4.0, (0.08, 0.03, 0.02), (0.52, 0.24, 0.16), 0.9)
    wall = build.put(ops.primitive_plane_add, bricks, size=9, location=(0, 5.2, 1.2), rotation=(math.pi / 2, 0, 0))
    wall.name = "wall"
    paper = build.material("noise", 30.0, (0.62, 0.6, 0.55), (0.85, 0.83, 0.78))
    ink = build.plain((0.02, 0.02, 0.03), 0.5)
    lines = "focus exposure radiance\nMEASURE TWICE, CUT ONCE\n0123456789 +-*/ {}[]\nsphinx of black quartz"
    for place, size, turn in (
        ((-0.74, 1.8, -0.14), 0.034, 8),
        ((0.45, 2.75, -0.1), 0.07, -12),
        ((-0.75, 4.5, 0.85), 0.11, 0),
    ):
        build.cube(
            paper, (place[0] + 6.2 * size, place[1] + 0.09, place[2] - 1.1 * size), (14 * size, 0.02, 6 * size), turn
        )
        build.text(lines, ink, place, size, turn)
    voronoi = build.material("voronoi", 28.0, (0.03, 0.14, 0.20), (0.55, 0.72, 0.66), 0.25)
    build.sphere(voronoi, (0.18, 1.95, -0.23), 0.18)
    build.sphere(build.plain((0.9, 0.9, 0.92), 0.08, 1.0), (-0.32, 2.35, -0.22), 0.19)
    build.sphere(build.material("noise", 22.0, (0.35, 0.02, 0.02), (0.75, 0.22, 0.08), 0.3), (0.95, 3.6, -0.05), 0.36)
    fur = build.sphere(build.plain((0.20, 0.11, 0.05), 0.8), (-0.85, 3.1, -0.12), 0.27)
    build.hair(fur, build.plain((0.42, 0.25, 0.11), 0.6), 26_000, 0.10, 0.0022)
    tiles = build.material("checker", 34.0, (0.05, 0.05, 0.07), (0.75, 0.72, 0.62), 0.35)
    build.cube(tiles, (0.56, 1.75, -0.28), (0.22, 0.22, 0.22), 31)
    metal = build.material("noise", 60.0, (0.25, 0.25, 0.27), (0.62, 0.6, 0.55), 0.3)
    for number in range(26):  # nails, rods and rings, in front of everything else
        angle, near = build.random.uniform(-0.35, 0.35), build.random.uniform(1.65, 4.4)
        place = (build.random.uniform(-0.48, 0.48) * near, near, -0.41 + build.random.uniform(0.15, 0.35))
        how = {"radius": 0.006, "depth": build.random.uniform(0.3, 0.7), "location": place}
        build.put(ops.primitive_cylinder_add, metal, True, vertices=24, rotation=(angle, angle * 1.7, 0), **how)
        if number % 3 == 0:
            ring = {"major_radius": 0.09, "minor_radius": 0.018, "major_segments": 64, "minor_segments": 24}
            turned = (build.random.uniform(0.6, 1.8), build.random.uniform(-0.6, 0.6), 0)
            spot = (place[0] + 0.2, near + 0.15, -0.33)
            build.put(
                ops.primitive_torus_add, voronoi if number % 2 else tiles, True, location=spot, rotation=turned, **ring
            )
    for x in (-1.25, 0.35, 1.55):
        build.sphere(build.glowing((1.0, 0.72, 0.4), 60.0), (x, 4.6, 1.02), 0.06)
        build.cube(metal, (x, 4.7, 1.65), (0.02, 0.02, 1.2))
    build.cube(build.glowing((0.35, 0.6, 1.0), 14.0), (-1.2, 3.9, 0.25), (0.03, 0.03, 0.9))
    build.text("OPEN", build.glowing((1.0, 0.15, 0.1), 10.0), (0.75, 4.95, 0.55), 0.34)
    build.light((-2.5, 0.5, 3.2), (0, 3, 0), 1.6, 160)
    build.light((2.8, 2.0, 2.6), (0, 3.5, -0.3), 0.5, 70)
    build.sky(0.12, is_gradient=False)


def build_meadow(build: Builder) -> None:
    """Grass, stones, trunks and leaves from 1.4 m to the horizon, before a bright sky."""
    ops = build.bpy.ops.mesh
    earth = build.material("noise", 12.0, (0.03, 0.02, 0.01), (0.16, 0.12, 0.06), 0.9)
    ground = build.put(
        ops.primitive_grid_add, earth, x_subdivisions=60, y_subdivisions=60, size=26, location=(0, 13.5, -0.6)
    )
    far_grass = build.plain((0.09, 0.16, 0.03), 0.7)
    build.hair(ground, far_grass, 140_000, 0.16, 0.006)
    near = build.put(
        ops.primitive_grid_add, earth, x_subdivisions=30, y_subdivisions=30, size=3.6, location=(0, 2.7, -0.595)
    )
    build.hair(near, build.plain((0.16, 0.24, 0.04), 0.6), 30_000, 0.2, 0.003)
    bark = build.material("noise", 16.0, (0.04, 0.025, 0.015), (0.30, 0.21, 0.14), 0.9)
    birch = build.material("wood", 9.0, (0.07, 0.06, 0.05), (0.72, 0.70, 0.66), 0.8)
    for number, (x, y, radius) in enumerate(
        ((-0.62, 1.75, 0.05), (0.95, 2.9, 0.11), (-1.4, 4.0, 0.16), (0.2, 5.6, 0.14), (2.1, 6.5, 0.2),
         (-2.9, 8.5, 0.25), (1.2, 10.0, 0.2), (-0.9, 12.0, 0.25), (4.6, 13.0, 0.3))
    ):  # fmt: skip
        lean = (build.random.uniform(-0.06, 0.06), build.random.uniform(-0.06, 0.06), 0)
        how = {"radius": radius, "depth": 7, "location": (x, y, 2.6), "rotation": lean, "vertices": 96}
        build.put(ops.primitive_cylinder_add, birch if number % 2 else bark, True, **how)
    stone = build.material("voronoi", 14.0, (0.12, 0.12, 0.12), (0.55, 0.52, 0.48), 0.7)
    for _ in range(60):
        y = build.random.uniform(1.5, 7.0)
        place = (build.random.uniform(-0.5, 0.5) * y, y, -0.57)
        pebble = build.sphere(stone, place, build.random.uniform(0.03, 0.12))
        pebble.scale = (1, build.random.uniform(0.6, 1), build.random.uniform(0.4, 0.7))
    leaves = [build.plain((0.07 + 0.1 * k, 0.2 + 0.05 * k, 0.02), 0.5) for k in range(4)]
    for k, (x, y, z, spread) in enumerate(
        ((-0.75, 1.65, 0.42, 0.3), (1.0, 2.9, 0.75, 0.6), (-1.4, 4.0, 1.3, 0.9), (2.1, 6.5, 1.9, 1.2))
    ):
        self_place = [
            (build.random.gauss(x, spread), build.random.gauss(y, spread / 2), build.random.gauss(z, spread / 2))
            for _ in range(900)
        ]
        _scatter_leaves(build, self_place, leaves[k], 0.022 * (1 + 0.5 * k))
    build.sphere(build.plain((0.95, 0.95, 0.95), 0.05, 1.0), (0.33, 2.3, -0.3), 0.2)
    post = build.material("wood", 30.0, (0.08, 0.05, 0.03), (0.4, 0.28, 0.17), 0.8)
    build.cube(post, (-0.3, 3.2, -0.2), (0.07, 0.07, 1.1))
    build.cube(build.material("noise", 30.0, (0.5, 0.45, 0.35), (0.8, 0.74, 0.6)), (-0.3, 3.14, 0.3), (0.8, 0.03, 0.24))
    build.text(
        "to the lake 1.4 km\nplease keep off the grass",
        build.plain((0.03, 0.02, 0.02), 0.6),
        (-0.64, 3.12, 0.31),
        0.062,
    )
    build.sphere(build.glowing((1.0, 0.8, 0.5), 90.0), (0.72, 3.1, 0.02), 0.05)
    build.sphere(build.glowing((1.0, 0.5, 0.3), 45.0), (-1.35, 6.4, 0.1), 0.07)
    build.bpy.ops.object.light_add(type="SUN", rotation=(math.radians(52), 0, math.radians(-35)))
    build.bpy.context.object.data.energy, build.bpy.context.object.data.angle = 3.0, 0.03
    build.sky(0.5, is_gradient=True)


def _scatter_leaves(build: Builder, places: list[tuple[float, float, float]], material: Any, size: float) -> None:
    """Many small four-cornered leaves as one thing."""
    from mathutils import Euler, Vector

    corners, faces = [], []
    for place in places:
        turn = Euler([build.random.uniform(0, 2 * math.pi) for _ in range(3)])
        for corner in ((-size, 0, 0), (0, -size / 2.2, size / 6), (size, 0, 0), (0, size / 2.2, size / 6)):
            spot = Vector(corner)
            spot.rotate(turn)
            corners.append(tuple(Vector(place) + spot))
        faces.append(tuple(range(len(corners) - 4, len(corners))))
    mesh = build.bpy.data.meshes.new("leaves")
    mesh.from_pydata(corners, [], faces)
    mesh.materials.append(material)
    build.bpy.context.collection.objects.link(build.bpy.data.objects.new("leaves", mesh))


SCENES: dict[str, tuple[Callable[[Builder], None], int]] = {
    "Workbench": (build_workbench, 7),
    "Meadow": (build_meadow, 11),
}
"""What builds each scene, and the seed of what is scattered in it."""


def render(name: str, folder: Path, width: int, height: int, samples: int, threads: int) -> None:
    """Writes linear/F{focus}.exr and linear/sharp.exr, and gt/optics.json."""
    import bpy

    build, seed = SCENES[name]
    build(Builder(bpy, seed))
    lens = LENSES[name]
    scene, camera = set_up(bpy, lens, width, height, samples, threads)
    camera.location, camera.rotation_euler = (0, 0, 0.12), (math.radians(89.0), 0, 0)
    for number, distance in enumerate((*lens.focus_distances_m, None)):
        scene.cycles.samples = samples if distance is not None else 2 * samples
        take(bpy, lens, distance, number, folder / "linear" / ("sharp.exr" if distance is None else f"F{number}.exr"))
    (folder / "gt").mkdir(parents=True, exist_ok=True)
    (folder / "gt" / "optics.json").write_text(json.dumps(lens.told(), indent=1))


def set_up(bpy: Any, lens: Lens, width: int, height: int, samples: int, threads: int) -> tuple[Any, Any]:
    """The scene and a camera in it, ready to take pictures."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.collection.objects.link(camera)
    camera.data.lens, camera.data.sensor_width = lens.focal_length_mm, SENSOR_WIDTH_MM
    scene.camera = camera
    settings = scene.render
    settings.engine, settings.resolution_x, settings.resolution_y = "CYCLES", width, height
    settings.threads_mode, settings.threads, settings.use_persistent_data = "FIXED", threads, True
    settings.image_settings.file_format, settings.image_settings.color_depth = "OPEN_EXR", "32"
    settings.filter_size = 1.2
    scene.cycles.samples, scene.cycles.max_bounces, scene.cycles.use_adaptive_sampling = samples, 1, False
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    scene.cycles.use_light_tree, scene.cycles.sample_clamp_indirect = False, 8.0
    return scene, camera


def take(bpy: Any, lens: Lens, focus_distance_m: float | None, seed: int, path: Path) -> None:
    """Writes the linear picture at a focus distance; None is in focus all over."""
    scene = bpy.context.scene
    depth_of_field = scene.camera.data.dof
    depth_of_field.use_dof = focus_distance_m is not None
    if focus_distance_m is not None:
        depth_of_field.focus_distance, depth_of_field.aperture_fstop = focus_distance_m, lens.f_number
    scene.cycles.seed, scene.render.filepath = seed, str(path)
    bpy.ops.render.render(write_still=True)


def photograph(folder: Path) -> None:
    """Writes F{focus}E{exposure}.png, exposure.txt and gt/all_in_focus_hdr.exr of what was rendered."""
    import numpy as np

    from neucam_nerfstudio.imaging.image_files import write_image
    from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance

    sharp = read_radiance(folder / "linear" / "sharp.exr")
    grey = float(np.median(sharp.mean(-1)))
    write_radiance(folder / "gt" / "all_in_focus_hdr.exr", (sharp / grey).astype(np.float32), "float")
    generator = np.random.default_rng(0)
    for focus in range(3):
        light = read_radiance(folder / "linear" / f"F{focus}.exr") / grey
        for number, stops in enumerate(STOPS):
            write_image(folder / f"F{focus}E{number}.png", developed(exposed(light, stops, generator)))
    (folder / "exposure.txt").write_text("".join(f"{stops}\n" for stops in STOPS))


def exposed(light: Any, stops: float, generator: Any) -> Any:
    """Light on a sensor that has noise."""
    import numpy as np

    arrived = light * 2.0**stops
    deviation = np.sqrt(READ_NOISE**2 + SHOT_NOISE * arrived)
    return arrived + deviation * generator.standard_normal(arrived.shape)


def developed(light: Any) -> Any:
    """Pixel values in [0, 1] of light, where that of the median is 1: a filmic curve a channel."""
    import numpy as np

    middle = math.asin(2 * MEDIAN_LDR - 1) / math.pi + 0.5  # where the smooth step below has the median's pixel value
    stops = np.log2(np.maximum(light, 1e-6)) * np.array(SLOPES)
    along = middle + np.where(stops > 0, stops / SHOULDER_STOPS * (1 - middle), stops / TOE_STOPS * middle)
    return (0.5 - 0.5 * np.cos(np.pi * np.clip(along, 0, 1))).astype(np.float32)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    rendering = steps.add_parser("render", help="needs bpy alone")
    rendering.add_argument("scene", choices=SCENES)
    rendering.add_argument("folder", type=Path)
    for option, default in (("--width", 1800), ("--height", 1200), ("--samples", 8), ("--threads", 1)):
        rendering.add_argument(option, type=int, default=default)
    photographing = steps.add_parser("photograph", help="needs this project")
    photographing.add_argument("folder", type=Path)
    told = vars(parser.parse_args())
    {"render": render, "photograph": photograph}[told.pop("step")](
        *((told.pop("scene"),) if "scene" in told else ()), **told
    )


if __name__ == "__main__":
    main()
