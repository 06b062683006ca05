import numpy as np

from benchmarks.quality.social import with_random_arrivals
from tests.fakes import small_dataset


def test_data_without_times_gets_users_who_arrive_at_random_moments():
    dataset = small_dataset()
    timed = with_random_arrivals(dataset, seed=1)
    assert len(timed.log) == len(dataset.log)
    assert np.all(np.diff(timed.log.times) >= 0)
    assert 0 <= timed.log.times[0] < timed.log.times[-1] <= 1
    pairs = [sorted(zip(d.log.users, d.log.items, strict=True)) for d in (timed, dataset)]
    assert pairs[0] == pairs[1]
