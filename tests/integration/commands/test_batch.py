"""``recfunnel batch``: the lists of many users in a file, the same as those of the service."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import orjson
import polars as pl
import pytest
import redis

from app.bundle.bundle import find_current_bundle
from app.contracts import StageError
from app.live_catalogue.item_store import item_records_key
from app.rules.rule_store import rules_key
from app.rules.rule_version import RuleVersion
from app.state.user_store import change_count_key, erased_key, generation_key, lost_key
from offline.batch.batch_lists import BatchFunnel, BatchOptions
from offline.batch.store_watch import StoreWatch
from offline.commands.batch import batch
from offline.data.errors import DataError
from tests.serving import hosted, leisurely


@pytest.fixture
def settings(trained, redis_url):
    return leisurely(out=trained, redis_url=redis_url)


def service_lists(api, users, **options):
    answers = {user: api.recommend(user, explore=False, **options) for user in users}
    return {
        user: [(item["item_id"], item["score"]) for item in answer["items"]]
        for user, answer in answers.items()
    }


@pytest.fixture
def api(trained, redis_url):
    """A service of our own: a worker counts the events of erased users until it starts again."""
    prefix = f"batch-{uuid4().hex[:8]}"
    with hosted(leisurely(out=trained, redis_url=redis_url, key_prefix=prefix)) as service:
        yield service


def test_several_processes_write_the_lists_that_the_service_gives(api, tmp_path, capsys):
    liked, newcomer = f"u-{uuid4().hex}", f"u-{uuid4().hex}"
    api.tell({"user_id": liked, "item_id": "i5", "type": "like"})
    api.client.put(f"/users/{liked}/blocked", json={"items": ["i10"]})
    users = [liked, newcomer, *(f"u{n}" for n in range(150)), *(f"new-{n}" for n in range(60))]
    file, to = tmp_path / "users.txt", tmp_path / "lists.jsonl"
    file.write_text("\n".join(users))
    expected = service_lists(api, [liked, newcomer, "u0", "u77", "new-5"], k=5)
    batch(api.service.settings, str(file), BatchOptions(k=5), to, processes=2)
    lines = [orjson.loads(line) for line in to.read_bytes().splitlines()]
    assert [line["user_id"] for line in lines] == users
    lists = {
        line["user_id"]: [(item["item_id"], item["score"]) for item in line["items"]]
        for line in lines
    }
    assert {user: lists[user] for user in expected} == expected
    assert not any("degraded" in line for line in lines)
    assert "212 lists of 5" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_parquet_has_a_row_an_item_with_its_fields(settings, tmp_path, capsys):
    file, to = tmp_path / "users.csv", tmp_path / "lists.parquet"
    pl.DataFrame({"user_id": ["u3", "nobody", "u3"], "mail": ["a", "b", "a"]}).write_csv(file)
    options = BatchOptions(k=200, filter='category == "war"', fields=("category", "year"))
    with pytest.raises(DataError, match="the maximum is 100"):
        batch(settings, str(file), options, to, 1)
    options = BatchOptions(k=30, filter='category == "war"', fields=("category", "year"))
    batch(settings, str(file), options, to, 1)
    table = pl.read_parquet(to)
    assert table["user_id"].unique(maintain_order=True).to_list() == ["u3", "nobody"]
    assert table["position"].to_list()[:2] == [1, 2]
    assert all("war" in categories for categories in table["category"].to_list())
    assert table.schema["year"] == pl.Float64
    assert "short: 2" in capsys.readouterr().out


def save_rules(settings, content):
    """Store version 1 of the rules, as a service does."""
    version = RuleVersion(1, "anna", 1.0, "", None, content)
    with redis.Redis.from_url(settings.redis_url) as link:
        link.xadd(rules_key(settings.key_prefix), {"e": version.to_bytes()}, version.stream_id)


def test_the_rules_of_the_service_hold_in_a_batch_too(settings, tmp_path):
    save_rules(settings, {"scenes": {"mails": {"blocked_categories": ["war"]}}})
    to, users = tmp_path / "lists.parquet", tmp_path / "users.txt"
    users.write_text("u3\nu4\n")
    options = BatchOptions(k=50, scene="mails", fields=("category",))
    batch(settings, str(users), options, to, 1)
    by_item = pl.read_parquet(to)["category"].to_list()
    assert len(by_item) == 100
    assert not any("war" in categories for categories in by_item)


def test_no_list_is_made_with_rules_that_this_release_cannot_read(settings, tmp_path):
    save_rules(settings, {"policy": {"glamour": 1}})
    with pytest.raises(DataError, match=r"cannot read version 1 of the rules \(policy.glamour"):
        batch(settings, "all", BatchOptions(), tmp_path / "lists.jsonl", 1)


def test_users_who_were_erased_since_the_bundle_are_left_out_of_all(settings):
    with redis.Redis.from_url(settings.redis_url) as link:
        link.set(erased_key(settings.key_prefix, "u5"), time.time())
    with BatchFunnel(settings, BatchOptions(k=3), find_current_bundle(settings.out)) as funnel:
        assert [one.user for one in funnel.recommend(["u4", "u5"], skip_erased=True)] == ["u4"]
        assert len(funnel.recommend(["u4", "u5"], skip_erased=False)) == 2


def test_no_list_is_made_where_it_is_not_known_what_users_have_hidden(settings, tmp_path):
    to = tmp_path / "lists.jsonl"
    with redis.Redis.from_url(settings.redis_url) as link:
        link.set(lost_key(settings.key_prefix), time.time())
    with pytest.raises(StageError, match="has lost data of users"):
        batch(settings, "all", BatchOptions(), to, 1)
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    with pytest.raises(StageError, match=r"127\.0\.0\.1:1"):
        batch(nowhere, "all", BatchOptions(), to, 2)


def test_nothing_is_written_if_the_store_loses_data_of_users_meanwhile(settings, tmp_path):
    users, generation = tmp_path / "users.txt", generation_key(settings.key_prefix)
    os.mkfifo(users)

    def lose_data():
        with users.open("w") as file, redis.Redis.from_url(settings.redis_url) as link:
            link.set(generation, "another")  # the command reads users: it has checked the store
            file.write("u1\n")

    with redis.Redis.from_url(settings.redis_url) as link, ThreadPoolExecutor(1) as pool:
        link.set(generation, "first")
        done = pool.submit(lose_data)
        with pytest.raises(StageError, match="lost data of users while the lists were computed"):
            batch(settings, str(users), BatchOptions(), tmp_path / "lists.jsonl", 1)
        done.result()
    assert [path.name for path in tmp_path.iterdir()] == [users.name]


def test_the_end_of_a_run_names_withdrawn_items_and_every_kind_of_loss(settings):
    prefix, name = settings.key_prefix, '"item_id": "{}", "since": 1, "categories": null'
    fields = {"gone": "is_deleted", "there": "is_available"}
    with redis.Redis.from_url(settings.redis_url) as link:
        watch = StoreWatch.start(settings)
        for item, flag in fields.items():
            record = f'{{{name.format(item)}, "flags": null, "{flag}": true}}'
            link.hset(item_records_key(prefix), item, record)
        off = f'{{{name.format("off")}, "flags": null, "is_available": false}}'
        link.hset(item_records_key(prefix), "off", off)
        link.set(generation_key(prefix), "first")  # by a service that started meanwhile
        link.set(change_count_key(prefix), 5)
        assert watch.finish() == {"gone", "off"}
        watch = StoreWatch.start(settings)
        assert watch.change_count == 5
        for lower in (replace(watch, change_count=6), replace(watch, generation=b"other")):
            with pytest.raises(StageError, match="while the lists were computed"):
                lower.finish()
        link.delete(generation_key(prefix))
        with pytest.raises(StageError, match="lost data of users"):
            watch.finish()
        link.set(generation_key(prefix), "first")
        link.set(lost_key(prefix), time.time())
        with pytest.raises(StageError, match="has lost data of users"):
            watch.finish()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BatchOptions(filter="yeer > 1"), "yeer"),
        (BatchOptions(fields=("prize",)), "there is no field prize; there are title"),
    ],
)
def test_options_that_are_not_valid_are_named(settings, tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        batch(settings, "all", options, tmp_path / "lists.jsonl", 1)


def test_a_file_of_lists_that_cannot_be_written_is_named(settings, tmp_path):
    with pytest.raises(DataError, match=r"neither .jsonl nor .parquet"):
        batch(settings, "all", BatchOptions(), tmp_path / "lists.xls", 1)
    with pytest.raises(DataError, match="create the folder first"):
        batch(settings, "all", BatchOptions(), tmp_path / "no" / "lists.jsonl", 1)
