"""Answers of the served log, run again: the same to the bit, or the difference is told."""

import random
import time
from contextlib import closing, contextmanager

import numpy as np
import orjson
import polars as pl
import pytest
import redis
from typer.testing import CliRunner

from app.bundle.bundle import find_current_bundle
from app.catalogue.item_store import item_log_key
from app.cpu import Cpu
from app.request_log.writer import request_log_key
from app.rerank.policies import Policy
from app.settings import Settings, SettingsError
from app.slate_settings import apply_slate_settings
from app.state.event_codec import Event, events_key, impressions_key
from app.state.streams import parse_id
from offline import cli
from offline.archive.files import archive_folder
from offline.commands.archive import archive
from offline.commands.replay import _order
from offline.publish.pointer import point_to
from offline.replay_log.differences import find_differences
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.state_rebuild import StateLostError
from offline.replay_log.stream_reader import StreamReader
from tests.bundles import edit_manifest
from tests.conftest import ITEMS, USERS, hosted, leisurely, until
from tests.integration.test_service import another_version

ASKED = 220


@pytest.fixture(scope="module")
def busy(trained, redis_url, tmp_path_factory):
    """A service that was asked and told a lot; ended by now."""
    scenes = {
        "page": Policy(explore="thompson", provider_cap=3, shown="demote"),
        "shelf": Policy(explore="epsilon_greedy", diversity=0.4, pinned={"i5": 2}),
    }
    settings = leisurely(out=trained, redis_url=redis_url, scenes=scenes, shown_limit=30)
    chance = random.Random(3)
    with hosted(settings) as service:
        for n in range(0, USERS, 3):
            friends = {"friends": [f"u{(n + far) % USERS}" for far in (1, 2, 30)]}
            assert service.client.put(f"/users/u{n}/friends", json=friends).is_success
        asked = 0
        for n in range(ASKED):
            asked += ask(service.client, chance, n)
            if n % 4 == 0:
                tell(service.client, chance)
            if n in {100, 180}:  # an item comes, one goes, and the first is told of once more
                told = {"title": "Night Returns", "categories": ["war"], "released": 1990 + n}
                assert service.client.put("/items/new-1", json=told).is_success
                assert service.client.delete("/items/i11").status_code == 204
        with redis.Redis.from_url(redis_url) as link:
            until(lambda: link.xlen(request_log_key(settings.key_prefix)) == asked)
    return settings


def ask(client, chance, n):
    """Ask in one way or another; gives how many lists that were."""
    user = f"u{chance.randrange(USERS + 20)}"
    scene = chance.choice(["home", "page", "shelf"])
    if n % 11 == 0:
        sent = [{"item_id": f"i{chance.randrange(ITEMS)}", "type": "like"} for _ in range(3)]
        answer = client.post("/recommend", json={"history": sent, "scene": scene})
        assert answer.status_code == 200, answer.text
        return 1
    told = {"user_id": user, "scene": scene, "k": chance.choice([3, 10, 30])}
    if n % 5 == 0:
        told |= {"exclude": ["i1", "i2"], "filter": 'category != "war"'}
    answer = client.get("/recommend", params=told)
    assert answer.status_code == 200, answer.text
    if n % 7 == 0 and (token := answer.json().get("page_token")):
        client.get("/recommend", params=told | {"page_token": token})
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
def link(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def reruns(busy, link, tmp_path):
    cpu = Cpu(threads=1)
    with closing(
        RequestReplayer(busy, StreamReader(link, busy.key_prefix, tmp_path / "archive"), cpu)
    ) as made:
        yield made
    cpu.close()


def plain_ten(reruns):
    """An answer of ten items in the scene that has no policy of its own."""
    asked = ((entry, entry.head["request"]) for entry in logged(reruns.reader))
    return next(entry for entry, a in asked if a["k"] == 10 and a["scene"] == "home")


def logged(tape):
    return sorted(tape.log_entries(), key=_order)


def test_every_logged_answer_comes_out_the_same_to_the_bit(reruns):
    entries = logged(reruns.reader)
    assert len(entries) >= ASKED
    different = {}
    for entry in entries:
        again = reruns.replay(entry)
        if found := find_differences(entry, again):
            different[entry.head["request_id"]] = found
        assert again.head["now"] == entry.head["now"]
    assert different == {}
    assert {len(entry.head["offsets"][0]) for entry in entries} >= {2}
    assert {entry.head["items_changed"] for entry in entries} == {0, 2}
    assert any("new-1" in entry.head["items"] for entry in entries)
    assert any(entry.head["social"] and entry.head["social"][0] for entry in entries)
    assert len({entry.head["offsets"][3] for entry in entries}) > 20  # exposures moved on


def test_answers_can_be_run_again_in_any_order(reruns):
    entries = logged(reruns.reader)
    chance = random.Random(1)
    for entry in chance.sample(entries, 12):
        assert find_differences(entry, reruns.replay(entry)) == []


def test_what_is_only_in_the_archive_is_run_again_as_well(busy, link, tmp_path, reruns):
    settings = busy.model_copy(update={"out": tmp_path})
    archive(settings, once=True)
    keys = [f(busy.key_prefix) for f in (events_key, impressions_key, request_log_key)]
    kept = [link.dump(key) for key in keys]
    try:
        for key in keys:
            link.xtrim(key, maxlen=3, approximate=False)
        tape = StreamReader(link, busy.key_prefix, archive_folder(settings.out))
        entries = sorted(tape.log_entries(), key=_order)
        assert len(entries) >= ASKED
        with closing(RequestReplayer(busy, tape, reruns.cpu)) as fresh:
            assert all(not find_differences(entry, fresh.replay(entry)) for entry in entries[::4])
        bare = StreamReader(link, busy.key_prefix, tmp_path / "none")
        with (
            closing(RequestReplayer(busy, bare, reruns.cpu)) as fresh,
            pytest.raises(StateLostError, match="the stream was trimmed before it was archived"),
        ):
            fresh.replay(entries[-1])
    finally:
        for key, dump in zip(keys, kept, strict=True):
            link.restore(key, 0, dump, replace=True)


def test_entries_that_are_missing_are_noticed(busy, link, reruns):
    entry = logged(reruns.reader)[-1]
    key = events_key(busy.key_prefix)
    kept = link.dump(key)
    try:
        (name, _) = link.xrange(key, count=5)[3]
        link.xdel(key, name)
        with pytest.raises(StateLostError, match="the rebuilt counters differ"):
            reruns.replay(entry)
    finally:
        link.restore(key, 0, kept, replace=True)


def test_another_setting_makes_another_list(reruns):
    entry = plain_ten(reruns)
    again = reruns.replay(entry, settings={"policy": {"diversity": 0.9}})
    assert "items" in find_differences(entry, again)
    assert again.head["settings"] == {"policy": {"diversity": 0.9}}


def test_stages_that_failed_then_fail_again(reruns):
    entry = logged(reruns.reader)[7]
    steps = [["fine", "bug", 0, 0, 0] if s[0] == "fine" else s for s in entry.head["steps"]]
    told = dict(entry.head) | {"steps": steps}
    again = reruns.replay(type(entry)(told, entry.arrays))
    assert ["fine", "bug"] in [list(step[:2]) for step in again.head["steps"]]
    assert not np.array_equal(again.arrays["scores"][:, 3], entry.arrays["scores"][:, 3])


def test_an_answer_that_the_clock_cut_off_cannot_be_run_again(busy, link, tmp_path, reruns):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-late"})
    with hosted(settings) as service:
        service.service.settings = settings.model_copy(update={"budget_ms": 0.001})
        service.recommend("u1")
        until(lambda: link.xlen(request_log_key(settings.key_prefix)))
    (entry,) = StreamReader(link, settings.key_prefix, tmp_path).log_entries()
    with pytest.raises(StateLostError, match="the time ran out for this answer"):
        reruns.replay(entry)


def test_answers_of_a_second_bundle_that_began_later_are_run_again(out, redis_url, link, tmp_path):
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.05)
    key, chance = events_key(settings.key_prefix), random.Random(5)
    with hosted(settings) as service:
        for _ in range(4):
            tell(service.client, chance)
        newest = [int(name.split(b"-")[0]) for name, _ in link.xrange(key)]
        until(lambda: time.time() * 1000 > newest[-1] + 2)
        later = edit_manifest(another_version(out, "later"), data_end=time.time())
        tell(service.client, chance)
        first = service.recommend("u1")["bundle"]
        point_to(later)
        until(lambda: service.recommend("u2")["bundle"] == later.name)
        tell(service.client, chance)
        answers = [service.recommend(f"u{n}", k=20) for n in range(5)]
    tape = StreamReader(link, settings.key_prefix, tmp_path)
    with closed_after(settings, tape) as reruns:
        entries = sorted(tape.log_entries(), key=_order)
        assert {entry.head["bundle"] for entry in entries} == {first, later.name}
        last = tape.find(answers[-1]["request_id"])
        assert parse_id(last.head["offsets"][0]["events"][0])[0] > newest[-1]
        assert [find_differences(entry, reruns.replay(entry)) for entry in entries] == [[]] * len(
            entries
        )
        again = reruns.replay(last, bundle=first)  # which knows of earlier events, too
        assert again.head["offsets"][0]["events"][0] == link.xrange(key, count=1)[0][0].decode()


def test_answers_of_a_worker_that_began_after_a_trim_are_run_again(busy, link, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-trim", "out": tmp_path})
    key = events_key(settings.key_prefix)
    for n in range(40):
        told = Event(event_id=f"e{n}", user=f"u{n}", item=f"i{n}", type="like")
        link.xadd(key, {"e": told.stream_entry()})
    archive(settings, once=True)
    link.xtrim(key, maxlen=10, approximate=False)
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        answer = service.recommend("u1")
        until(lambda: link.xlen(request_log_key(settings.key_prefix)))
    tape = StreamReader(link, settings.key_prefix, archive_folder(settings.out))
    with closed_after(busy, tape) as reruns:
        entry = tape.find(answer["request_id"])
        assert find_differences(entry, reruns.replay(entry)) == []


def test_of_items_in_an_order_that_is_not_known_it_says_so(busy, link, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-told"})
    requests = []
    for _ in range(2):  # the second worker learns of both items at once
        with hosted(settings) as service:
            for name in ("new-1", "new-2"):
                service.client.put(f"/items/{name}", json={"title": "Night"}).raise_for_status()
            requests.append(service.recommend("u3")["request_id"])
            until(lambda: link.xlen(request_log_key(settings.key_prefix)) == len(requests))
    tape = StreamReader(link, settings.key_prefix, tmp_path)
    first, second = map(tape.find, requests)
    with closed_after(settings, tape) as reruns:
        assert find_differences(first, reruns.replay(first)) == []
        with pytest.raises(StateLostError, match="before the worker started"):
            reruns.replay(second)
    link.xtrim(item_log_key(settings.key_prefix), maxlen=1, approximate=False)
    with (
        closed_after(settings, tape) as reruns,
        pytest.raises(StateLostError, match="is no longer complete"),
    ):
        reruns.replay(first)


def test_an_empty_list_is_the_same_from_the_archive_too(busy, link, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-none", "out": tmp_path})
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        answer = service.recommend("u1", filter='category == "none"')
        assert answer["items"] == []
        until(lambda: link.xlen(request_log_key(settings.key_prefix)))
    archive(settings, once=True)
    link.delete(request_log_key(settings.key_prefix))
    tape = StreamReader(link, settings.key_prefix, archive_folder(settings.out))
    with closed_after(busy, tape) as reruns:
        entry = tape.find(answer["request_id"])
        assert find_differences(entry, reruns.replay(entry)) == []


def test_of_answers_that_an_older_release_archived_the_command_says_so(busy, link, tmp_path):
    settings = busy.model_copy(update={"key_prefix": f"{busy.key_prefix}-old", "out": tmp_path})
    with hosted(settings.model_copy(update={"out": busy.out})) as service:
        request = service.recommend("u1")["request_id"]
        until(lambda: link.xlen(request_log_key(settings.key_prefix)))
    archive(settings, once=True)
    link.delete(request_log_key(settings.key_prefix))
    (part,) = (archive_folder(settings.out) / "served").rglob("*.parquet")
    table = pl.read_parquet(part)
    told = orjson.loads(table["told"][0])
    older = {n: v for n, v in told.items() if n not in {"widths", "shelf", "changed"}}
    table.with_columns(pl.lit(orjson.dumps(older).decode()).alias("told")).write_parquet(part)
    found = command(settings, request)
    said = "it was logged by an older release, which did not log items_offset and items_changed"
    assert f"{request} cannot be replayed: {said}" in found.output
    assert (found.exit_code, "Traceback" in found.output) == (1, False)
    several = command(settings)
    assert f"cannot be replayed: {said}" in several.output
    assert several.exit_code == 0


@contextmanager
def closed_after(settings, tape):
    cpu = Cpu(threads=1)
    with closing(RequestReplayer(settings, tape, cpu)) as made:
        yield made
    cpu.close()


def command(busy, *arguments):
    environment = {"REDIS_URL": busy.redis_url, "RECFUNNEL_KEY_PREFIX": busy.key_prefix}
    environment["COLUMNS"] = "400"  # no name of a folder is broken by the end of a line
    whole = ["replay", "--out", str(busy.out), *arguments]
    return CliRunner(env=environment).invoke(cli.app, whole)


def test_the_command_says_that_an_answer_is_the_same_or_lays_lists_side_by_side(busy, reruns):
    entry = plain_ten(reruns)
    name = entry.head["request_id"]
    same = command(busy, name)
    assert (same.exit_code, same.output) == (0, "The same 10 items, bit for bit.\n")
    other = command(busy, name, "--set", "policy.diversity=0.9")
    assert other.exit_code == 0
    assert "Different: items" in other.output
    assert "up" in other.output
    version = find_current_bundle(busy.out).name
    assert command(busy, name, "--bundle", version).output == same.output
    assert command(busy, name, "--bundle", "nowhere").exit_code == 1


def test_the_command_runs_the_newest_again(busy):
    found = command(busy, "--last", "20")
    assert found.exit_code == 0, found.output
    assert "the same, bit for bit" in found.output
    assert "100.0% of a list's items are kept" in found.output


def test_a_bundle_that_was_removed_is_named_and_the_others_are_run_again(busy, reruns):
    found = command(busy, "--last", "5", "--bundle", "removed")
    assert found.exit_code == 0, found.output
    assert "cannot be replayed: " in found.output
    assert "removed" in found.output


def test_what_cannot_be_run_again_is_said_in_a_sentence(busy):
    assert command(busy, "nobody").exit_code == 1
    assert command(busy, "--last", "1", "--set", "diversity").exit_code == 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(SettingsError, match=r"policy\.diversity cannot be used"):
        apply_slate_settings(Settings(redis_url=None), {"policy": {"diversity": 7}})
