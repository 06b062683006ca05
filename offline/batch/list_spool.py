"""Lists on disk between their computation and the file: until the end it is open whether they hold.

They wait because items may be deleted, and the store may lose data, while lists are computed.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson

from offline.batch.batch_lists import SHORT, UserList

READ_TOGETHER = 1_000  # lists that are in memory at once, about 2 MB


@contextmanager
def list_spool(folder: Path) -> Iterator["ListSpool"]:
    """Yield a spool in a file of ``folder`` that is removed at the end."""
    with tempfile.TemporaryFile(dir=folder, prefix=".lists.") as file:
        yield ListSpool(file)


@dataclass(frozen=True, slots=True)
class ListSpool:
    """Takes lists as they are computed, and returns them in their order."""

    file: BinaryIO  # one JSON array a line: the fields of a list

    def write(self, lists: Iterable[UserList]) -> None:
        """Append the lists of some users."""
        for one in lists:
            fields = one.user, one.items, one.degraded
            self.file.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))

    def read(self, withdrawn: Collection[str]) -> Iterator[list[UserList]]:
        """Yield all lists, some at a time, without the items whose ids are ``withdrawn``.

        A list that loses an item is short.
        """
        self.file.seek(0)
        while lines := list(islice(self.file, READ_TOGETHER)):
            yield [_without(_parse(line), withdrawn) for line in lines]


def _parse(line: bytes) -> UserList:
    user, items, degraded = orjson.loads(line)
    return UserList(user, items, tuple(degraded))


def _without(one: UserList, withdrawn: Collection[str]) -> UserList:
    items = [item for item in one.items if item["item_id"] not in withdrawn]
    if len(items) == len(one.items):
        return one
    degraded = one.degraded if SHORT in one.degraded else (*one.degraded, SHORT)
    return replace(one, items=items, degraded=degraded)
