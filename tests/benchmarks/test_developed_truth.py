import math

import cv2
import numpy as np

from benchmarks.developed_truth import fit_response, flat_places


def rendered_capture() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scene of smooth and busy places, and frames of it: half blurred, three exposures, a known response, noise."""
    noise = np.random.default_rng(0)
    v, u = np.mgrid[0:120, 0:160] / 120
    truth = np.exp(2.5 * np.sin(2 * u) * np.cos(3 * v))[..., None] * np.array([1.0, 0.7, 0.4])
    truth[:, :40] *= np.exp(noise.normal(size=(120, 40, 1)))
    stops = np.array([-2.0, 0.0, 2.0, -2.0, 0.0, 2.0])
    seen = [truth] * 3 + [cv2.blur(truth, (7, 7))] * 3
    frames = np.stack([known_response(light, s) for light, s in zip(seen, stops, strict=True)])
    return truth, (frames + 0.003 * noise.normal(size=frames.shape)).clip(0, 1), stops


def known_response(radiance: np.ndarray, exposure_stops: float) -> np.ndarray:
    exposure = radiance * 2**exposure_stops
    return (exposure / (1 + exposure)) ** (1 / np.array([2.2, 2.0, 1.8]))


def test_finds_a_known_response():
    truth, frames, stops = rendered_capture()
    response = fit_response(truth, frames, stops)
    assert response.residual < 0.006
    np.testing.assert_allclose(response.develop(truth, 0.0), known_response(truth, 0.0), atol=0.02)
    assert np.abs(response.develop(truth, 0.0) - known_response(truth, 0.0)).mean() < 0.003


def test_the_curves_never_fall():
    response = fit_response(*rendered_capture())
    assert all((np.diff(values) >= 0).all() for values in response.ldr)


def test_only_flat_places_count():
    log_radiance = np.zeros((30, 40, 3), np.float32)
    log_radiance[:, 20:] = math.log(2.0)
    flat = flat_places(log_radiance)
    np.testing.assert_array_equal(flat[15], np.abs(np.arange(40) - 19.5) > 4)
