import numpy as np

from app.state.group_counts import MAX_CELLS, MAX_SCENES, SceneCounts, SegmentCounts


def test_the_number_of_scenes_is_bounded_and_a_row_can_be_reset():
    counts = SceneCounts(3)
    for n in range(MAX_SCENES + 5):
        counts.count_impressions(np.array([1, 1]), f"s{n}")
        counts.count_successes(np.array([1]), f"s{n}")
    assert list(counts.counts_of(1)) == [f"s{n}" for n in range(MAX_SCENES)]
    assert set(counts.counts_of(1).values()) == {(2.0, 1.0)}
    counts.reset_row(1)
    assert set(counts.counts_of(1).values()) == {(0.0, 0.0)}


def test_a_catalogue_that_is_too_large_has_no_counts_by_segment():
    counts = SegmentCounts(2, MAX_CELLS, 0, 0.0)
    assert len(counts) == 0
    counts.apply(np.array([[0]]), np.array([5]), np.ones(1, np.float32), np.zeros(1))
