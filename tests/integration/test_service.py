"""One worker's service: what is served, what is refused, and how one gives way to the other."""

import gc
import logging
import os
import shutil
import signal
import threading
import time
import weakref
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import orjson
import pytest
import redis

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle, load_bundle
from app.live_catalogue import deleted_items
from app.live_catalogue.deleted_items import deleted_items_path
from app.main import create_app
from app.observe.metrics import Metrics
from app.process.embedded_server import embedded_server
from app.service.rollout import DEFAULT_TIMING, RolloutTiming
from app.service.service import Service
from app.service.serving_bundle import ServingBundle
from app.settings import Settings
from app.state.archiver_status import UNLIMITED, mark_archiver_in_use
from app.state.tables import marker_key
from app.state.user_store import history_key
from tests.bundles import edit_manifest
from tests.serving import hosted, leisurely, until


def another_version(out, version):
    """Make a second bundle of the one that is there."""
    folder = shutil.copytree(find_current_bundle(out), out / "bundles" / version)
    return edit_manifest(folder, version=version)


def metric(service, line):
    return line in service.client.get("/metrics").text


def serving(service):
    return service.client.get("/readyz").json()


@contextmanager
def crowd(service, clients=3):
    """Ask without pause, from several clients; gives what was answered."""
    answered, done = [], threading.Event()

    def ask(n):
        while not done.is_set():
            answer = service.client.get("/recommend", params={"user_id": f"u{n}", "explore": False})
            answered.append((answer.status_code, answer.json().get("bundle"), answer.text))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_good_new_bundle_is_swapped_in_under_load_without_dropping_a_request(out, redis_url):
    old = find_current_bundle(out).name
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.1)
    gc.unfreeze()
    with hosted(settings, timing=RolloutTiming(retire=0.2)) as service:
        assert gc.get_freeze_count()  # what stays is no burden on later collections
        replaced = weakref.ref(service.service.deployment.counters)
        with crowd(service) as answered:
            until(lambda: len(answered) > 9)
            second = another_version(out, "second").name
            point_to(find_current_bundle(out).with_name(second))
            until(lambda: serving(service)["bundle"] == second)
            until(lambda: answered[-1][1] == second)
        assert {status for status, _, _ in answered} == {200}
        assert {bundle for _, bundle, _ in answered} == {old, second}
        assert not any('"degraded":[{' in text for _, _, text in answered)
        assert metric(service, f'recfunnel_bundle_workers{{version="{old}"}} 0.0')
        assert metric(service, f'recfunnel_bundle_workers{{version="{second}"}} 1.0')
        with redis.Redis.from_url(redis_url) as link:
            prefix = settings.key_prefix
            until(lambda: link.ttl(marker_key(prefix, old)) > 0)
            assert link.ttl(marker_key(prefix, second)) == -1
            (key,) = link.scan_iter(f"{prefix}:{old}:item_cf:0")
            assert 0 < link.ttl(key) <= 3600
        until(lambda: replaced() is None)  # and what goes is let go


def test_lists_are_the_same_wherever_the_tables_are(out, redis_url):
    lists = {}
    for place in ("redis", "mapped", "remote"):
        settings = leisurely(out=out, redis_url=redis_url, tables=place)
        with hosted(settings) as service, redis.Redis.from_url(redis_url) as client:
            answers = [service.recommend(f"u{n}", explore=False) for n in range(1, 6)]
            assert not any(answer["degraded"] for answer in answers)
            lists[place] = [[item["item_id"] for item in answer["items"]] for answer in answers]
            until(lambda place=place, s=settings: has_tables(client, s) == (place != "mapped"))
    assert lists["redis"] == lists["mapped"] == lists["remote"]


def has_tables(client, settings):
    return any(b":item_cf:" in key for key in client.keys(f"{settings.key_prefix}:*"))


def test_a_corrupt_new_bundle_is_refused_and_the_old_one_serves_on(out, redis_url, caplog):
    old = find_current_bundle(out)
    with hosted(leisurely(out=out, redis_url=redis_url, reload_seconds=0.05)) as service:
        fresh = another_version(out, "second")
        (fresh / "fine.listwise.0.txt").write_bytes(b"nonsense")
        point_to(fresh)
        until(lambda: serving(service)["refused"])
        told = service.client.get("/readyz")
        assert told.status_code == 200
        assert told.json()["bundle"] == old.name
        assert "fine.listwise.0.txt is corrupt" in told.json()["refused"]
        assert service.recommend("u1")["bundle"] == old.name
        assert metric(service, "recfunnel_bundle_refused_total 1.0")
        time.sleep(0.2)
        assert metric(service, "recfunnel_bundle_refused_total 1.0")
        point_to(old)
        until(lambda: serving(service)["refused"] is None)
    assert [
        m
        for m in caplog.messages
        if "bundle refused" in m and "fine.listwise.0.txt is corrupt" in m
    ]


def test_without_a_bundle_it_is_not_ready_and_its_log_says_why(tmp_path, redis_url, caplog):
    with hosted(leisurely(out=tmp_path, redis_url=redis_url), ready=False) as service:
        until(lambda: "bundle refused" in caplog.text)
        answer = service.client.get("/readyz")
        assert answer.status_code == 503
        assert "there is no bundle in" in answer.json()["refused"]
        assert "there is no bundle in" in caplog.text
        assert "Traceback" not in caplog.text


def test_a_bundle_that_is_mended_is_taken_into_service(out, redis_url):
    folder = find_current_bundle(out)
    whole = (folder / "coarse.json").read_bytes()
    (folder / "coarse.json").unlink()
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.05)
    with hosted(settings, ready=False) as service:
        until(lambda: serving(service)["refused"])
        assert service.client.get("/readyz").status_code == 503
        (folder / "coarse.json").write_bytes(whole)
        until(lambda: serving(service)["ready"])
        assert serving(service)["refused"] is None


def test_a_bundle_under_another_name_is_refused(out, redis_url):
    folder = find_current_bundle(out)
    point_to(folder.rename(folder.with_name("renamed")))
    with hosted(leisurely(out=out, redis_url=redis_url), ready=False) as service:
        until(lambda: serving(service)["refused"])
        assert f"holds the bundle {folder.name}" in serving(service)["refused"]


def test_a_worker_is_ready_once_all_stages_answer_or_says_which_do_not(out, redis_url, caplog):
    for broken, expected in ((False, 0), (True, 1)):
        caplog.clear()
        prefix = leisurely().key_prefix
        with redis.Redis.from_url(redis_url) as link:
            if broken:  # a list in place of a user's events
                link.rpush(history_key(prefix, "u0"), "no event")
        with hosted(leisurely(out=out, redis_url=redis_url, key_prefix=prefix)):
            warnings = [text for text in caplog.messages if "after the warm-up" in text]
        assert len(warnings) == expected
        assert all("history (down)" in text for text in warnings)


def test_without_redis_it_starts_and_answers_and_says_what_is_missing(out, tmp_path):
    nobody = leisurely(out=out, redis_url=f"unix://{tmp_path}/nobody.sock")
    with hosted(nobody, timing=RolloutTiming(prepare=0.3)) as service:
        answer = service.recommend("u1")
        assert len(answer["items"]) == 10
        down = {(missing["stage"], missing["outcome"]) for missing in answer["degraded"]}
        assert down == {("history", "down"), ("filters", "unknown"), ("rules", "unknown")}
        told = service.client.post("/events", json={"user_id": "u1", "item_id": "i1"})
        assert told.status_code == 503
        assert told.headers["Retry-After"] == "1"
        assert metric(service, 'recfunnel_events_total{outcome="lost",type="click"} 1.0')
        assert serving(service)["redis"] == "down"
        for method, path, body in (
            ("PUT", "", {"attributes": {"a": 1}}),
            ("PUT", "/friends", {"friends": ["u1"]}),
            ("GET", "", None),
            ("DELETE", "", None),
        ):
            answer = service.client.request(method, f"/users/u1{path}", json=body)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_worker_that_starts_while_redis_is_down_gives_no_deleted_item(out, tmp_path):
    with embedded_server(tmp_path) as url:
        settings = leisurely(out=out, redis_url=url)
        kept = deleted_items_path(settings.state_folder, settings.key_prefix, url)
        with hosted(settings) as service:
            gone, hidden, back = service.ids("u1", explore=False)[:3]
            for item in (gone, back):
                assert service.client.delete(f"/items/{item}").status_code == 204
            for item, told in [(hidden, {"is_available": False}), (back, {"title": "Returns"})]:
                assert service.client.put(f"/items/{item}", json=told).is_success
            until(lambda: kept.is_file() and read(kept) == sorted([gone, hidden]))
        with redis.Redis.from_url(url) as link:
            server = link.info("server")["process_id"]
        os.kill(server, signal.SIGSTOP)  # it is there, and does not answer
        brief = settings.model_copy(update={"redis_timeout_ms": 200})
        try:
            with hosted(brief, timing=RolloutTiming(prepare=0.5)) as service:
                ids = service.ids("u1", k=100)
                assert not {gone, hidden} & set(ids)
                assert back in ids
                assert (
                    service.service.item_store.change_count is None
                )  # so that nobody runs it again
                os.kill(server, signal.SIGCONT)
                until(service.service.item_store.loaded.is_set)
                assert service.client.put(f"/items/{gone}", json={"title": "Again"}).is_success
                assert gone in service.ids("u1", k=100)
                until(lambda: read(kept) == [hidden])
        finally:
            os.kill(server, signal.SIGCONT)


def read(path):
    return sorted(chain.from_iterable(orjson.loads(path.read_bytes()).values()))


@pytest.mark.parametrize("said", [b"", b"{", b"7", b"[7, null]"])
def test_a_damaged_file_of_deleted_items_stops_nobody(tmp_path, said):
    path = tmp_path / "damaged.json"
    path.write_bytes(said)
    assert deleted_items.read_deleted_items(path) == []
    assert deleted_items.read_deleted_items(tmp_path / "none.json") == []


def test_what_cannot_be_noted_as_shown_is_counted(out, tmp_path):
    settings = leisurely(out=out, redis_url=f"unix://{tmp_path}/nobody.sock", reload_seconds=0.05)
    with hosted(settings, timing=RolloutTiming(prepare=0.1)) as service:
        service.service.impressions.capacity = 1
        for _ in range(3):
            service.recommend("u1")
        until(lambda: metric(service, "recfunnel_impressions_dropped_total 2.0"))


def test_it_ends_at_once_while_it_is_still_starting(out, tmp_path):
    nobody = leisurely(out=out, redis_url=f"unix://{tmp_path}/nobody.sock")
    began = time.monotonic()
    with hosted(nobody, ready=False) as service:
        until(lambda: len(service.service.tasks) >= 4)
        assert service.service.deployment is None
    assert time.monotonic() - began < DEFAULT_TIMING.prepare


async def test_events_are_not_trimmed_before_it_is_known_that_nobody_archives_them(
    redis_url, tmp_path
):
    nobody = Service(leisurely(redis_url=f"unix://{tmp_path}/nobody.sock"), Metrics())
    await nobody.follow_archiver()
    assert nobody.stream_limit == UNLIMITED
    assert nobody.request_log.limit == nobody.settings.served_backlog
    service = Service(
        leisurely(redis_url=redis_url, served_limit=700, stream_limit=9_000), Metrics()
    )
    assert service.stream_limit == UNLIMITED
    await service.follow_archiver()
    assert (service.stream_limit, service.request_log.limit) == (9_000, 700)
    with redis.Redis.from_url(redis_url) as link:
        mark_archiver_in_use(link, service.settings.key_prefix)
    await service.follow_archiver()
    assert (service.stream_limit, service.request_log.limit) == (UNLIMITED, 40_000)
    assert service.impressions.limit == 9_000  # of shown lists nothing was promised
    for one in (nobody, service):
        await one.stop()


def test_the_service_wants_to_be_told_of_a_redis():
    with pytest.raises(ValueError, match="REDIS_URL is not set"):
        Service(Settings(redis_url=None), Metrics())


def test_the_application_reads_its_settings_from_the_environment(monkeypatch):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv("RECFUNNEL_LOG_LEVEL", "error")
    try:
        app = create_app()
        assert root.level == logging.ERROR
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert app.title == "recfunnel"
    assert orjson.dumps(app.openapi())


@pytest.fixture(scope="module")
def bundle(trained):
    return load_bundle(find_current_bundle(trained))


def test_the_manifest_has_the_settings_of_every_channel(bundle):
    assert bundle.manifest.channels["sequence"] == {
        "enabled": True,
        "limit": None,
        "n_events": 50,
        "decay": 0.98,
    }


def test_settings_turn_channels_off_and_limit_them(bundle, caplog):
    settings = leisurely(recall={"ease": {"enabled": False}, "sequence": {"limit": 7}})
    serving = ServingBundle.of(bundle, settings, time.time())
    assert not serving.channels["ease"].enabled
    assert serving.channels["sequence"].limit == 7
    assert serving.channels["item_cf"] == bundle.manifest.channel_configs()["item_cf"]
    assert not caplog.records


def test_settings_cannot_turn_on_a_channel_that_was_not_trained(bundle, caplog):
    channels = {**bundle.manifest.channels, "ease": {"enabled": False}}
    manifest = bundle.manifest.model_copy(update={"channels": channels})
    settings = leisurely(recall={"ease": {"enabled": True}, "easy": {"limit": 3}})
    serving = ServingBundle.of(replace(bundle, manifest=manifest), settings, time.time())
    assert not serving.channels["ease"].enabled
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "was trained without this channel" in caplog.text
    assert "recall.easy names no channel" in caplog.text


def test_a_service_with_a_bundle_is_alive_and_ready(api):
    assert api.client.get("/healthz").json() == {"status": "alive"}
    answer = api.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "draining": False,
        "bundle": find_current_bundle(api.service.settings.out).name,
        "trained": True,
        "refused": None,
        "fallback": False,
        "warnings": [],
        "redis": "ok",
        "writes": "ok",
    }


def test_a_service_without_a_bundle_is_alive_but_not_ready_and_says_why(tmp_path, redis_url):
    settings = leisurely(out=tmp_path, redis_url=redis_url)
    with hosted(settings, ready=False) as service:
        assert service.client.get("/healthz").status_code == 200
        answers = [
            service.client.get("/recommend?user_id=u1"),
            service.client.post("/recommend", json={}),
            service.client.post("/events", json={"user_id": "u1", "item_id": "i1"}),
        ]
        for answer in answers:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.json()["error"]["code"] == "unavailable"
        told = service.client.get("/readyz")
        assert told.status_code == 503
        assert told.json()["ready"] is False
        assert "run `recfunnel train" in told.json()["refused"]


def test_metrics_name_routes_statuses_stages_and_the_bundle(api):
    api.recommend("u1")
    api.client.get("/recommend?user_id=")
    api.client.get("/unheard-of")
    version = find_current_bundle(api.service.settings.out).name
    answer = api.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    for line in (
        'recfunnel_request_seconds_count{route="/recommend",status="200"}',
        'recfunnel_request_seconds_count{route="/recommend",status="422"}',
        'recfunnel_request_seconds_count{route="unknown",status="404"}',
        'recfunnel_stage_seconds_count{outcome="ok",stage="recall.item_cf"}',
        'recfunnel_stage_candidates_out_total{stage="fine"}',
        'recfunnel_answers_total{kind="whole"}',
        f'recfunnel_bundle_workers{{version="{version}"}} 1.0',
        "recfunnel_requests_in_flight 1.0",
        'recfunnel_redis_seconds_count{command="history",outcome="ok"}',
    ):
        assert line in text, line
