"""Where pictures were taken from, and through which lens, by COLMAP (Schönberger & Frahm 2016)."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.runtime import num_cpus

if TYPE_CHECKING:
    import pycolmap

LensModel = Literal["simple-pinhole", "pinhole", "simple-radial", "radial", "opencv", "opencv-fisheye"]
"""COLMAP's camera models that nerfstudio has, too."""
Matching = Literal["auto", "exhaustive", "sequential"]

LEAST_VIEWPOINTS = 3
"""Two pictures tell neither a lens nor whether they were matched rightly."""
MOST_EXHAUSTIVE = 100
"""Pictures of which each is compared with each by default: 4950 pairs, some minutes on a few cores."""
SEED = 0
"""Of all that COLMAP draws at random."""

PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fl_x fl_y cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fl_x fl_y cx cy k1 k2 p1 p2",
    "OPENCV_FISHEYE": "fl_x fl_y cx cy k1 k2 k3 k4",
}
"""What the parameters of COLMAP's models are, by the names that nerfstudio has for them."""
IN_PIXELS = frozenset({"f", "fl_x", "fl_y", "cx", "cy"})


class Care(NamedTuple):
    """How sure COLMAP must be.

    Attributes:
        peak_threshold: Least contrast of a feature.
        least_of_first_pair: Matches that the first two pictures share.
        least_angle_deg: Between the rays of these.
        least_of_picture: Matches that place a picture.
    """

    peak_threshold: float
    least_of_first_pair: int
    least_angle_deg: float
    least_of_picture: int


USUAL_CARE = Care(0.02 / 3, 100, 16.0, 30)
"""COLMAP's own."""
LESS_CARE = Care(0.002, 50, 8.0, 20)
"""For what that does not place. Blurred pictures of 200 x 132 pixels (GalleryMultiview, enlarged): 24 of 24 by this,
and 2 by COLMAP's own."""


class Seen(NamedTuple):
    """What a picture shows of the points that were found.

    Attributes:
        points: Their numbers.
        places_px: x and y.
        distances: Along the optical axis, in the unit of the poses.
    """

    points: Int[np.ndarray, " seen"]
    places_px: Float[np.ndarray, "seen 2"]
    distances: Float[np.ndarray, " seen"]


@dataclass(frozen=True)
class Poses:
    """What structure from motion has found. Its world's unit and axes are its own.

    Attributes:
        camera_to_world: Of each picture that was placed, by its name; OpenGL axes (right, up, backward).
        lenses: Of each of them, as `transforms.json` has it: camera_model, fl_x, fl_y, cx, cy and distortion.
        points: Places of what several of them show.
        seen: Of each of them, the points that it shows.
        mean_error_px: Mean distance of a point from where it is seen.
    """

    camera_to_world: Mapping[str, Float[np.ndarray, "3 4"]]
    lenses: Mapping[str, Mapping[str, float | str]]
    points: Float[np.ndarray, "points 3"]
    seen: Mapping[str, Seen]
    mean_error_px: float


def import_pycolmap() -> ModuleType:
    """Imports COLMAP, an optional library, and has it say only what is wrong.

    It answers signals by ending the process at once; those who did before do so again.

    Raises:
        NeucamError: It is missing.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        import pycolmap
    except ImportError as error:
        raise NeucamError(
            "Poses are found by COLMAP, which is not installed. Install it with pip install 'neucam-nerfstudio[poses]'"
            " (or pip install pycolmap)."
        ) from error
    with suppress(ValueError):  # signals are the main thread's
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    pycolmap.logging.minloglevel = int(pycolmap.logging.FATAL)
    return pycolmap


def find_poses(
    folder: Path,
    names: Sequence[str],
    scale: float,
    lens_model: LensModel = "simple-radial",
    one_lens: bool = True,
    matching: Matching = "auto",
) -> Poses:
    """Where pictures were taken from. The same pictures give the same poses.

    Args:
        folder: Where the pictures are; their EXIF tells a focal length to start from, if it is there.
        names: Of the files, in the order in which they were taken.
        scale: How many times larger the pictures are than those whose pixels lenses and points are to be told in.
        lens_model: Of the lens.
        one_lens: Whether all pictures share one lens and one focal length.
        matching: Which pictures are compared: each with each, or each with those after it.

    Raises:
        NeucamError: COLMAP is missing, or places fewer than three pictures.
    """
    colmap = import_pycolmap()
    with TemporaryDirectory() as temporary:
        best, features, pairs = None, {}, 0
        for number, care in enumerate((USUAL_CARE, LESS_CARE)):
            work = Path(temporary) / str(number)
            work.mkdir()
            found, features, pairs = _reconstructed(
                colmap, folder, names, work, care, lens_model, one_lens, _by_number(matching, len(names))
            )
            if best is None or (found is not None and found.num_reg_images() > best.num_reg_images()):
                best = found
            if best is not None and best.num_reg_images() == len(names):
                break
        if best is None or best.num_reg_images() < LEAST_VIEWPOINTS:
            raise NeucamError(_nothing_found(best, features, pairs))
        return _poses(best, scale)


def _by_number(matching: Matching, num_pictures: int) -> Literal["exhaustive", "sequential"]:
    if matching == "auto":
        return "exhaustive" if num_pictures <= MOST_EXHAUSTIVE else "sequential"
    return matching


def _reconstructed(
    colmap: ModuleType,
    pictures: Path,
    names: Sequence[str],
    work: Path,
    care: Care,
    lens_model: LensModel,
    one_lens: bool,
    matching: Literal["exhaustive", "sequential"],
) -> tuple[pycolmap.Reconstruction | None, dict[str, int], int]:
    """The largest model that COLMAP makes, if any; features of each picture; and how many pairs show the same."""
    colmap.set_random_seed(SEED)
    database = work / "database.db"
    reading, extraction = colmap.ImageReaderOptions(), colmap.FeatureExtractionOptions()
    matching_options, mapping = colmap.FeatureMatchingOptions(), colmap.IncrementalPipelineOptions()
    reading.camera_model = lens_model.replace("-", "_").upper()
    extraction.sift.peak_threshold = care.peak_threshold
    extraction.num_threads = matching_options.num_threads = num_cpus()
    mapping.num_threads = mapping.mapper.num_threads = 1  # of several, the quickest would choose the first pair
    mode = colmap.CameraMode.SINGLE if one_lens else colmap.CameraMode.PER_IMAGE
    # first all pictures: what threads extract would be numbered in the order in which they are done
    colmap.Database.open(database).close()
    colmap.import_images(database, pictures, mode, list(names), reading)
    colmap.extract_features(database, pictures, list(names), mode, reading, extraction)
    verification = colmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = SEED
    match = colmap.match_exhaustive if matching == "exhaustive" else colmap.match_sequential
    match(database, matching_options, verification_options=verification)
    with colmap.Database.open(database) as found:
        features = {image.name: found.num_keypoints_for_image(image.image_id) for image in found.read_all_images()}
        _, matches = found.read_two_view_geometry_num_inliers()
        pairs = sum(number >= verification.min_num_inliers for number in matches)
    mapping.min_model_size = LEAST_VIEWPOINTS
    mapping.random_seed = mapping.mapper.random_seed = mapping.triangulation.random_seed = SEED
    mapping.mapper.init_min_num_inliers = care.least_of_first_pair
    mapping.mapper.init_min_tri_angle = care.least_angle_deg
    mapping.mapper.abs_pose_min_num_inliers = care.least_of_picture
    models = colmap.incremental_mapping(database, pictures, work / "models", mapping)
    return max(models.values(), key=lambda model: model.num_reg_images(), default=None), features, pairs


def _nothing_found(best: pycolmap.Reconstruction | None, features: Mapping[str, int], pairs: int) -> str:
    num_placed = 0 if best is None else best.num_reg_images()
    found = f"COLMAP places {num_placed} of {len(features)} viewpoints, expected at least {LEAST_VIEWPOINTS}"
    poor = [name for name, number in features.items() if number < USUAL_CARE.least_of_picture]
    if len(poor) > len(features) - LEAST_VIEWPOINTS:
        return (
            f"{found}: it finds hardly any detail in {listed(poor)}. Give sharper or larger photographs, of something"
            " with texture."
        )
    if pairs < LEAST_VIEWPOINTS - 1:
        return f"{found}: hardly any two pictures show the same. Neighbours must overlap by two thirds or so."
    return (
        f"{found}, although {pairs} pairs of pictures show the same. The camera must move from viewpoint to viewpoint,"
        " not only turn, and what it sees must not be flat. Photographs of one place are one viewpoint: put them into a"
        " folder of their own."
    )


def _poses(model: pycolmap.Reconstruction, scale: float) -> Poses:
    numbers = {identity: number for number, identity in enumerate(model.points3D)}
    points = np.array([point.xyz for point in model.points3D.values()], np.float64).reshape(-1, 3)
    camera_to_world, lenses, seen = {}, {}, {}
    for image in model.images.values():
        if not image.has_pose:
            continue
        opencv = np.asarray(image.cam_from_world().inverse().matrix(), np.float64)
        camera_to_world[image.name] = opencv * [1.0, -1.0, -1.0, 1.0]
        lenses[image.name] = _lens(model.cameras[image.camera_id], scale)
        shown = [point for point in image.points2D if point.has_point3D()]
        of_points = np.array([numbers[point.point3D_id] for point in shown], np.int64)
        places = np.array([point.xy for point in shown], np.float64).reshape(-1, 2) / scale
        seen[image.name] = Seen(of_points, places, (points[of_points] - opencv[:, 3]) @ opencv[:, 2])
    return Poses(camera_to_world, lenses, points, seen, float(model.compute_mean_reprojection_error()) / scale)


def _lens(camera: pycolmap.Camera, scale: float) -> dict[str, float | str]:
    """A camera as `transforms.json` has it, of pictures that are so many times smaller."""
    model, lens = camera.model.name, {}
    for name, value in zip(PARAMETERS[model].split(), camera.params, strict=True):
        number = float(value) / (scale if name in IN_PIXELS else 1)
        lens |= {"fl_x": number, "fl_y": number} if name == "f" else {name: number}
    # nerfstudio's reader wants two focal lengths, and takes models without distortion for those with it
    return {"camera_model": "OPENCV_FISHEYE" if model == "OPENCV_FISHEYE" else "OPENCV", **lens}
