"""One entry of the request log as bytes: a JSON head, then the arrays, compressed together."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

COMPRESSION_LEVEL = 1  # a higher one saves 3 % and costs three times as much time
HEAD_SIZE = struct.Struct("<I")
# Fields of the head under the names of the first release, so that its logs and archives stay
# readable and this release's can be read by it.
STORED_NAMES = {
    "items_offset": "shelf",
    "items_changed": "changed",
    "request": "asked",
    "history_length": "history",
    "raw_reply": "said",
    "offsets": "standing",
}
FIELD_NAMES = {stored: name for name, stored in STORED_NAMES.items()}


class LogEntryError(Exception):
    """The bytes are not an entry of the request log."""


@dataclass(frozen=True, slots=True, eq=False)
class LogEntry:
    """The stored data of one answer. ``app.request_log.answer_record`` defines the fields."""

    head: Mapping[str, Any]  # plain JSON
    arrays: Mapping[str, NDArray[Any]]  # by name, one row for each item in the order shown

    def pack(self) -> bytes:
        """Return the stored bytes."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        shapes = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        head = orjson.dumps({"told": to_stored(self.head), "arrays": shapes})
        parts = [HEAD_SIZE.pack(len(head)), head, *(array.tobytes() for array in arrays.values())]
        return zlib.compress(b"".join(parts), COMPRESSION_LEVEL)

    @classmethod
    def unpack(cls, stored: bytes) -> "LogEntry":
        """Read stored bytes.

        Raises:
            LogEntryError: they are not an entry.
        """
        try:
            plain = zlib.decompress(stored)
            at = HEAD_SIZE.size + HEAD_SIZE.unpack_from(plain)[0]
            head = orjson.loads(plain[HEAD_SIZE.size : at])
            arrays = {}
            for name, kind, shape in head["arrays"]:
                dtype, size = np.dtype(kind), int(np.prod(shape))
                arrays[name] = np.frombuffer(plain, dtype, size, at).reshape(shape)
                at += size * dtype.itemsize
            return cls(from_stored(head["told"]), arrays)
        except (zlib.error, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogEntryError(f"an entry of the request log cannot be read: {error}") from error


def to_stored(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a head under their stored names."""
    return {STORED_NAMES.get(name, name): value for name, value in head.items()}


def from_stored(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored fields of a head under their names."""
    return {FIELD_NAMES.get(name, name): value for name, value in stored.items()}
