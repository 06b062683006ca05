"""Attributes and ids of users in the store."""

import asyncio

import pytest

from app.contracts import StageError
from app.state.user_store import (
    attributes_key,
    decode_attributes,
    find_users,
    merge_attributes,
    write_attributes_of_many,
)
from tests.state import StoreAround, store, url  # noqa: F401 (fixtures)


class StoreOfOthers(StoreAround):
    """A store in which others change the attributes between each read and write."""

    async def command(self, *parts):
        if parts[0] == "EVAL":
            await self.store.command("APPEND", parts[3], " ")
        return await self.store.command(*parts)


async def test_concurrent_changes_of_attributes_are_all_kept(store):  # noqa: F811
    changes = ({f"a{n}": str(n)} for n in range(5))
    await asyncio.gather(*(merge_attributes(store, "p", "u", change) for change in changes))
    stored = decode_attributes(await store.command("GET", attributes_key("p", "u")))
    assert stored == {f"a{n}": str(n) for n in range(5)}
    assert await merge_attributes(store, "p", "u", dict.fromkeys(stored)) == {}
    assert await store.command("EXISTS", attributes_key("p", "u")) == 0


async def test_a_user_whom_others_keep_changing_is_refused(store):  # noqa: F811
    await merge_attributes(store, "p", "u", {"a": "1"})
    with pytest.raises(StageError, match="others are changing the user u"):
        await merge_attributes(StoreOfOthers(store), "p", "u", {"a": "2"})


async def test_users_are_found_once_whatever_is_stored_of_them(store):  # noqa: F811
    prefix = "p[*]?"  # signs that mean something in a pattern
    users = ["a/1", "a 2", "a{3}", "b", "ä"]
    await write_attributes_of_many(store, prefix, {user: {"x": "1"} for user in users})
    for user in ("a/1", "ä"):
        key = attributes_key(prefix, user)
        await store.command("SET", key[:-1] + "f", "[]")
        await store.command("SET", key[:-1] + "s", "[]")  # recently shown items alone list nobody
    await write_attributes_of_many(store, "pp", {"other": {"x": "1"}})
    found, cursor = [], 0
    while True:
        page, cursor = await find_users(store, prefix, "", cursor, 2)
        found += page
        if not cursor:
            break
    assert sorted(found) == sorted(users)
    assert (await find_users(store, prefix, "a", 0, 100))[0] == ["a 2", "a/1", "a{3}"]
    assert (await find_users(store, prefix, "a/", 0, 100))[0] == ["a/1"]
