"""The whole offline job: what it leaves, that it repeats itself, and what it cannot do."""

import io
import threading
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import orjson
import pytest
import redis

from app.bundle.activation import LOCK
from app.bundle.bundle import find_current_bundle, load_bundle, read_manifest
from app.features.views import FINE_VIEW, column_names
from app.recall.registry import CHANNELS
from app.rerank.policies import SceneSettings
from app.settings import Settings
from app.trainings.training_folder import TrainingFolder
from offline.commands.train import PHASES, TrainOptions, train
from offline.config import JobConfig, read_config
from offline.data.errors import DataError
from offline.data.readers import TooManyBadRowsError, load_dataset
from offline.evaluate.gate import GateConfig
from offline.job import run_job
from offline.phases import PhaseTimer
from offline.report.report import write_report
from tests.serving import QUICK, hosted, leisurely, until
from tests.world import RATINGS, START, World, world, write_recbole

SMALL = {"users": 40, "items": 40, "ratings": 600}
QUICK_JOB = read_config(QUICK)
METHODS = ("funnel", "ranking", "popularity", "recency_popularity")


def trained_on(folder, out, *, options=None, **settings):
    """Run the job quietly, whatever the gate says; return the bundle's folder and the output."""
    output = io.StringIO()
    options = {"gate": GateConfig(force=True), "config": QUICK} | (options or {})
    with redirect_stdout(output):
        bundle = train(folder, Settings(out=out, **settings), TrainOptions(**options))
    return bundle, output.getvalue()


@pytest.fixture(scope="module")
def job(tmp_path_factory, redis_url):
    """The folders of little data with two bad rows and of its bundle, and what was printed."""
    folder = write_recbole(tmp_path_factory.mktemp("job") / "cinema", world(3, **SMALL))
    with (folder / "cinema.inter").open("a") as file:
        file.write("u1\ti1\tmany stars\t900000000\nu1\n")
    return folder, *trained_on(
        folder, folder.parent / "out", redis_url=redis_url, key_prefix="test-job"
    )


def report_of(bundle):
    return orjson.loads((bundle.parents[1] / "report.json").read_bytes())


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
    of_a_service = {"private", "verified", "withheld"}
    assert {path.name for path in trained.iterdir()} - of_a_service == {
        *(LOCK, "bundles", "current", "history", "report.html", "report.json")
    }
    manifest = read_manifest(folder)
    assert manifest.dataset == "cinema"
    assert manifest.seed == 7
    assert manifest.tables == ["ease", "item_cf", "raters", "rp3beta", "transitions"]
    assert manifest.time_shift > 0
    report = orjson.loads((trained / "report.json").read_bytes())
    assert report["dataset"]["interactions"] == RATINGS
    assert set(report["methods"]) == {*METHODS, *CHANNELS}
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


def test_the_report_is_one_page_with_plots_and_needs_no_other_file(trained, tmp_path):
    assert "<svg" not in (trained / "report.html").read_text()  # its configuration wants none
    write_report(orjson.loads((trained / "report.json").read_bytes()), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") >= 3
    assert "<script" not in page
    assert "src=" not in page
    assert "NDCG@10" in page


def test_one_seed_gives_one_model_in_one_process_and_in_two_and_another_seed_another_model(
    job, tmp_path
):
    data, bundle = load_dataset(job[0]), job[1]
    begun = []
    phases = PhaseTimer(on_begin=begun.append)
    in_two_processes = replace(QUICK_JOB, plots=JobConfig().plots, processes=2)
    again = run_job(data, tmp_path / "again", in_two_processes, phases)
    assert "<svg" in (tmp_path / "again" / "report.html").read_text()
    assert begun == [phase for phase in PHASES if phase != "read"]
    assert [timing["phase"] for timing in phases.timings] == begun
    _, rows, *later = (timing["peak_bytes"] for timing in phases.timings)
    assert later == sorted(later)
    assert 50e6 < later[0] < rows < 100e9  # that of rows is the memory of both processes
    contents = [
        {path.name: path.read_bytes() for path in one.iterdir() if "manifest" not in path.name}
        for one in (bundle, again)
    ]
    assert contents[0] == contents[1]
    reports = [report_of(bundle), report_of(again)]
    for report in reports:
        del report["timings"]
    assert reports[0] == reports[1]
    other = run_job(data, tmp_path / "other", replace(QUICK_JOB, seed=8), PhaseTimer())
    assert (other / "fine.listwise.0.txt").read_bytes() != contents[0]["fine.listwise.0.txt"]


def test_it_says_what_it_does_and_how_good_it_is(job):
    _, bundle, output = job
    for word in ("funnel", "popularity", "item_cf", "NDCG@10", bundle.name, "report.html"):
        assert word in output


def test_the_tables_go_to_redis_where_one_is_named(job, redis_url):
    with redis.Redis.from_url(redis_url) as link:
        assert link.exists(f"test-job:{job[1].name}:loaded")


def test_bad_rows_are_kept_aside_with_line_and_reason(job):
    _, bundle, output = job
    kept = (bundle.parents[1] / "bad_rows.csv").read_text().splitlines()
    assert len(kept) == 3
    assert "602" in kept[1]
    assert "many stars" in kept[1]
    assert "2 rows could not be used: see " in output


def test_too_many_bad_rows_stop_the_job_before_any_bundle_is_written(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    with (folder / "cinema.inter").open("a") as file:
        file.write("u1\ti1\tmany stars\t900000000\n" * 100)
    with pytest.raises(TooManyBadRowsError, match="100 of the 700 rows"):
        trained_on(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "bundles").exists()
    (record,) = TrainingFolder(Settings(out=tmp_path / "out").trainings_folder).newest()
    assert (record.state, record.phase) == ("failed", "Reading and checking the data")
    assert "100 of the 700 rows" in record.reason


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
    threads = set(threading.enumerate())
    with pytest.raises(DataError, match=why):
        trained_on(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "current").exists()
    until(lambda: set(threading.enumerate()) <= threads)


def test_the_least_data_still_gives_a_bundle(tmp_path):
    folder = write_recbole(tmp_path / "cinema", small(n=20))
    assert load_bundle(trained_on(folder, tmp_path / "out")[0])


@pytest.mark.parametrize(
    "lacking",
    [
        {"timed": False, "users": False},
        {"timed": False, "items": False, "users": False, "plays": True},
    ],
    ids=["no timestamps and no users file", "nothing but plays"],
)
def test_data_that_lacks_something_trains_and_serves(tmp_path, redis_url, lacking):
    ratings = world(3, **SMALL)
    folder = write_recbole(tmp_path / "cinema", ratings, **lacking)
    out = tmp_path / "out"
    report = report_of(trained_on(folder, out)[0])
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


def test_the_policy_of_the_settings_is_evaluated(job, tmp_path):
    diverse, _ = trained_on(job[0], tmp_path / "out", policy=SceneSettings(diversity=1.0))
    assert ndcg(report_of(job[1])) > ndcg(report_of(diverse))


def ndcg(report):
    return report["methods"]["funnel"]["ndcg@10"]["mean"]


@pytest.mark.parametrize("factorisation", ["bpr", "sgd"])
def test_another_factorisation_can_be_chosen(job, tmp_path, factorisation):
    options = {"factorisation": factorisation, "similarity": "adjusted_cosine"}
    other, _ = trained_on(job[0], tmp_path / "out", options=options)
    files = [bundle / "factors.items.npy" for bundle in (job[1], other)]
    assert not np.array_equal(*map(np.load, files))
