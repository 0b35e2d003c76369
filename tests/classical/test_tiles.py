import numpy as np
import pytest

from neucam_nerfstudio.classical.tiles import overlapping_tiles, row_blocks


@pytest.mark.parametrize("size", [(4000, 6000), (6000, 400), (400, 6000), (1000, 1001), (3, 100_000)])
@pytest.mark.parametrize("most_pixels", [300_000, 2_000_000])
def test_tiles_cover_a_picture_once_and_overlap_by_their_margin(size, most_pixels):
    covered = np.zeros(size, np.uint8)
    for tile in overlapping_tiles(*size, most_pixels, margin_px=100, alignment_px=32):
        covered[tile.part] += 1
        for part, whole, side in zip(tile.part, tile.with_margin, size, strict=True):
            assert part.start % 32 == 0 and whole.start == max(0, part.start - 128)
            assert whole.stop == min(side, part.stop + 128)
        with_margin = covered[tile.with_margin]
        assert with_margin.size <= max(1.3 * most_pixels, 420 * 420)
        assert with_margin[tile.inner].shape == covered[tile.part].shape
    assert (covered == 1).all()


def test_a_small_picture_is_one_tile():
    (tile,) = overlapping_tiles(300, 450, 300 * 450, margin_px=64, alignment_px=64)
    assert tile.part == tile.with_margin == tile.inner == (slice(0, 300), slice(0, 450))


def test_blocks_of_rows_cover_a_picture_in_order():
    blocks = list(row_blocks(1000, 300))
    assert np.concatenate([np.arange(1000)[rows] for rows in blocks]).tolist() == list(range(1000))
    assert [rows.stop - rows.start for rows in row_blocks(2, 10**6)] == [1, 1]
