"""Events that the bundle was trained on are recognised by user, item, type and time."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from app.catalogue.ids import IdIndex
from app.state.trained_events import TrainedEvents
from offline.data.data_overlay import DataOverlay, drop_trained
from offline.data.event_files import read_event_file
from offline.data.readers import load_dataset
from offline.models.registry import build_users

MOMENT = 1_700_000_000
LOG = f"""user,item,type,timestamp
u,i,view,{MOMENT}
u,i,purchase,{MOMENT + 5}
u,j,view,{MOMENT + 5}
v,j,view,{MOMENT + 9}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(LOG)
    return path


def events_of(path, shift=0.0):
    dataset = load_dataset(path).dataset
    users = build_users(dataset.log, dataset.users, np.empty((2, 0), np.int32))
    return TrainedEvents(users, dataset.catalogue.ids, dataset.log.times[-1], shift)


@pytest.mark.parametrize(
    ("event", "is_trained"),
    [
        (("u", "i", "view", MOMENT), True),
        (("u", "i", "view", MOMENT + 0.0001), True),
        (("u", "i", "purchase", MOMENT + 5), True),
        (("u", "j", "view", MOMENT + 5), True),
        (("u", "i", "view", MOMENT + 5), False),
        (("u", "i", "view", MOMENT + 1), False),
        (("v", "i", "view", MOMENT), False),
        (("w", "i", "view", MOMENT), False),
        (("u", "k", "view", MOMENT), False),
        (("v", "j", "view", MOMENT + 1e6), False),
    ],
)
def test_an_event_is_recognised_by_all_of_its_parts(path, event, is_trained):
    assert events_of(path).contain([event, ("u", "i", "view", MOMENT)]).tolist() == [
        is_trained,
        True,
    ]


def test_historical_data_is_recognised_by_its_own_times_and_by_those_of_the_service(path):
    shifted = events_of(path, shift=1e8)
    names = [("u", "i", "view", MOMENT + shift) for shift in (0.0, 1e8, 5e7)]
    assert shifted.contain(names).tolist() == [True, True, False]


def test_without_types_an_item_and_a_time_are_enough(path):
    events = events_of(path)
    untyped = replace(events, users=replace(events.users, types=np.empty(0, np.int32)))
    assert untyped.contain([("u", "i", "like", MOMENT)]).tolist() == [True]
    assert replace(events, items=IdIndex.of([])).contain([("u", "i", "view", MOMENT)]).sum() == 0


def test_training_counts_an_imported_event_of_its_file_once(path):
    files = load_dataset(path)
    frame = live_events(("u", "i", "view", MOMENT), ("u", "i", "view", MOMENT + 77))
    assert len(load_dataset(path, overlay=DataOverlay(live_events=frame)).dataset.log) == 5
    assert len(files.dataset.log) == 4


def live_events(*events):
    rows = [(user, item, kind, 1.0, float(time)) for user, item, kind, time in events]
    return pl.DataFrame(rows, schema=["user", "item", "kind", "value", "time"], orient="row")


def test_an_import_into_a_service_of_historical_data_is_recognised(path):
    frame = live_events(("u", "i", "view", MOMENT - 1e8), ("u", "i", "view", MOMENT + 1))
    assert drop_trained(frame, live_events(("u", "i", "view", MOMENT)), 1e8)["time"].to_list() == [
        MOMENT + 1
    ]


def test_training_counts_an_imported_row_without_a_time_once(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("user,item,type\nu,i,view\nu,i,view\nu,j,purchase\nv,j,view\n")
    imported = read_event_file(path, None).events
    live = imported.select(
        "user", "item", "kind", pl.lit(1.0).alias("value"), pl.lit(2e9).alias("time"), "event_id"
    )
    other = live.head(1).with_columns(pl.lit("of another file").alias("event_id"))
    for events, expected in ((live, 4), (pl.concat([live, other]), 5)):
        loaded = load_dataset(path, overlay=DataOverlay(live_events=events))
        assert len(loaded.dataset.log) == expected
