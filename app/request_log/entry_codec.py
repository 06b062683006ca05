"""One served list as bytes: a JSON head, then the arrays as they are, compressed together."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

LEVEL = 1  # of compression: a higher one saves 3 % and costs three times as much
HEAD = struct.Struct("<I")


class LogEntryError(Exception):
    """Bytes that are no entry of the served log."""


@dataclass(frozen=True, slots=True, eq=False)
class LogEntry:
    """What is kept of one answer; see ``app.request_log.answer_record`` for what it says."""

    head: Mapping[str, Any]  # plain JSON
    arrays: Mapping[str, NDArray[Any]]  # by name, one row for each item in the order shown

    def pack(self) -> bytes:
        """Give the bytes."""
        kept = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        shapes = [(name, array.dtype.str, array.shape) for name, array in kept.items()]
        head = orjson.dumps({"told": self.head, "arrays": shapes})
        parts = [HEAD.pack(len(head)), head, *(array.tobytes() for array in kept.values())]
        return zlib.compress(b"".join(parts), LEVEL)

    @classmethod
    def unpack(cls, packed: bytes) -> "LogEntry":
        """Read the bytes.

        Raises:
            EntryError: they are none of ours.
        """
        try:
            plain = zlib.decompress(packed)
            at = HEAD.size + HEAD.unpack_from(plain)[0]
            head = orjson.loads(plain[HEAD.size : at])
            arrays = {}
            for name, kind, shape in head["arrays"]:
                dtype, size = np.dtype(kind), int(np.prod(shape))
                arrays[name] = np.frombuffer(plain, dtype, size, at).reshape(shape)
                at += size * dtype.itemsize
            return cls(head["told"], arrays)
        except (zlib.error, struct.error, ValueError, KeyError, TypeError) as error:
            raise LogEntryError(f"an entry of the served log cannot be read: {error}") from error
