"""What is kept of events depends on neither their repeats nor their batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.artifacts import DAY
from offline.models.interactions import latest_events
from tests.state import counters
from tests.unit.models.logs import log_of

START = 1_000_000.0
Events = st.tuples(st.integers(0, 3), st.floats(-1, 2, width=32), st.floats(-50, 700))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_only_the_newest_event_of_a_user_and_item_is_kept(pairs):
    log = log_of(*((u, i, at, 1, at) for at, (u, i) in enumerate(pairs)))
    newest = {(u, i): at for at, (u, i) in enumerate(pairs)}
    assert latest_events(log).times.tolist() == sorted(newest.values())


@given(st.lists(Events, min_size=1, max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_counters_do_not_depend_on_how_events_are_batched(events, cuts):
    rows, weights, days = (np.array(column) for column in zip(*events, strict=True))
    columns = (rows, weights.astype(np.float32), START + DAY * days)
    whole, parted = counters(START, n=4), counters(START, n=4)
    whole.apply(*columns)
    for part in np.split(np.arange(len(events)), sorted(cuts)):
        parted.apply(*(column[part] for column in columns))
    for name in ("counts", "liked", "total", "first_seen", "positives"):
        assert getattr(whole, name).tobytes() == getattr(parted, name).tobytes(), name
    assert (whole.now, whole.reference) == (parted.now, parted.reference)
