"""The whole offline job: what it leaves, that it repeats itself, and what it cannot do."""

import io
from contextlib import redirect_stdout

import numpy as np
import orjson
import pytest
import redis

from app.bundle.bundle import find_current_bundle, load_bundle, read_manifest
from app.cpu import Cpu
from app.features.views import FINE_VIEW, column_names
from app.recall.registry import CHANNELS
from app.rerank.policies import SceneSettings
from app.settings import Settings
from offline.commands.train import PHASES, TrainOptions, train
from offline.config import JobConfig
from offline.data.errors import DataError
from offline.data.readers import TooManyBadRowsError, load_dataset
from offline.evaluate.gate import GateConfig
from offline.job import PhaseTimer, run_job
from tests.conftest import (
    RATINGS,
    START,
    World,
    hosted,
    leisurely,
    world,
    write_recbole,
)

SMALL = {"users": 40, "items": 40, "ratings": 600}


def trained_on(folder, out, **options):
    """Run the job quietly, whatever the gate says; return the bundle's folder and the output."""
    output = io.StringIO()
    with redirect_stdout(output):
        bundle = train(
            folder, Settings(out=out, **options), TrainOptions(gate=GateConfig(force=True))
        )
    return bundle, output.getvalue()


def small(stars=None, times=None, n=300, **options) -> World:
    """Few events in time order; ``stars`` and ``times`` by their place in it."""
    random = np.random.default_rng(0)
    chosen = random.choice(900, n, replace=False)
    return World(
        chosen // 30,
        chosen % 30,
        random.integers(1, 6, n) if stars is None else stars,
        START + np.arange(n) * 1_000 if times is None else times,
    )


def test_the_job_leaves_a_bundle_a_pointer_and_a_report(trained):
    folder = find_current_bundle(trained)
    assert {path.name for path in trained.iterdir()} - {"withheld"} == {  # a service's
        *("bundles", "current", "history", "report.html", "report.json")
    }
    manifest = read_manifest(folder)
    assert manifest.dataset == "cinema"
    assert manifest.seed == 7
    assert manifest.tables == ["ease", "item_cf", "raters", "rp3beta", "transitions"]
    assert manifest.time_shift > 0
    report = orjson.loads((trained / "report.json").read_bytes())
    assert report["dataset"]["interactions"] == RATINGS
    assert set(report["methods"]) == {"funnel", "popularity", "recency_popularity", *CHANNELS}
    assert manifest.metrics["ndcg@10"]["funnel"] == report["methods"]["funnel"]["ndcg@10"]
    assert [f["name"] for f in report["features"]] == list(column_names(FINE_VIEW))
    assert all(feature["meaning"] for feature in report["features"])
    assert {timing["phase"] for timing in report["timings"]} == set(PHASES)
    parts = report["split"]
    assert sum(parts[f"{part}_interactions"] for part in ("recall", "ranker", "test")) == RATINGS


def test_the_funnel_is_clearly_better_than_popularity(trained):
    report = orjson.loads((trained / "report.json").read_bytes())
    better = report["differences"]["popularity"]["ndcg@10"]["difference"]
    assert better["low"] > 0.1
    assert report["methods"]["funnel"]["ndcg@10"]["low"] > 0.3


def test_the_report_is_one_page_with_plots_and_needs_no_other_file(trained):
    page = (trained / "report.html").read_text()
    assert page.count("<svg") >= 3
    assert "<script" not in page
    assert "src=" not in page
    assert "NDCG@10" in page


def test_the_same_seed_gives_the_same_bytes_and_the_same_figures(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    bundles = [trained_on(folder, tmp_path / f"out{n}")[0] for n in (1, 2)]
    contents = [
        {path.name: path.read_bytes() for path in one.iterdir() if path.name != "manifest.json"}
        for one in bundles
    ]
    assert contents[0] == contents[1]
    reports = [orjson.loads((one.parents[1] / "report.json").read_bytes()) for one in bundles]
    for report in reports:
        del report["timings"]
    assert reports[0] == reports[1]


def test_another_seed_gives_another_model(tmp_path):
    reading = load_dataset(write_recbole(tmp_path / "cinema", world(3, **SMALL)))
    bundles = [
        run_job(reading, tmp_path / f"out{seed}", JobConfig(seed=seed), PhaseTimer())
        for seed in (1, 2)
    ]
    assert (bundles[0] / "fine.listwise.0.txt").read_bytes() != (
        bundles[1] / "fine.listwise.0.txt"
    ).read_bytes()


def test_it_says_what_it_does_and_how_good_it_is(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    bundle, output = trained_on(folder, tmp_path / "out")
    for word in ("funnel", "popularity", "item_cf", "NDCG@10", bundle.name, "report.html"):
        assert word in output
    begun = []
    phases = PhaseTimer(on_begin=begun.append)
    run_job(load_dataset(folder), tmp_path / "again", JobConfig(), phases)
    assert begun == [phase for phase in PHASES if phase != "read"]
    assert set(phases.seconds) == set(begun)


def test_the_tables_go_to_redis_where_one_is_named(tmp_path, redis_url):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    bundle, _ = trained_on(folder, tmp_path / "out", redis_url=redis_url, key_prefix="test-job")
    with redis.Redis.from_url(redis_url) as link:
        assert link.exists(f"test-job:{bundle.name}:loaded")


def test_bad_rows_are_kept_aside_with_line_and_reason(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    with (folder / "cinema.inter").open("a") as file:
        file.write("u1\ti1\tmany stars\t900000000\nu1\n")
    _, output = trained_on(folder, tmp_path / "out")
    kept = (tmp_path / "out" / "bad_rows.csv").read_text().splitlines()
    assert len(kept) == 3
    assert "602" in kept[1]
    assert "many stars" in kept[1]
    assert "2 rows could not be used: see " in output


def test_too_many_bad_rows_stop_the_job_before_anything_is_written(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    with (folder / "cinema.inter").open("a") as file:
        file.write("u1\ti1\tmany stars\t900000000\n" * 100)
    with pytest.raises(TooManyBadRowsError, match="100 of the 700 rows"):
        trained_on(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("ratings", "why"),
    [
        (small(n=19), "19 interactions are too few"),
        (small(times=np.full(300, START)), "share one timestamp"),
        (small(stars=np.where(np.arange(300) < 200, 5, 1)), "cannot be evaluated"),
        (small(stars=np.where(np.arange(300) < 235, 1, 5)), None),
    ],
    ids=["too few", "one moment", "nothing liked in the test", "nothing liked in training"],
)
def test_data_that_cannot_be_learned_from_is_refused_in_a_sentence(tmp_path, ratings, why):
    folder = write_recbole(tmp_path / "cinema", ratings)
    if why is None:  # popular items still make a list
        assert load_bundle(trained_on(folder, tmp_path / "out")[0])
        return
    with pytest.raises(DataError, match=why):
        trained_on(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "current").exists()


@pytest.mark.parametrize("n", [20, 40])
def test_the_least_data_still_gives_a_bundle(tmp_path, n):
    folder = write_recbole(tmp_path / "cinema", small(n=n))
    assert load_bundle(trained_on(folder, tmp_path / "out")[0])


WITHOUT_ATTRIBUTES = {"timed": False, "items": False, "users": False, "plays": True}


@pytest.mark.parametrize(
    "lacking",
    [{"timed": False}, {"items": False}, {"users": False}, {"plays": True}, WITHOUT_ATTRIBUTES],
    ids=["no timestamps", "no items file", "no users file", "plays", "nothing but plays"],
)
def test_data_that_lacks_something_trains_and_serves(tmp_path, redis_url, lacking):
    ratings = world(3, **SMALL)
    folder = write_recbole(tmp_path / "cinema", ratings, **lacking)
    out = tmp_path / "out"
    trained_on(folder, out)
    report = orjson.loads((out / "report.json").read_bytes())
    assert report["dataset"]["timed"] is lacking.get("timed", True)
    assert report["dataset"]["explicit"] is not lacking.get("plays", False)
    result = any("no timestamps" in note for note in report["notes"])
    assert result is not lacking.get("timed", True)
    with hosted(leisurely(out=out, redis_url=redis_url)) as service:
        answer = service.recommend("u1")
        ids = {item["item_id"] for item in answer["items"]}
        assert answer["degraded"] == []
        assert len(ids) == 10
        assert not ids & {f"i{i}" for i in ratings.items[ratings.users == 1]}
        event = {"user_id": "new", "item_id": "i7", "type": "play", "value": 3}
        service.tell(event)
        assert "i7" not in service.ids("new", k=40)


def test_the_policy_of_the_settings_is_evaluated(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    figures = []
    for diversity in (0.0, 1.0):
        out = tmp_path / f"out{diversity:g}"
        trained_on(folder, out, policy=SceneSettings(diversity=diversity))
        report = orjson.loads((out / "report.json").read_bytes())
        figures.append(report["methods"]["funnel"]["ndcg@10"]["mean"])
    assert figures[0] > figures[1]


def test_the_job_ends_its_thread_even_when_it_fails(tmp_path, monkeypatch):
    closed, close = [], Cpu.close

    def noted(cpu):
        closed.append(cpu)
        close(cpu)

    monkeypatch.setattr(Cpu, "close", noted)
    folder = write_recbole(tmp_path / "cinema", small(stars=np.where(np.arange(300) < 200, 5, 1)))
    with pytest.raises(DataError):
        trained_on(folder, tmp_path / "out")
    assert len(closed) == 1


@pytest.mark.parametrize("chosen", [{"factorisation": "bpr"}, {"factorisation": "sgd"}])
def test_another_factorisation_can_be_chosen(tmp_path, chosen):
    folder = tmp_path / "small"
    write_recbole(folder, world(**SMALL))
    vectors = []
    for choice in (TrainOptions(), TrainOptions(**chosen, similarity="adjusted_cosine")):
        out = tmp_path / f"out-{choice.factorisation}"
        with redirect_stdout(io.StringIO()):
            bundle = train(folder, Settings(out=out), choice)
        vectors.append(np.load(bundle / "factors.items.npy"))
    assert not np.array_equal(vectors[0], vectors[1])
