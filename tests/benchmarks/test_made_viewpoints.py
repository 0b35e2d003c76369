"""The made capture from all around, as `neucam-3d-data` opens it."""

from __future__ import annotations

import numpy as np

from benchmarks.made_viewpoints import RoundShoot, write_round_shoot
from neucam_nerfstudio.capture.views.opening import open_views


def test_a_box_from_all_around_opens_with_its_settings(tmp_path):
    shoot = RoundShoot(width=24, num_places=10, lens_samples=2)
    write_round_shoot(tmp_path, shoot)
    capture, _ = open_views(tmp_path)
    views = capture.views
    assert views is not None and (capture.height, capture.width) == (16, 24)
    assert len(capture.train_indices) == 8 and len(capture.eval_indices) == 2
    assert {position for position in np.round(1 / np.array(capture.focuses.positions), 3)} == {1.7, 2.4, 4.0}
    np.testing.assert_allclose(views.aperture_radius_m, 0.08)
    np.testing.assert_allclose(np.linalg.norm(views.places[:, [0, 2]], axis=1), 2.4)
    assert (views.axes.mean(0)[[0, 2]] ** 2).max() < 1e-6, "they look all ways"
    assert all(capture.radiance_truth[index] is not None for index in capture.eval_indices)
