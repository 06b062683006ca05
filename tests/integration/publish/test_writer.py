"""Publishing: whole or not at all, and the pointer last."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from uuid import uuid4

import numpy as np
import orjson
import pytest
import redis

from app.artifacts import Models
from app.bundle.activation import LOCK, point_to
from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.layout import collect_arrays
from app.bundle.manifest import BundleError, read_manifest
from app.bundle.pointer import POINTER
from app.bundle.stored_bundles import HISTORY
from app.event_weights import EventWeights
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from offline.publish.writer import HISTORICAL_AGE, installed_versions, push_tables, write_bundle
from tests.bundles import build_training_result, fine_ranker
from tests.conftest import ROOT, clean_environment
from tests.fakes import small_models

DYING = """
import sys
from pathlib import Path
from tests.bundles import build_training_result
from offline.publish.writer import write_bundle
wait = lambda _: (print("writing", flush=True), sys.stdin.read())
write_bundle(build_training_result(build_indexes=wait), Path(sys.argv[1]))
"""


def as_of(models: Models, moment) -> Models:
    return replace(models, popularity=replace(models.popularity, at=moment))


def bundles(out):
    return sorted(path.name for path in (out / "bundles").iterdir())


def test_what_was_trained_is_what_is_loaded(tmp_path):
    trained = build_training_result()
    bundle = load_bundle(write_bundle(trained, tmp_path))
    loaded, made = collect_arrays(bundle.models), collect_arrays(trained.models)
    assert {name: a.tobytes() for name, a in loaded.items()} == {
        name: a.tobytes() for name, a in made.items()
    }
    assert {name: a.dtype for name, a in loaded.items()} == {n: a.dtype for n, a in made.items()}
    assert bundle.sizes == trained.sizes
    assert bundle.manifest.event_weights() == trained.event_weights
    assert bundle.models.segments.labels == trained.models.segments.labels
    assert bundle.models.catalogue.titles.take(np.arange(3)) == (
        trained.models.catalogue.titles.take(np.arange(3))
    )
    features = (
        np.random.default_rng(1).random((50, len(column_names(COARSE_VIEW)))).astype(np.float32)
    )
    coarse = bundle.rankers.coarse.model, trained.rankers.coarse.model
    scores = [model.score(features) for model in coarse]
    assert scores[0].tobytes() == scores[1].tobytes()
    rows = np.random.default_rng(2).random((50, len(column_names(FINE_VIEW)))).astype(np.float32)
    assert bundle.rankers.fine.model.score(rows).tolist() == fine_ranker().score(rows).tolist()


def test_the_coarse_weights_are_readable_by_column(tmp_path):
    folder = write_bundle(build_training_result(), tmp_path)
    stored = orjson.loads((folder / "coarse.json").read_bytes())
    assert [column["name"] for column in stored["columns"]] == list(column_names(COARSE_VIEW))


def test_the_version_is_the_moment_and_a_digest_of_the_files(tmp_path):
    first = write_bundle(build_training_result(), tmp_path)
    second = write_bundle(build_training_result(seed=4), tmp_path / "other")
    third = write_bundle(build_training_result(event_weights=EventWeights()), tmp_path / "third")
    digests = [folder.name.partition("-")[2] for folder in (first, second, third)]
    assert digests == digests[:1] * 3
    assert read_manifest(first).version == first.name


def test_old_data_is_replayed_as_if_it_ended_now_and_new_data_is_not(tmp_path):
    now = time.time()
    for age, shifted in ((HISTORICAL_AGE + 100, True), (HISTORICAL_AGE - 100, False)):
        models = as_of(small_models(), now - age)
        manifest = read_manifest(
            write_bundle(build_training_result(models=models), tmp_path / str(age))
        )
        assert manifest.time_shift == (manifest.created - (now - age) if shifted else 0.0)
        assert manifest.data_end == now - age


def test_live_events_count_from_the_end_of_the_data_but_never_after_the_creation(tmp_path):
    now = time.time()
    for end, margin, start in (
        (-3600, 0, -3600),
        (-3600, 600, -3000),
        (-3600, 7200, 0),
        (60, 0, 0),
    ):
        models = as_of(small_models(), now + end)
        result = build_training_result(models=models, time_margin=margin)
        manifest = read_manifest(write_bundle(result, tmp_path / f"{end} {margin}"))
        expected = now + start if start else manifest.created
        assert manifest.counts_from() == expected


def test_the_pointer_names_the_new_bundle_and_nothing_else_is_left(tmp_path):
    first = write_bundle(build_training_result(), tmp_path)
    with pytest.raises(BundleError):
        find_current_bundle(tmp_path)
    point_to(first)
    assert find_current_bundle(tmp_path) == first
    models = as_of(small_models(), time.time())
    models = replace(models, factors=replace(models.factors, items=models.factors.items * 2))
    second = write_bundle(build_training_result(models=models), tmp_path)
    assert find_current_bundle(tmp_path) == first
    point_to(second)
    assert find_current_bundle(tmp_path) == second
    assert {path.name for path in tmp_path.iterdir()} == {POINTER, HISTORY, LOCK, "bundles"}
    assert bundles(tmp_path) == sorted([first.name, second.name])


def test_a_write_that_fails_leaves_no_draft(tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_bundle(build_training_result(build_indexes=full), tmp_path)
    assert bundles(tmp_path) == []


@pytest.mark.e2e
def test_killed_while_publishing_the_old_bundle_stays_whole_and_current(tmp_path):
    old = write_bundle(build_training_result(), tmp_path)
    point_to(old)
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
    )
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert load_bundle(find_current_bundle(tmp_path)).version == old.name
    (half,) = set(bundles(tmp_path)) - {old.name}
    assert half.startswith(".draft-")
    with pytest.raises(BundleError, match="never finished"):
        load_bundle(tmp_path / "bundles" / half)


def test_tables_are_pushed_to_redis_where_it_is_named(redis_url):
    prefix = f"test-{uuid4().hex}"
    push_tables("v1", small_models(), redis_url, prefix)
    with redis.Redis.from_url(redis_url) as link:
        assert link.exists(f"{prefix}:v1:loaded")
        assert link.exists(f"{prefix}:v1:item_cf:0")


def test_without_redis_the_service_loads_the_tables_itself(tmp_path, caplog):
    push_tables("v1", small_models(), None, "test")
    assert not caplog.messages
    push_tables("v1", small_models(), f"unix://{tmp_path}/nobody.sock", "test")
    assert "the service will load the tables itself" in caplog.text


def test_versions_are_of_the_installed_libraries_alone():
    assert installed_versions(["numpy", "no-such-library"]) == {"numpy": np.__version__}
