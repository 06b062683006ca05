import zlib

import numpy as np
import orjson
import pytest

from app.request_log.answer_record import LogEntry, LogEntryError

HEAD = {"request_id": "r", "request": {"user": "u"}, "raw_reply": [], "offsets": None}
STORED = {"request_id": "r", "asked": {"user": "u"}, "said": [], "standing": None}


def test_an_entry_is_read_as_it_was_written():
    arrays = {"x": np.arange(6, dtype=np.int8).reshape(2, 3), "y": np.empty(0, np.float32)}
    entry = LogEntry.unpack(LogEntry(HEAD, arrays).pack())
    assert entry.head == HEAD
    for name, array in arrays.items():
        assert entry.arrays[name].dtype == array.dtype
        assert np.array_equal(entry.arrays[name], array)


def test_the_stored_names_are_those_of_the_first_release():
    plain = zlib.decompress(LogEntry(HEAD, {}).pack())
    assert orjson.loads(plain[4:]) == {"told": STORED, "arrays": []}


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"nonsense", lambda whole: whole[:-5]])
def test_damaged_bytes_are_refused(damage):
    whole = LogEntry(HEAD, {"x": np.arange(3)}).pack()
    with pytest.raises(LogEntryError, match="cannot be read"):
        LogEntry.unpack(damage(whole))
