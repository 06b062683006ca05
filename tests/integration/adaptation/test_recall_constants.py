"""Constants of recall follow the data: moved where another is clearly better, else the default."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from math import inf

import numpy as np
import orjson
import pytest

from app.artifacts import DAY
from app.build import FunnelConfig
from app.bundle.bundle import read_manifest
from app.catalogue.ids import IdIndex
from app.deadline import NO_CHECKPOINTS
from app.recall.registry import read_channel_configs
from app.recall.session_knn import SessionKNNChannelConfig
from app.settings import Settings
from offline.adaptation.recall_constants import (
    MIN_QUERIES,
    RecallSettings,
    choose_constants,
    list_constants,
)
from offline.commands.train import TrainOptions, train
from offline.config import JobConfig
from offline.data.dataset import Dataset, DataTraits, Log
from offline.data.items import build_catalogue
from offline.data.schema import ItemsFile
from offline.data.split import split_by_time
from offline.evaluate.gate import GateConfig
from offline.job import adapt_config
from offline.models.ease import EASEConfig
from offline.models.registry import RecallConfig
from tests.serving import QUICK

USERS, ITEMS, EVENTS, TASTES, YEARS = 150, 240, 3_000, 8, 5
NOISE = 0.4  # share of purchases of any item
# Channels that would only cost time.
OTHERS = ("item_cf", "rp3beta", "sequence", "session_knn", "embedding")
EPOCH = 100  # days, for which an item has a taste where tastes change
RECALL = RecallConfig()


@cache
def dataset(*, changing: bool, seed: int = 0) -> Dataset:
    """Users buy items of one taste for five years. The items of a taste stay, or change."""
    random = np.random.default_rng(seed)
    days = np.sort(random.random(EVENTS) * YEARS * 365)
    epochs = (days // EPOCH).astype(int) if changing else np.zeros(EVENTS, int)
    orders = [random.permutation(ITEMS) for _ in range(epochs.max() + 1)]
    users = random.integers(0, USERS, EVENTS)
    of_taste = ITEMS // TASTES
    places = users % TASTES * of_taste + random.integers(0, of_taste, EVENTS)
    is_noise = random.random(EVENTS) < NOISE
    places = np.where(is_noise, random.integers(0, ITEMS, EVENTS), places)
    items = np.array([orders[epoch][at] for epoch, at in zip(epochs, places, strict=True)])
    ones, ids = np.ones(EVENTS, np.float32), IdIndex.of([f"i{i:03d}" for i in range(ITEMS)])
    log = Log(users.astype(np.int32), items.astype(np.int32), ones, ones, 9e8 + days * DAY)
    return Dataset(
        name="purchases",
        users=IdIndex.of([f"u{u:03d}" for u in range(USERS)]),
        attributes={},
        catalogue=build_catalogue(None, ItemsFile(), ids),
        log=log,
        traits=DataTraits(is_explicit=False, positive_at=1.0, has_times=True),
        friends=np.empty((0, 2), np.int32),
    )


def only(*names):
    """The configs of all channels, of which only these are enabled."""
    defaults = read_channel_configs({})
    return {name: replace(one, enabled=name in names) for name, one in defaults.items()}


def choose(data, cpu, *channels, recall=RECALL, until=None):
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, channels=only(*channels))
    windows = split_by_time(data.log).windows[:until]
    return choose_constants(data, windows, recall, wiring, seed=7)


def test_a_long_half_life_is_chosen_where_interests_last_for_years(cpu):
    result = choose(dataset(changing=False), cpu, "ease")
    half_life = result.settings.recall.ease.half_life
    assert half_life >= 365 * DAY
    choice = result.choices[0]
    assert choice["setting"] == "recall.ease"
    assert choice["default"] == {"half_life": 30 * DAY}
    assert choice["chosen"] == choice["best"] != choice["default"]
    assert choice["queries"] >= MIN_QUERIES
    assert choice["gain"]["low"] > 0
    assert result.settings.recall.als == RECALL.als


def test_no_half_life_is_moved_where_interests_change(cpu):
    result = choose(dataset(changing=True), cpu, "ease")
    assert result.settings.recall == RECALL
    assert all(choice["chosen"] == choice["default"] for choice in result.choices)


def test_the_test_window_is_not_read(cpu):
    data = dataset(changing=False)
    windows, end = split_by_time(data.log).windows, split_by_time(data.log).test_start
    wiring = FunnelConfig(cpu, NO_CHECKPOINTS, channels=only("ease"))
    before = replace(data, log=data.log.before(end))
    one, other = (choose_constants(d, windows, RECALL, wiring, seed=7) for d in (data, before))
    assert one == other


def test_what_the_configuration_sets_is_left_alone(cpu):
    own = replace(RECALL, ease=EASEConfig(half_life=20 * DAY))
    result = choose(dataset(changing=False), cpu, "ease", recall=own)
    assert result.settings.recall == own
    names = [list(choice["default"]) for choice in result.choices]
    assert names == [["reg"], ["n_events", "decay"]]


@pytest.mark.parametrize("change", ["no times", "one window", "few users"])
def test_nothing_is_tried_where_nothing_could_be_clear(cpu, change):
    data, until = dataset(changing=False), None
    if change == "no times":
        data = replace(data, traits=replace(data.traits, has_times=False))
    elif change == "one window":
        until = 1
    else:
        data = replace(data, log=data.log.take(np.flatnonzero(data.log.users < 9)))
    result = choose(data, cpu, "ease", until=until)
    assert result.choices == []
    assert result.settings.recall == RECALL


def test_half_lives_that_the_log_cannot_tell_apart_are_left_out():
    settings = RecallSettings(RECALL, only("ease"))
    values = [
        [
            candidate["half_life"]
            for candidate in list_constants(settings, years * 365 * DAY)[0].candidates
        ]
        for years in (0.5, 20)
    ]
    assert values == [[7 * DAY, 30 * DAY, 90 * DAY, inf], [30 * DAY, 90 * DAY, 365 * DAY, inf]]


def test_the_channel_of_past_visits_has_its_own_constants_to_choose():
    constants = list_constants(RecallSettings(RECALL, only("session_knn")), 365 * DAY)
    assert [one.names for one in constants] == [
        ["half_life"],
        ["length_power"],
        ["n_neighbours"],
        ["visits_per_item"],
        ["decay", "step_decay", "place_decay"],
    ]


def test_the_factorisation_has_a_half_life_to_choose_only_if_it_is_als():
    sgd = RecallSettings(replace(RECALL, factorisation="sgd"), only("embedding"))
    als = RecallSettings(RECALL, only("embedding"))
    assert [one.names for one in list_constants(als, 365 * DAY)] == [["half_life"]]
    assert list_constants(sgd, 365 * DAY) == []


@pytest.fixture(scope="module")
def trained_on_purchases(tmp_path_factory):
    """The bundle of a training that chooses constants, its report, and what was printed."""
    folder, log = tmp_path_factory.mktemp("purchases"), dataset(changing=False).log
    columns = zip(log.users, log.items, log.times, strict=True)
    lines = [f"u{user},i{item},purchase,{time:.0f}" for user, item, time in columns]
    (folder / "interactions.csv").write_text(
        "\n".join(["user_id,item_id,event,timestamp", *lines]) + "\n"
    )
    config = folder.parent / "adapt.toml"
    channels = "".join(f"[recall.{name}]\nenabled = false\n" for name in OTHERS)
    config.write_text(QUICK.read_text().replace("adapt = false", "adapt = true") + channels)
    output = io.StringIO()
    with redirect_stdout(output):
        options = TrainOptions(config=config, gate=GateConfig(force=True))
        bundle = train(folder, Settings(out=folder / "out", redis_url=None), options)
    report = orjson.loads((folder / "out" / "report.json").read_bytes())
    return read_manifest(bundle), report, output.getvalue()


def test_a_training_names_what_it_chose_and_keeps_it(trained_on_purchases):
    manifest, report, printed = trained_on_purchases
    moved = {c["setting"]: c["chosen"] for c in manifest.constants if c["chosen"] != c["default"]}
    assert moved["recall.ease"] == {"half_life": "inf"}
    assert manifest.settings["recall.ease.half_life"] == "inf"
    assert report["constants"] == manifest.constants
    assert "recall.ease half_life 30 d -> half_life none" in printed


@pytest.mark.parametrize(("pause", "visits"), [(60.0, True), (7 * 86_400.0, False)])
def test_data_with_visits_choose_a_pause(cpu, pause, visits):
    data, config = dataset(changing=False), JobConfig()
    order = np.argsort(data.log.users, kind="stable")
    times = np.empty(len(order))
    times[order] = pause * np.arange(len(order))
    by_time = np.argsort(times)
    log = replace(data.log.take(by_time), times=times[by_time])
    data = replace(data, log=log)
    split = replace(split_by_time(log), windows=())  # no constants of recall are tried
    adapted, choices = adapt_config(data, split, config, cpu)
    assert choices == []
    assert bool(adapted.visits.pause) == visits
    assert adapted.recall.session_knn.pause == (adapted.visits.pause or inf)
    # Without long pauses no user returns: the data are of sessions.
    assert adapted.visits.relevant == ("next" if visits else "later")
    assert adapted.channels["session_knn"].enabled == visits
    same = replace(adapted, visits=config.visits, recall=config.recall, channels=config.channels)
    assert same == config
    for_all = SessionKNNChannelConfig(sessions_only=False)
    own = replace(
        config,
        visits=replace(config.visits, moments=2),
        channels={**config.channels, "session_knn": for_all},
    )
    assert adapt_config(data, split, own, cpu) == (own, [])


def test_without_adaptation_the_configuration_is_that_of_the_file(cpu):
    data, config = dataset(changing=False), JobConfig(adapt=False)
    assert adapt_config(data, split_by_time(data.log), config, cpu) == (config, [])
