"""Batches in their proportions, drawn from seed and step alone."""

import threading
import time

import numpy as np
import pytest

from data import batches
from data.samples import Samples


def test_pools_hold_each_kind():
    found = batches.pools(np.array([1, 0, 3, 0, 1, 3, 3], np.int8))
    assert [pool.tolist() for pool in found] == [[1, 3], [0, 4], [], [2, 5, 6]]


@pytest.mark.parametrize(
    ("size", "ratio", "counts"),
    [
        (7, (3, 1, 1, 2), (3, 1, 1, 2)),
        (700, (3, 1, 1, 2), (300, 100, 100, 200)),
        (512, (3, 1, 1, 2), (220, 73, 73, 146)),
        # 54.86, 18.29, 18.29, 36.57: the largest remainders get the two that are left.
        (128, (3, 1, 1, 2), (55, 18, 18, 37)),
        (5, (3, 1, 1, 0), (3, 1, 1, 0)),
        (1, (1, 1, 1, 1), (1, 0, 0, 0)),
        (8, (0, 0, 0, 1), (0, 0, 0, 8)),
        (6, (0.5, 0.25, 0.25, 0.5), (2, 1, 1, 2)),
    ],
)
def test_shares_by_hand(size, ratio, counts):
    assert batches.shares(size, ratio) == counts
    assert sum(counts) == size


POOLS = tuple(
    np.arange(start, start + count) for start, count in ((0, 50), (50, 9), (59, 1), (60, 20))
)


class TestDraw:
    def test_every_batch_has_its_proportions(self):
        for step in range(20):
            drawn = batches.draw(POOLS, (30, 10, 10, 20), seed=3, step=step)
            assert drawn.dtype == np.int32
            for pool, part in zip(POOLS, np.split(drawn, [30, 40, 50]), strict=True):
                assert np.isin(part, pool).all()

    def test_is_a_function_of_seed_and_step(self):
        def draw(seed, step):
            return batches.draw(POOLS, (30, 10, 10, 20), seed=seed, step=step).tolist()

        assert draw(1, 5) == draw(1, 5)
        drawn = [draw(seed, step) for seed in range(3) for step in range(3)]
        assert len({tuple(one) for one in drawn}) == 9

    def test_is_the_same_for_ever(self):
        """Philox is a published function of counter and key, so these numbers are fixed."""
        drawn = batches.draw(POOLS, (3, 1, 1, 2), seed=0, step=0)
        words = np.random.Philox(key=[0, 0]).random_raw(7) >> 32
        sizes = [50, 50, 50, 9, 1, 20, 20]
        starts = [0, 0, 0, 50, 59, 60, 60]
        expected = [
            start + int(word) * size // 2**32
            for start, word, size in zip(starts, words, sizes, strict=True)
        ]
        assert drawn.tolist() == expected

    def test_all_samples_come_up_alike(self):
        drawn = [batches.draw(POOLS, (0, 90, 0, 0), seed=0, step=step) for step in range(100)]
        counts = np.bincount(np.concatenate(drawn) - 50, minlength=9)
        assert abs(counts - 1000).max() < 5 * np.sqrt(1000)

    def test_a_kind_that_is_missing_is_named(self):
        pools = (*POOLS[:3], np.zeros(0, np.int64))
        with pytest.raises(ValueError, match="no landmark sample, and a batch is to hold 2"):
            batches.draw(pools, (3, 1, 1, 2), seed=0, step=0)
        assert len(batches.draw(pools, (3, 1, 1, 0), seed=0, step=0)) == 5


def test_gather_reads_rows_into_memory(tmp_path):
    np.save(tmp_path / "patches.npy", np.arange(5 * 12).reshape(5, 2, 2, 3).astype(np.uint8))
    samples = Samples(
        np.load(tmp_path / "patches.npy", mmap_mode="r"),
        np.arange(5, dtype=np.int8),
        np.arange(20, dtype=np.float32).reshape(5, 4),
        np.arange(50, dtype=np.float32).reshape(5, 5, 2),
    )
    found = batches.gather(samples, np.array([4, 0, 4]))
    assert not isinstance(found.patches, np.memmap)
    assert found.kinds.tolist() == [4, 0, 4]
    assert found.patches[:, 0, 0, 0].tolist() == [48, 0, 48]
    assert found.boxes[:, 0].tolist() == [16, 0, 16]
    assert found.landmarks[:, 0, 0].tolist() == [40, 0, 40]


class TestPrefetch:
    def test_gives_all_in_order_and_ends(self):
        assert list(batches.Prefetch(lambda step: step * step, range(2, 7))) == [4, 9, 16, 25, 36]

    def test_an_error_is_raised_where_the_value_is_taken(self):
        def make(step):
            if step == 2:
                raise OSError("disk is gone")
            return step

        chunks = batches.Prefetch(make, range(9))
        assert [next(chunks), next(chunks)] == [0, 1]
        with pytest.raises(OSError, match="disk is gone"):
            next(chunks)
        chunks.close()

    def test_works_ahead_but_not_without_limit(self):
        made = []
        chunks = batches.Prefetch(lambda step: made.append(step), range(1000), ahead=2)
        time.sleep(0.2)
        assert 2 <= len(made) <= 3
        chunks.close()
        assert len(made) <= 4

    def test_closing_ends_the_thread(self):
        before = threading.active_count()
        chunks = batches.Prefetch(lambda step: step, range(1000))
        assert next(chunks) == 0
        assert threading.active_count() == before + 1
        chunks.close()
        assert threading.active_count() == before

    def test_waiting_is_measured(self):
        chunks = batches.Prefetch(lambda step: time.sleep(0.1), range(2))
        next(chunks)
        assert 0.05 < chunks.waited
        chunks.close()
