"""Versions of the rules in a real store: saved by comparison, followed, bounded, never lost."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from app.rerank.rules import NO_RULES, Rules, ScenePolicies
from app.rules.rule_store import (
    MAX_VERSIONS,
    RulesConflictError,
    RuleStore,
    read_policies,
    rules_key,
    rules_path,
)
from app.rules.rule_version import RuleVersion, UnreadableRulesError
from app.state.store import Store
from tests.state import until

BASE = ScenePolicies()


@asynccontextmanager
async def following(*workers):
    """Let these workers follow the rules, all loaded."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    for worker in workers:
        await asyncio.wait_for(worker.loaded.wait(), 5)
    try:
        yield workers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            await worker.workers.deregister()


@pytest.fixture
def prefix():
    return f"test-{uuid4().hex}"


@pytest.fixture
async def store(redis_url):
    async with Store.connect(redis_url, timeout=5.0) as link:
        yield link


def rules(diversity):
    return Rules.model_validate({"policy": {"diversity": diversity}})


async def save(worker, diversity, expected=None, **known):
    expected = worker.newest.number if expected is None else expected
    version = await worker.save(rules(diversity), expected, "anna", "a note", **known)
    assert await worker.workers.unconfirmed(version.stream_id, 5.0) == []
    return version


async def add_unreadable(store, prefix, number):
    """Store a version as a later release would: with a setting that this one lacks."""
    text = RuleVersion(number, "later", 1.0, "", None, {"policy": {"glamour": 1}}).to_bytes()
    await store.command("XADD", rules_key(prefix), f"{number}-0", "e", text)


async def test_every_worker_has_a_saved_version_once_it_is_confirmed(store, prefix):
    async with following(*(RuleStore(store, prefix, BASE) for _ in range(3))) as workers:
        heard = []
        workers[2].subscribe(heard.append)
        version = await save(workers[0], 0.4)
        assert (version.number, version.author, version.note) == (1, "anna", "a note")
        assert [worker.policies.default.diversity for worker in workers] == [0.4] * 3
        assert [policies.default.diversity for policies in heard] == [0.05, 0.4]
        async with following(RuleStore(store, prefix, BASE)) as (later,):
            assert later.version == version
        assert (await read_policies(store, prefix, BASE)).default.diversity == 0.4


async def test_who_began_with_an_older_version_is_refused_and_hears_of_whom(store, prefix):
    async with following(*(RuleStore(store, prefix, BASE) for _ in range(2))) as (one, other):
        first = await save(one, 0.1)
        with pytest.raises(RulesConflictError) as conflict:
            await other.save(rules(0.9), 0, "bert", "")
        assert conflict.value.newest == first
        with pytest.raises(RulesConflictError):
            await other.save(rules(0.9), 7, "bert", "")
        assert [each.number for each in await one.history(10)] == [1]


async def test_of_two_who_save_at_once_one_is_refused(store, prefix):
    async with following(*(RuleStore(store, prefix, BASE) for _ in range(2))) as workers:
        done = await asyncio.gather(
            *(worker.save(rules(n / 10), 0, f"a{n}", "") for n, worker in enumerate(workers)),
            return_exceptions=True,
        )
        assert {type(each) for each in done} == {RulesConflictError, RuleVersion}
        (saved,) = [each for each in done if isinstance(each, RuleVersion)]
        assert await workers[0].history(10) == [saved]


async def test_the_history_is_bounded_and_a_version_can_be_found(store, prefix):
    async with following(RuleStore(store, prefix, BASE)) as (worker,):
        for n in range(MAX_VERSIONS + 3):
            await worker.save(rules(n / 200), n, "anna", "", restored=n or None)
        versions = await worker.history(1_000)
        assert [versions[0].number, versions[-1].number] == [MAX_VERSIONS + 3, 4]
        assert len(versions) == MAX_VERSIONS
        assert await worker.find(3) is None
        found = await worker.find(5)
        assert (found.read_rules(), found.restored) == (rules(4 / 200), 4)


async def test_a_version_of_a_later_release_leaves_the_last_good_one_in_force(store, prefix):
    async with following(*(RuleStore(store, prefix, BASE) for _ in range(2))) as (one, other):
        good = await save(one, 0.4)
        await add_unreadable(store, prefix, 2)
        await until(lambda: one.refusal)
        assert (one.version, one.newest.number) == (good, 2)
        assert "glamour" in one.alerts[0]
        assert "version 1 stays in force" in one.alerts[0]
        assert one.workers.name in await one.workers.unconfirmed(b"2-0", 0.05)
        async with following(RuleStore(store, prefix, BASE)) as (started_later,):
            assert (started_later.version, started_later.newest.number) == (good, 2)
            assert "version 1 stays in force" in started_later.refusal
        with pytest.raises(UnreadableRulesError, match="version 2 of the rules"):
            await read_policies(store, prefix, BASE)
        await save(other, 0.6, expected=2)
        await until(lambda: not one.refusal)
        assert (one.policies.default.diversity, one.alerts) == (0.6, [])


async def test_a_start_with_an_old_file_takes_the_newest_version_that_can_be_read(
    store, prefix, tmp_path
):
    path = tmp_path / "rules.json"
    async with following(RuleStore(store, prefix, BASE)) as (one,):
        for diversity in (0.1, 0.2, 0.3):
            version = await save(one, diversity)
            if version.number == 1:
                path.write_bytes(b"1\n" + version.to_bytes())
        await add_unreadable(store, prefix, 4)
    worker = RuleStore(store, prefix, BASE)
    worker.preload(path)
    assert worker.version.number == 1
    async with following(worker):
        assert (worker.version.number, worker.newest.number) == (3, 4)
        assert worker.policies.default.diversity == 0.3
        assert "version 3 stays in force" in worker.refusal


def test_of_versions_that_arrive_together_the_last_readable_one_is_in_force(store, prefix):
    worker = RuleStore(store, prefix, BASE)
    entries = [
        (b"1-0", [b"e", RuleVersion(1, "a", 1.0, "", None, {}).to_bytes()]),
        (b"2-0", [b"e", b"damaged"]),
    ]
    worker.apply_stream(b"", entries)
    assert (worker.version.number, worker.newest.number) == (1, 2)


async def test_the_same_change_sent_again_is_stored_once(store, prefix):
    async with following(RuleStore(store, prefix, BASE)) as (one,):
        first = await save(one, 0.1)
        assert await save(one, 0.1, expected=0) == first
        assert len(await one.history(9)) == 1
        with pytest.raises(RulesConflictError):
            await one.save(rules(0.1), 0, "bert", "a note")
        with pytest.raises(RulesConflictError):
            await one.save(rules(0.1), 0, "anna", "another note")
        with pytest.raises(RulesConflictError):
            await one.save(rules(0.2), 0, "anna", "a note")


@pytest.mark.parametrize("text", [b"\xff", b"[]", b'{"author": "a"}', b'{"rules": {}}'])
async def test_a_damaged_entry_is_refused_like_one_that_cannot_be_read(store, prefix, text):
    await store.command("XADD", rules_key(prefix), "1-0", "e", text)
    async with following(RuleStore(store, prefix, BASE)) as (worker,):
        assert (worker.version.number, worker.policies) == (0, BASE)
        assert "version 1 of the rules cannot be read" in worker.refusal


async def test_a_server_that_was_emptied_gets_the_version_in_force_again(store, prefix):
    async with following(*(RuleStore(store, prefix, BASE) for _ in range(2))) as (one, other):
        await save(one, 0.1)
        version = await save(one, 0.4)
        await store.command("DEL", rules_key(prefix))
        next_one = await other.save(rules(0.5), 2, "bert", "")  # before any worker has noticed
        assert next_one.number == 3
        await store.command("DEL", rules_key(prefix))
        await until(lambda: one.version == next_one)
        for _ in range(400):
            if history := await one.history(10):
                break
            await asyncio.sleep(0.02)
        assert history == [next_one]
        assert version.number == 2


async def test_a_server_with_an_older_version_gets_the_one_of_the_file(store, prefix, tmp_path):
    path = rules_path(tmp_path, prefix, "redis://one:6379")
    async with following(RuleStore(store, prefix, BASE)) as (worker,):
        keeping = asyncio.create_task(worker.keep_written(path))
        await save(worker, 0.1)
        newest = await save(worker, 0.4)
        await until(lambda: path.exists() and path.read_bytes().startswith(b"2\n"))
        keeping.cancel()
    await store.command("DEL", rules_key(prefix))
    text = replace(newest, number=1, content=rules(0.1).to_json()).to_bytes()
    await store.command("XADD", rules_key(prefix), "1-0", "e", text)  # as of a backup
    started = RuleStore(store, prefix, BASE)
    started.preload(path)
    assert started.version == newest
    assert "Redis has not answered since the start: version 2" in started.alerts[0]
    async with following(started):
        assert started.version == newest
        assert (await started.history(1))[0] == newest
        assert started.alerts == []


async def test_that_nothing_was_ever_saved_is_kept_too(store, prefix, tmp_path):
    path = rules_path(tmp_path, prefix, "redis://one:6379")
    async with following(RuleStore(store, prefix, BASE)) as (worker,):
        keeping = asyncio.create_task(worker.keep_written(path))
        await until(path.exists)
        keeping.cancel()
    started = RuleStore(store, prefix, BASE)
    assert not started.is_known
    assert "the rules are not known" in started.alerts[0]
    started.preload(rules_path(tmp_path, prefix, "redis://another:6379"))
    assert not started.is_known
    started.preload(path)
    assert started.is_known
    assert started.version.read_rules() == NO_RULES


@pytest.mark.parametrize("content", [b"", b"3", b"x\n{}", b'3\n{"rules": {"policy": {"no": 1}}}'])
def test_a_file_that_cannot_be_read_leaves_the_rules_unknown(store, prefix, tmp_path, content):
    path = rules_path(tmp_path, prefix, "redis://one:6379")
    path.write_bytes(content)
    started = RuleStore(store, prefix, BASE)
    started.preload(path)
    assert (started.is_known, started.policies) == (False, BASE)


def test_an_entry_is_one_json_object_whose_later_fields_are_left_out():
    version = RuleVersion(4, "anna", 2.5, "n", 2, {"policy": {}})
    stored = orjson.loads(version.to_bytes()) | {"later": 1}
    assert RuleVersion.of_entry((b"4-0", [b"e", orjson.dumps(stored)])) == version
