"""Which settings of a long stack each place is fused from."""

import numpy as np
import pytest

from neucam_nerfstudio.classical.near_settings import BLOCK_PX, WHOLE, NearBlocks, NearSettings

SIZE = 4 * BLOCK_PX, 6 * BLOCK_PX


def blocks(focus: np.ndarray, count: int, beyond: int = 2) -> NearBlocks:
    """Of a picture of `SIZE` whose small copies, a quarter of that, have a focus that detail tells everywhere."""
    small = np.broadcast_to(focus, [side // 4 for side in SIZE]).astype(np.float32)
    return NearBlocks.of(small, small, beyond, SIZE, count)


def first_settings(near: NearSettings, part) -> np.ndarray:
    height, width = (side.stop - side.start for side in part)
    return np.broadcast_to(near.first_settings(part), (height, width))


@pytest.mark.parametrize("focus", [0.0, 7.0, 19.0])
def test_an_even_picture_has_the_same_few_settings_everywhere(focus):
    whole = slice(0, SIZE[0]), slice(0, SIZE[1])
    near = blocks(np.array(focus), 20).near(whole)
    assert near.places == ((whole, max(0, int(focus) - 2)),)
    assert near.count == len({*range(max(0, int(focus) - 2), min(20, int(focus) + 3))})


def test_settings_follow_a_slope_and_are_no_more_than_one_block_needs():
    slope = np.linspace(0, 29, SIZE[1] // 4)
    part = slice(0, SIZE[0]), slice(0, SIZE[1])
    near = blocks(slope, 30).near(part)
    assert near.count < 18
    first = first_settings(near, part)
    focus = np.repeat(slope, 4)
    inner = slice(BLOCK_PX, -BLOCK_PX)
    assert (first <= focus - 1)[:, inner].all() and (first + near.count - 1 >= focus + 1)[:, inner].all()
    assert first.min() == 0 and first.max() + near.count == 30
    areas = [(r.stop - r.start) * (c.stop - c.start) for (r, c), _ in near.places]
    assert sum(areas) == SIZE[0] * SIZE[1], "places make up the part, and overlap nowhere"


def test_both_sides_of_an_edge_are_fused_from_all_that_lies_between():
    """Near the edge both sides are needed, and what is beside it goes on with the same settings: no seam."""
    edge = np.where(np.arange(SIZE[1] // 4) < SIZE[1] // 8, 5.0, 35.0)
    part = slice(0, SIZE[0]), slice(0, SIZE[1])
    near = blocks(edge, 40).near(part)
    assert near.count == 35 and near.places == ((part, 3),)


def test_what_places_give_is_put_together():
    rows = slice(10, 14)
    part = rows, slice(20, 26)
    places = ((rows, slice(20, 22)), 3), ((rows, slice(22, 26)), 4)
    made = NearSettings(2, places).composed(
        part, lambda own, first: np.full((own[0].stop - own[0].start, own[1].stop - own[1].start, 3), first)
    )
    np.testing.assert_array_equal(made[0, :, 0], [3, 3, 4, 4, 4, 4])
    assert made.shape == (4, 6, 3)
    assert NearSettings.all_of(5) == (5, ((WHOLE, 0),)) and NearSettings.all_of(5).first_settings(part) == 0
