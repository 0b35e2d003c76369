"""Scenes of which all is known, photographed by a thin lens: cards before a wall from places along an arc, and a box in
a room from all around.

    python -m benchmarks.made_viewpoints FOLDER    (the box, with poses, settings and true radiance)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.image_files import quantised, write_image
from neucam_nerfstudio.imaging.radiance_files import write_radiance
from neucam_nerfstudio.photometry import encode_srgb

Picture = Float[np.ndarray, "height width 3"]
Vector = Float[np.ndarray, "3"]

TEXTURE_PX = 768
FINE, COARSE = (6, 12, 24, 48, 96, 192), (4, 8, 12)
"""Blotches each way of the octaves of a texture; coarse ones are some pixels large in small pictures."""
FOCAL_OF_WIDTH = 1.1
"""Focal length, in widths of the picture."""
READ_NOISE, SHOT_NOISE = 0.002, 0.01
"""Standard deviation of a sensor's value, of white: in the dark, and what the square root of light adds."""


class Card(NamedTuple):
    """A flat thing with a picture on it.

    Attributes:
        corner: Metres; y is up, and cameras look along -z.
        across: From the corner to that beside it.
        down: From the corner to that below it.
        texture: Linear radiance.
    """

    corner: Vector
    across: Vector
    down: Vector
    texture: Picture


@dataclass(frozen=True)
class Shoot:
    """How the scene is photographed from each place.

    Attributes:
        width: Of pictures, in pixels; they are two thirds as high.
        num_places: Along the arc.
        focus_distances_m: Of the photographs at a place.
        exposure_stops: Of the photographs at each focus.
        aperture_radius_m: Of the lens; 0 is all in focus.
        lens_samples: Points of the aperture that light is collected at.
    """

    width: int = 480
    num_places: int = 12
    focus_distances_m: Sequence[float] = (1.3, 1.9, 3.2)
    exposure_stops: Sequence[float] = (-3.0, 0.0, 3.0)
    aperture_radius_m: float = 0.03
    lens_samples: int = 24

    @property
    def height(self) -> int:
        """Of pictures, in pixels."""
        return self.width * 2 // 3

    @property
    def focal_px(self) -> float:
        """Focal length."""
        return FOCAL_OF_WIDTH * self.width

    def camera_to_world(self, place: int) -> Float[np.ndarray, "3 4"]:
        """OpenGL axes; metres. Every second place is higher than its neighbours."""
        angle = np.deg2rad(np.linspace(-22, 22, self.num_places)[place])
        centre = np.array([2.1 * np.sin(angle), 0.12 * (place % 2), 2.1 * np.cos(angle) - 2.0])
        return looking_at(np.array([0.0, 0.0, -2.0]), centre)

    def radiance(self, cards: Sequence[Card], place: int, focus_distance_m: float | None) -> Picture:
        """What the lens makes of the scene; all in focus where no distance is given."""
        pose = self.camera_to_world(place)
        if focus_distance_m is None:
            return self._pinhole(cards, pose, np.zeros(2), 1.0)
        samples = np.arange(self.lens_samples) + 0.5
        radius, turn = np.sqrt(samples / self.lens_samples), samples * np.pi * (3 - np.sqrt(5))  # a sunflower's seeds
        offsets = self.aperture_radius_m * np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
        pictures = (self._pinhole(cards, pose, offset, focus_distance_m) for offset in offsets)
        return np.sum(list(pictures), axis=0, dtype=np.float32) / self.lens_samples

    def _pinhole(
        self,
        cards: Sequence[Card],
        pose: Float[np.ndarray, "3 4"],
        offset_m: Float[np.ndarray, 2],
        focus_distance_m: float,
    ) -> Picture:
        """What is seen from a point of the aperture, of which all points see the same at the distance in focus."""
        rows, columns = np.mgrid[: self.height, : self.width] + 0.5
        x = (columns - self.width / 2) / self.focal_px * focus_distance_m - offset_m[0]
        y = -(rows - self.height / 2) / self.focal_px * focus_distance_m - offset_m[1]
        rays = np.stack([x, y, np.full_like(x, -focus_distance_m)], axis=-1) @ pose[:, :3].T
        origin = pose[:, 3] + pose[:, :2] @ offset_m
        nearest, picture = np.full(x.shape, np.inf), np.zeros((*x.shape, 3), np.float32)
        for card in cards:
            normal = np.cross(card.across, card.down)
            slope = rays @ normal
            distance = np.dot(card.corner - origin, normal) / np.where(slope == 0, np.inf, slope)
            hit = origin + distance[..., None] * rays - card.corner
            u, v = (hit @ side / np.dot(side, side) for side in (card.across, card.down))
            seen = (distance > 0) & (distance < nearest) & (u > 0) & (u < 1) & (v > 0) & (v < 1)
            if not seen.any():
                continue
            height, width, _ = card.texture.shape
            x, y = ((share[seen] * size - 0.5).astype(np.float32) for share, size in ((u, width), (v, height)))
            colours = cv2.remap(card.texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            nearest[seen], picture[seen] = distance[seen], colours[:, 0]
        return picture


@dataclass(frozen=True)
class RoundShoot(Shoot):
    """Photographs from a circle around the origin, one a place; every fifth is for testing."""

    width: int = 96
    num_places: int = 20
    focus_distances_m: Sequence[float] = (1.7, 2.4, 4.0)
    exposure_stops: Sequence[float] = (-2.0, 0.0, 2.0)
    aperture_radius_m: float = 0.08

    def camera_to_world(self, place: int) -> Float[np.ndarray, "3 4"]:
        """OpenGL axes; metres. All look a little down."""
        angle = 2 * np.pi * place / self.num_places
        centre = np.array([2.4 * np.sin(angle), 0.6 + 0.2 * (place % 2), 2.4 * np.cos(angle)])
        return looking_at(np.zeros(3), centre)


def looking_at(aim: Vector, centre: Vector) -> Float[np.ndarray, "3 4"]:
    """The pose of a camera that stands upright and looks at a point; OpenGL axes."""
    backward = (centre - aim) / np.linalg.norm(centre - aim)
    right = np.cross([0.0, 1.0, 0.0], backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward, centre], axis=1)


def box_in_a_room(seed: int = 0) -> list[Card]:
    """A box of a metre's side in the middle of a room of six; its faces differ in brightness by 4 stops."""
    random = np.random.default_rng(seed)
    up, cards = np.array([0.0, 1.0, 0.0]), []
    for half, height, middle, brightest in ((0.5, 1.0, 0.0, 1.6), (3.0, 3.0, 1.0, 0.5)):
        for turn in range(4):
            out = np.array([np.sin(turn * np.pi / 2), 0.0, np.cos(turn * np.pi / 2)])
            across, top = 2 * half * np.cross(up, out), (middle + height / 2) * up
            light = brightest * 2.0 ** (-4 * turn / 3)
            cards.append(Card(half * out - across / 2 + top, across, -height * up, _texture(random, light, COARSE)))
        for level, light in ((middle + height / 2, 0.5), (middle - height / 2, 0.1)):
            corner = np.array([-half, level, -half])
            right, backward = 2 * half * np.eye(3)[[0, 2]]
            cards.append(Card(corner, right, backward, _texture(random, light, COARSE)))
    return cards


def write_round_shoot(folder: Path, shoot: RoundShoot, seed: int = 0) -> None:
    """Writes what `neucam-3d-data` opens; exposures and focus vary independently, and gt/ has true radiance."""
    cards, random, frames = box_in_a_room(seed), np.random.default_rng(seed + 1), []
    for place in range(shoot.num_places):
        name, is_test = f"view_{place:02}", place % 5 == 2
        focus = shoot.focus_distances_m[place % 3]
        stops = shoot.exposure_stops[place // 3 % 3]
        pixels = photograph(shoot.radiance(cards, place, focus), stops, random)
        write_image(folder / "images" / f"{name}.png", quantised(pixels, 8))
        if is_test:
            (folder / "gt").mkdir(exist_ok=True)
            write_radiance(folder / "gt" / f"{name}.exr", shoot.radiance(cards, place, None))
        pose = np.concatenate([shoot.camera_to_world(place), [[0, 0, 0, 1]]])
        told = {"focus_distance_m": focus, "exposure_stops": stops, "split": "test" if is_test else "train"}
        frames.append({"file_path": f"images/{name}.png", "transform_matrix": pose.tolist(), **told})
    focal_length_mm = 50.0
    centre = {"cx": shoot.width / 2, "cy": shoot.height / 2}
    camera = {"fl_x": shoot.focal_px, "w": shoot.width, "h": shoot.height, **centre}
    lens = {"focal_length_mm": focal_length_mm, "f_number": focal_length_mm / 2000 / shoot.aperture_radius_m}
    meta = {**camera, **lens, "metres_per_unit": 1.0, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(meta, indent=1))


def cards_before_wall(seed: int = 0, num_cards: int = 9) -> list[Card]:
    """A wall at 3.3 m, a floor, and cards from 1.1 to 2.8 m from the cameras; radiance from 0.004 to 12."""
    random = np.random.default_rng(seed)
    wall = Card(np.array([-3.0, 1.6, -3.4]), np.array([6.0, 0, 0]), np.array([0, -2.6, 0]), _texture(random, 0.3))
    floor = Card(np.array([-3.0, -0.6, -3.4]), np.array([6.0, 0, 0]), np.array([0, 0, 3.2]), _texture(random, 0.08))
    cards = [wall, floor]
    for number in range(num_cards):
        turn, side = random.uniform(-0.7, 0.7), random.uniform(0.35, 0.6)
        centre = np.array([random.uniform(-0.9, 0.9), random.uniform(-0.4, 0.55), -1.15 - 1.6 * number / num_cards])
        across = side * np.array([np.cos(turn), 0.0, np.sin(turn)])
        down = np.array([0.0, -side, 0.0])
        brightness = 0.03 * 2.0 ** (7 * random.permutation(num_cards)[0] / num_cards)
        cards.append(Card(centre - across / 2 - down / 2, across, down, _texture(random, brightness)))
    return cards


def _texture(random: np.random.Generator, brightness: float, octaves: Sequence[int] = FINE) -> Picture:
    """Blotches of all sizes and colours, as strong an octave as the next, and some hard edges."""
    light = np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32)
    for cells in octaves:
        noise = random.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        noise += random.normal(0, 1.5, (cells, cells, 1)).astype(np.float32)
        method = cv2.INTER_NEAREST if cells in (24, 96) else cv2.INTER_CUBIC
        light += cv2.resize(noise, (TEXTURE_PX, TEXTURE_PX), interpolation=method)
    return (brightness * np.exp(0.25 * light)).astype(np.float32)


def photograph(radiance: Picture, exposure_stops: float, random: np.random.Generator) -> Picture:
    """A photograph's pixel values in [0, 1]: exposed, with noise, clipped, in the curve of the sRGB standard."""
    exposed = radiance * np.float32(2.0**exposure_stops)
    noise = random.normal(0, 1, exposed.shape) * np.sqrt(READ_NOISE**2 + SHOT_NOISE**2 * np.minimum(exposed, 1))
    return encode_srgb(np.clip(exposed + noise, 0, 1)).astype(np.float32)


def write_shoot(folder: Path, shoot: Shoot, cards: Sequence[Card] | None = None, seed: int = 0) -> None:
    """Writes `place_00/F0E0.png` and so on, with an `exposure.txt` a place, and `sharp/place_00.png`, which has all the
    light without blur, tone mapped by a logarithm."""
    cards, random = cards or cards_before_wall(seed), np.random.default_rng(seed + 1)
    for place in range(shoot.num_places):
        home = folder / "shoot" / f"place_{place:02}"
        home.mkdir(parents=True)
        (home / "exposure.txt").write_text("".join(f"{stops:g}\n" for stops in shoot.exposure_stops))
        for focus, distance in enumerate(shoot.focus_distances_m):
            radiance = shoot.radiance(cards, place, distance)
            for exposure, stops in enumerate(shoot.exposure_stops):
                pixels = photograph(radiance, stops, random)
                write_image(home / f"F{focus}E{exposure}.png", quantised(pixels, 8))
        sharp = shoot.radiance(cards, place, None)
        write_image(folder / "sharp" / f"place_{place:02}.png", np.log1p(100 * sharp) / np.log1p(100 * sharp.max()))


if __name__ == "__main__":
    write_round_shoot(Path(sys.argv[1]), RoundShoot())
