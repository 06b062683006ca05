"""Logged answers are replayed: they are equal to the bit, or the difference is named."""

import random
import time
from contextlib import closing, contextmanager

import numpy as np
import orjson
import polars as pl
import pytest
import redis
from typer.testing import CliRunner

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle
from app.cpu import Cpu
from app.live_catalogue.item_store import item_log_key
from app.request_log.writer import request_log_key
from app.rerank.policies import SceneSettings
from app.settings import Settings, SettingsError
from app.slate_settings import apply_slate_settings
from app.state.event_codec import Event, events_key, impressions_key
from app.state.streams import parse_id
from offline import cli
from offline.archive.files import archive_folder
from offline.commands.archive import archive
from offline.commands.replay import find_differences, replay_order
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.state_rebuild import StateLostError
from offline.replay_log.stream_reader import StreamReader
from tests.bundles import edit_manifest
from tests.integration.test_service import another_version
from tests.serving import hosted, leisurely, until
from tests.world import ITEMS, USERS

REQUESTS = 120


@pytest.fixture(scope="module")
def busy(trained, redis_url, tmp_path_factory):
    """The settings of a service that answered many requests and has ended."""
    scenes = {
        "page": SceneSettings(explore="thompson", provider_cap=3, shown="demote"),
        "shelf": SceneSettings(explore="epsilon_greedy", diversity=0.4, pinned={"i5": 2}),
    }
    settings = leisurely(out=trained, redis_url=redis_url, scenes=scenes, shown_limit=30)
    chance = random.Random(3)
    with hosted(settings) as service:
        for n in range(0, USERS, 3):
            friends = {"friends": [f"u{(n + far) % USERS}" for far in (1, 2, 30)]}
            assert service.client.put(f"/users/u{n}/friends", json=friends).is_success
        n_lists = 0
        for n in range(REQUESTS):
            n_lists += ask(service.client, chance, n)
            if n % 4 == 0:
                tell(service.client, chance)
            if n in {50, 90}:  # an item is put, one is deleted, and the first is put again
                sent = {"title": "Night Returns", "categories": ["war"], "released": 1990 + n}
                assert service.client.put("/items/new-1", json=sent).is_success
                assert service.client.delete("/items/i11").status_code == 204
        with redis.Redis.from_url(redis_url) as client:
            until(lambda: client.xlen(request_log_key(settings.key_prefix)) == n_lists)
    return settings


def ask(client, chance, n):
    """Request one or two lists in varying ways; return how many."""
    user = f"u{chance.randrange(USERS + 20)}"
    scene = chance.choice(["home", "page", "shelf"])
    if n % 11 == 0:
        sent = [{"item_id": f"i{chance.randrange(ITEMS)}", "type": "like"} for _ in range(3)]
        answer = client.post("/recommend", json={"history": sent, "scene": scene})
        assert answer.status_code == 200, answer.text
        return 1
    sent = {"user_id": user, "scene": scene, "k": chance.choice([3, 10, 30])}
    if n % 13 == 0:
        own = [f"i{chance.randrange(ITEMS)}" for _ in range(40)]
        assert client.post("/rank", json={**sent, "items": own}).status_code == 200
        return 1
    if n % 5 == 0:
        sent |= {"exclude": ["i1", "i2"], "filter": 'category != "war"'}
    answer = client.get("/recommend", params=sent)
    assert answer.status_code == 200, answer.text
    if n % 7 == 0 and (token := answer.json().get("page_token")):
        client.get("/recommend", params=sent | {"page_token": token})
        return 2
    return 1


def tell(client, chance):
    events = [
        {
            "user_id": f"u{chance.randrange(USERS + 20)}",
            "item_id": f"i{chance.randrange(ITEMS)}",
            "type": chance.choice(["click", "like", "purchase", "dislike"]),
            "timestamp": time.time() - chance.choice([0, 5, 86_400]),
        }
        for _ in range(chance.randrange(1, 30))
    ]
    assert client.post("/events", json=events).status_code == 202


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as replayer:
        yield replayer


@pytest.fixture
def replayer(busy, client, tmp_path, cpu):
    reader = StreamReader(client, busy.key_prefix, tmp_path / "archive")
    with closing(RequestReplayer(busy, reader, cpu)) as replayer:
        yield replayer


def plain_ten(replayer):
    """An answer of ten items in the scene that has no policy of its own."""
    requests = ((entry, entry.head["request"]) for entry in logged(replayer.reader))
    return next(entry for entry, r in requests if r["k"] == 10 and r["scene"] == "home")


def logged(reader):
    return sorted(reader.log_entries(), key=replay_order)


def test_every_logged_answer_is_replayed_equal_to_the_bit(replayer):
    entries = logged(replayer.reader)
    assert len(entries) >= REQUESTS
    different = {}
    for entry in entries:
        replayed = replayer.replay(entry)
        if differences := find_differences(entry, replayed):
            different[entry.head["request_id"]] = differences
        assert replayed.head["now"] == entry.head["now"]
    assert different == {}
    assert {len(entry.head["offsets"][0]) for entry in entries} >= {2}
    assert {entry.head["items_changed"] for entry in entries} == {0, 2}
    assert any("new-1" in entry.head["items"] for entry in entries)
    assert any(entry.head["social"] and entry.head["social"][0] for entry in entries)
    n_trials = {entry.head["offsets"][3] for entry in entries}
    assert len(n_trials) > 20  # impressions were counted in between


def test_answers_are_replayed_in_any_order(replayer):
    entries = logged(replayer.reader)
    chance = random.Random(1)
    for entry in chance.sample(entries, 12):
        assert find_differences(entry, replayer.replay(entry)) == []


def test_answers_that_only_the_archive_has_are_replayed(busy, client, tmp_path, replayer):
    settings = busy.model_copy(update={"out": tmp_path})
    archive(settings, once=True)
    keys = [f(busy.key_prefix) for f in (events_key, impressions_key, request_log_key)]
    dumps = [client.dump(key) for key in keys]
    try:
        for key in keys:
            client.xtrim(key, maxlen=3, approximate=False)
        reader = StreamReader(client, busy.key_prefix, archive_folder(settings.out))
        entries = sorted(reader.log_entries(), key=replay_order)
        assert len(entries) >= REQUESTS
        with closing(RequestReplayer(busy, reader, replayer.cpu)) as another:
            assert all(not find_differences(entry, another.replay(entry)) for entry in entries[::4])
        bare = StreamReader(client, busy.key_prefix, tmp_path / "none")
        with (
            closing(RequestReplayer(busy, bare, replayer.cpu)) as another,
            pytest.raises(StateLostError, match="the stream was trimmed before it was archived"),
        ):
            another.replay(entries[-1])
    finally:
        for key, dump in zip(keys, dumps, strict=True):
            client.restore(key, 0, dump, replace=True)


def test_missing_stream_entries_are_detected(busy, client, replayer):
    entry = logged(replayer.reader)[-1]
    key = events_key(busy.key_prefix)
    dumps = client.dump(key)
    try:
        (name, _) = client.xrange(key, count=5)[3]
        client.xdel(key, name)
        with pytest.raises(StateLostError, match="the rebuilt counters differ"):
            replayer.replay(entry)
    finally:
        client.restore(key, 0, dumps, replace=True)


def test_another_setting_changes_the_list(replayer):
    entry = plain_ten(replayer)
    replayed = replayer.replay(entry, settings={"policy": {"diversity": 0.9}})
    assert "items" in find_differences(entry, replayed)
    assert replayed.head["settings"] == {"policy": {"diversity": 0.9}}


def test_stages_that_failed_fail_in_the_replay_too(replayer):
    entry = logged(replayer.reader)[7]
    steps = [["fine", "bug", 0, 0, 0] if s[0] == "fine" else s for s in entry.head["steps"]]
    sent = dict(entry.head) | {"steps": steps}
    replayed = replayer.replay(type(entry)(sent, entry.arrays))
    assert ["fine", "bug"] in [list(step[:2]) for step in replayed.head["steps"]]
    assert not np.array_equal(replayed.arrays["scores"][:, 3], entry.arrays["scores"][:, 3])


def test_an_answer_that_ran_out_of_time_cannot_be_replayed(busy, client, tmp_path, replayer):
    changes = {"key_prefix": f"{busy.key_prefix}-late", "budget_ms": 0.001}
    settings = busy.model_copy(update=changes)
    with hosted(settings) as service:
        service.recommend("u1")
        until(lambda: client.xlen(request_log_key(settings.key_prefix)))
    (entry,) = StreamReader(client, settings.key_prefix, tmp_path).log_entries()
    with pytest.raises(StateLostError, match="the time ran out for this answer"):
        replayer.replay(entry)


def test_answers_of_a_later_bundle_are_replayed(out, redis_url, client, tmp_path):
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.05)
    key, chance = events_key(settings.key_prefix), random.Random(5)
    with hosted(settings) as service:
        for _ in range(4):
            tell(service.client, chance)
        newest = [int(name.split(b"-")[0]) for name, _ in client.xrange(key)]
        until(lambda: time.time() * 1000 > newest[-1] + 2)
        end = time.time()
        times = dict.fromkeys(("data_end", "live_start", "created"), end)
        later = edit_manifest(another_version(out, "later"), **times)
        tell(service.client, chance)
        first = service.recommend("u1")["bundle"]
        point_to(later)
        until(lambda: service.recommend("u2")["bundle"] == later.name)
        tell(service.client, chance)
        answers = [service.recommend(f"u{n}", k=20) for n in range(5)]
    reader = StreamReader(client, settings.key_prefix, tmp_path)
    with closed_after(settings, reader) as replayer:
        entries = sorted(reader.log_entries(), key=replay_order)
        assert {entry.head["bundle"] for entry in entries} == {first, later.name}
        last = reader.find(answers[-1]["request_id"])
        assert parse_id(last.head["offsets"][0]["events"][0])[0] > newest[-1]
        assert not any(find_differences(entry, replayer.replay(entry)) for entry in entries)
        replayed = replayer.replay(last, bundle=first)  # which does not contain the earlier events
        assert (
            replayed.head["offsets"][0]["events"][0] == client.xrange(key, count=1)[0][0].decode()
        )


def test_answers_of_a_worker_that_started_after_a_trim_are_replayed(busy, client, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-trim", "out": tmp_path})
    key = events_key(settings.key_prefix)
    for n in range(40):
        sent = Event(event_id=f"e{n}", user=f"u{n}", item=f"i{n}", type="like")
        client.xadd(key, {"e": sent.stream_entry()})
    archive(settings, once=True)
    client.xtrim(key, maxlen=10, approximate=False)
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        answer = service.recommend("u1")
        until(lambda: client.xlen(request_log_key(settings.key_prefix)))
    reader = StreamReader(client, settings.key_prefix, archive_folder(settings.out))
    with closed_after(busy, reader) as replayer:
        entry = reader.find(answer["request_id"])
        assert find_differences(entry, replayer.replay(entry)) == []


def test_changes_of_items_in_an_unknown_order_are_an_error(busy, client, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-told"})
    requests = []
    for _ in range(2):  # the second worker reads both items together
        with hosted(settings) as service:
            for name in ("new-1", "new-2"):
                service.client.put(f"/items/{name}", json={"title": "Night"}).raise_for_status()
            requests.append(service.recommend("u3")["request_id"])
            until(lambda: client.xlen(request_log_key(settings.key_prefix)) == len(requests))
    reader = StreamReader(client, settings.key_prefix, tmp_path)
    first, second = map(reader.find, requests)
    with closed_after(settings, reader) as replayer:
        assert find_differences(first, replayer.replay(first)) == []
        with pytest.raises(StateLostError, match="before the worker started"):
            replayer.replay(second)
    client.xtrim(item_log_key(settings.key_prefix), maxlen=1, approximate=False)
    with (
        closed_after(settings, reader) as replayer,
        pytest.raises(StateLostError, match="is no longer complete"),
    ):
        replayer.replay(first)


def test_an_empty_list_is_replayed_from_the_archive(busy, client, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-none", "out": tmp_path})
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        answer = service.recommend("u1", filter='category == "none"')
        assert answer["items"] == []
        until(lambda: client.xlen(request_log_key(settings.key_prefix)))
    archive(settings, once=True)
    client.delete(request_log_key(settings.key_prefix))
    reader = StreamReader(client, settings.key_prefix, archive_folder(settings.out))
    with closed_after(busy, reader) as replayer:
        entry = reader.find(answer["request_id"])
        assert find_differences(entry, replayer.replay(entry)) == []


def test_the_command_names_what_an_older_release_did_not_log(busy, client, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-old", "out": tmp_path})
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        request = service.recommend("u1")["request_id"]
        until(lambda: client.xlen(request_log_key(settings.key_prefix)))
    archive(settings, once=True)
    client.delete(request_log_key(settings.key_prefix))
    (part,) = (archive_folder(settings.out) / "served").rglob("*.parquet")
    table = pl.read_parquet(part)
    sent = orjson.loads(table["told"][0])
    older = {n: v for n, v in sent.items() if n not in {"widths", "shelf", "changed"}}
    table.with_columns(pl.lit(orjson.dumps(older).decode()).alias("told")).write_parquet(part)
    result = command(settings, request)
    reason = "it was logged by an older release, which did not log items_offset and items_changed"
    assert f"{request} cannot be replayed: {reason}" in result.output
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    several = command(settings)
    assert f"cannot be replayed: {reason}" in several.output
    assert several.exit_code == 0


@contextmanager
def closed_after(settings, reader):
    cpu = Cpu(threads=1)
    with closing(RequestReplayer(settings, reader, cpu)) as replayer:
        yield replayer
    cpu.close()


def command(busy, *arguments):
    environment = {"REDIS_URL": busy.redis_url, "RECFUNNEL_KEY_PREFIX": busy.key_prefix}
    environment["COLUMNS"] = "400"  # no name of a folder is broken by the end of a line
    command_line = ["replay", "--out", str(busy.out), *arguments]
    return CliRunner(env=environment).invoke(cli.app, command_line)


def test_the_command_says_that_an_answer_is_equal_or_prints_both_lists(busy, replayer):
    entry = plain_ten(replayer)
    name = entry.head["request_id"]
    same = command(busy, name)
    assert (same.exit_code, same.output) == (0, "The same 10 items, bit for bit.\n")
    other = command(busy, name, "--set", "policy.diversity=0.9")
    assert other.exit_code == 0
    assert "Different: items" in other.output
    assert any(word in other.output for word in ("up", "new"))
    version = find_current_bundle(busy.out).name
    assert command(busy, name, "--bundle", version).output == same.output
    assert command(busy, name, "--bundle", "nowhere").exit_code == 1


def test_the_command_replays_the_newest_answers(busy):
    result = command(busy, "--last", "20")
    assert result.exit_code == 0, result.output
    assert "the same, bit for bit" in result.output
    assert "100.0% of a list's items are kept" in result.output


def test_a_removed_bundle_is_named(busy, replayer):
    result = command(busy, "--last", "5", "--bundle", "removed")
    assert result.exit_code == 0, result.output
    assert "cannot be replayed: " in result.output
    assert "removed" in result.output


def test_what_cannot_be_replayed_is_an_error(busy):
    assert command(busy, "nobody").exit_code == 1
    assert command(busy, "--last", "1", "--set", "diversity").exit_code == 1
    into_a_value = command(busy, "--last", "1", "--set", "a=1", "--set", "a.b=2")
    assert into_a_value.exit_code == 1
    assert "a.b=2: a is a value and has no settings of its own" in into_a_value.output


def test_invalid_settings_are_refused():
    with pytest.raises(SettingsError, match=r"policy\.diversity cannot be used"):
        apply_slate_settings(Settings(redis_url=None), {"policy": {"diversity": 7}})
