"""The made-up logs of the benchmark by catalogue size, and its table."""

import io

import numpy as np
import orjson
import polars as pl
import pytest
from rich.console import Console

from app.bundle.bundle import find_current_bundle, load_bundle
from benchmarks.scale.bundle import write_made_up_bundle
from benchmarks.scale.figures import scale_plot, serving_table
from benchmarks.scale.generate import write_world
from benchmarks.scale.run import Training, build_table
from benchmarks.scale.serve import ServingPlan, measure_serving
from benchmarks.scale.world import END, SPAN, World
from offline.data.readers import load_dataset
from tests.serving import leisurely

ITEMS, USERS, EVENTS = 2_000, 400, 12_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(World(ITEMS, USERS, seed=7), EVENTS, folder, block=5_000)
    return folder


@pytest.fixture(scope="module")
def loaded(folder):
    return load_dataset(folder)


def test_train_reads_every_row_of_a_made_up_log(loaded):
    dataset = loaded.dataset
    assert len(loaded.bad) == EVENTS - len(dataset.log)  # exact duplicates alone
    assert len(loaded.bad) < 0.01 * EVENTS
    assert len(dataset.catalogue) == ITEMS
    assert len(dataset.catalogue.category_names) == 40
    assert np.isfinite(dataset.catalogue.released).all()
    assert all(len(title.split()) == 4 for title in dataset.catalogue.titles.tolist())
    assert END - SPAN <= dataset.log.times[0] <= dataset.log.times[-1] <= END


def test_a_few_items_have_most_events_and_users_differ(loaded):
    counts = np.sort(np.bincount(loaded.dataset.log.items))[::-1]
    assert counts[: ITEMS // 20].sum() > 0.4 * EVENTS
    lengths = np.bincount(loaded.dataset.log.users)
    assert np.quantile(lengths, 0.9) > 4 * np.median(lengths)


def test_no_item_is_chosen_before_its_release_and_new_items_are_chosen_most(folder):
    events = pl.read_parquet(folder / "interactions.parquet").join(
        pl.read_parquet(folder / "items.parquet"), on="item_id"
    )
    released = events["release_date"].str.to_date().cast(pl.Datetime("ms")).dt.epoch("s")
    ages = (events["timestamp"] - released) / 86_400
    assert ages.min() >= 0
    assert (ages < 90).mean() > 0.12  # 0.10 if age made no difference


def test_users_come_back_to_the_same_groups_of_items(folder):
    world = World(ITEMS, USERS, seed=7)
    group_of = np.repeat(np.arange(world.groups), np.diff(world.group_starts))
    events = pl.read_parquet(folder / "interactions.parquet")
    row_of = np.argsort(world.item_numbers)
    numbers = events["item_id"].str.strip_prefix("i").cast(pl.Int64).to_numpy()
    frame = events.with_columns(pl.Series("group", group_of[row_of[numbers]]))
    long = frame.filter(pl.len().over("user_id") >= 50)
    pairs = long.group_by("user_id", "group").len()
    largest = pairs.group_by("user_id").agg(pl.col("len").max() / pl.col("len").sum())
    assert largest["len"].mean() > 5 / world.groups


def test_users_arrive_and_items_are_released_all_the_time_whatever_the_block(folder):
    events = pl.read_parquet(folder / "interactions.parquet")
    world = World(ITEMS, USERS, seed=7)
    assert pl.concat(list(world.draw_events(EVENTS, block=1))).equals(events)
    tenth = ((pl.col("timestamp") - (END - SPAN)) / SPAN * 10).floor()
    for key in ("user_id", "item_id"):
        first = events.group_by(key).agg(pl.col("timestamp").min()).select(tenth.value_counts())
        assert len(first) == 10


def test_the_same_seed_gives_the_same_files_and_another_seed_others(folder, tmp_path):
    for name, seed in (("again", 7), ("other", 8)):
        write_world(World(ITEMS, USERS, seed=seed), EVENTS, tmp_path / name, block=5_000)
    for file in ("interactions.parquet", "items.parquet"):
        frames = [
            pl.read_parquet(one / file) for one in (folder, tmp_path / "again", tmp_path / "other")
        ]
        assert frames[0].equals(frames[1])
        assert not frames[0].equals(frames[2])


@pytest.fixture(scope="module")
def made_up(trained, tmp_path_factory):
    """A bundle without training, with the rankers of a trained one."""
    out = tmp_path_factory.mktemp("made-up")
    rankers = load_bundle(find_current_bundle(trained))
    write_made_up_bundle(World(ITEMS, USERS, seed=7), EVENTS, rankers, out)
    return out


def test_a_bundle_without_training_has_users_tables_and_vectors_of_its_items(made_up):
    models = load_bundle(find_current_bundle(made_up)).models
    assert len(models.catalogue) == ITEMS
    assert len(models.users.rows) == EVENTS
    assert 0.99 * EVENTS < models.popularity.counts[-1].sum() <= EVENTS  # repeats do not count
    assert {len(table) for table in models.tables.values()} == {ITEMS}
    vectors = models.factors.items[models.popularity.liked[-1] > 0]
    assert np.isfinite(vectors).all()
    assert vectors.any(axis=1).all()
    like = models.catalogue.categories.argmax(axis=1)
    table = models.tables["item_cf"]
    owners = np.repeat(np.arange(ITEMS), np.diff(table.indptr))
    assert (like[owners] == like[table.rows]).mean() > 0.95  # neighbours are of the same category


def test_a_bundle_without_training_is_served_and_measured(made_up):
    calm = leisurely()  # no list is refused, late or degraded, however busy the machine is
    settings = {
        "RECFUNNEL_CHECKPOINTS_MS": orjson.dumps(calm.checkpoints_ms).decode(),
        "RECFUNNEL_REDIS_TIMEOUT_MS": str(calm.redis_timeout_ms),
        "RECFUNNEL_MAX_IN_FLIGHT": "10000",
    }
    serving = measure_serving(made_up, ServingPlan(0.3, 0.3, 60_000.0, settings))
    assert serving.items == ITEMS
    assert serving.ndcg is None
    assert serving.whole_rate > 0
    assert serving.failures == 0
    assert 0 < serving.recall_p50 <= serving.recall_p99
    assert [0 < one.private < one.resident for one in serving.workers] == [True, True]
    assert serving.further_share < 1
    text = io.StringIO()
    Console(file=text, width=100).print(serving_table([serving, serving]))
    assert text.getvalue().count("2,000 items") == 2
    assert scale_plot([serving]).startswith("<?xml")


def test_the_table_has_a_row_for_each_phase_and_the_bytes_of_an_item():
    timings = [
        {"phase": "read", "seconds": 1.25, "peak_bytes": 300_000_000},
        {"phase": "rows", "seconds": 20.0, "peak_bytes": 800_000_000},
    ]
    text = io.StringIO()
    Console(file=text, width=100).print(
        build_table([Training(1_000, timings, 30.0, 5_000_000, "passed")] * 2)
    )
    for cell in (
        "1.2 s, 300 MB",
        "20.0 s, 800 MB",
        "21 s",
        "30 s",
        "passed",
        "5,000 bytes an item",
    ):
        assert text.getvalue().count(cell) == 2
