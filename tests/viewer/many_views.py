"""Photographs of glowing balls from three places, each at a focus distance and an f-number of its own."""

from __future__ import annotations

import numpy as np

from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.models.learned_capture import LearnedCapture

from ..learned import capture_of, learn
from ..scene.volume import Blob, BlobsConfig

HEIGHT, WIDTH, FOCAL_PX = 20, 30, 30.0
NEAR, REFERENCE, FAR = 0, 1, 2
"""Frames: focused at 1 m, at 2 m, and at infinity."""
F_NUMBERS = (2.0, 4.0, 2.0)
METRES_PER_UNIT = 0.5
BLOBS = (Blob((1.2, 0.0, -3.0), 0.02, 20.0, (2.0, 0.5, 0.5)), Blob((-0.5, 0.0, -4.0), 0.5, 20.0, (0.2, 0.8, 0.4)))
"""In world units, of which two are one metre."""


def turned(degrees: float, tilted: float, place: tuple[float, float, float]) -> np.ndarray:
    """A pose that looks along y, with z up; then to the left, and down."""
    about_z, about_x = np.radians((degrees, -tilted))
    ahead = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # right, up and backward in the columns
    across = [[np.cos(about_z), -np.sin(about_z), 0], [np.sin(about_z), np.cos(about_z), 0], [0, 0, 1]]
    down = [[1, 0, 0], [0, np.cos(about_x), -np.sin(about_x)], [0, np.sin(about_x), np.cos(about_x)]]
    return np.concatenate([np.array(across) @ ahead @ np.array(down), np.array(place)[:, None]], axis=1)


def three_views(**changed: object) -> Capture:
    """The reference frame is at the origin and looks along -z, with y up."""
    poses = [turned(20.0, 10.0, (0.5, -2.0, 0.25)), np.eye(3, 4), turned(-10.0, 0.0, (0.0, -3.0, 0.0))]
    known = {
        "camera_to_world": np.stack(poses),
        "focal_px": np.full((3, 2), FOCAL_PX),
        "centre_px": np.tile([WIDTH / 2, HEIGHT / 2], (3, 1)),
        "distortion": None,
        "metres_per_unit": METRES_PER_UNIT,
        "scale_evidence": "made",
        "focus_distance_m": np.array([1.0, 2.0, np.inf]),
        "f_number": np.array(F_NUMBERS),
        "focal_length_mm": np.full(3, 300.0),
    }
    views = Views(**{**known, **changed})
    return capture_of(HEIGHT, WIDTH, positions=(1.0, 0.5, 0.0), reference_index=REFERENCE, views=views)


def learned_views(balls: tuple[Blob, ...] = BLOBS, **changed: object) -> LearnedCapture:
    """Before anything is learned; `changed` are fields of `Views`."""
    return learn(three_views(**changed), BlobsConfig(blobs=balls), ThinLensBlurConfig()).eval()
