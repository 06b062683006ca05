from pathlib import Path

import polars as pl
import pytest

from app.state.user_store import user_digest
from offline.archive.erased_users import ErasedUsers, purge
from offline.archive.files import ArchiveFile, IdRanges, StreamFiles, day_of
from offline.archive.streams import EVENT_COLUMNS, EVENTS
from offline.data.errors import DataError

MOMENT = 1_700_000_000_000  # milliseconds
ERASED = ErasedUsers({user_digest("gone"): 1_800_000_000.0})


def write_one(files, at, user):
    name = f"{MOMENT + at}-0"
    event = (name, f"e{at}", user, "i", "view", 1.0, MOMENT / 1000, *[None] * 4)
    return files.write([dict(zip(EVENT_COLUMNS, event, strict=True))], name, name)


def users_in(files):
    return pl.concat(map(ERASED.without_erased, files.read()))["user"].to_list()


def test_a_file_name_says_which_ids_it_covers():
    file = ArchiveFile.from_path(
        Path("archive/events/day=1970-01-11/864000000-1_864000000-12.parquet")
    )
    assert (file.first, file.last, file.last_id) == (
        (864000000, 1),
        (864000000, 12),
        "864000000-12",
    )
    assert day_of("864000000-1") == "1970-01-11"


def test_ranges_contain_both_their_ends_and_nothing_between_them():
    ranges = IdRanges(ArchiveFile(Path(), (n, 0), (n, 5)) for n in range(0, 100, 2))
    for n in range(0, 100, 2):
        assert (n, 0) in ranges
        assert (n, 5) in ranges
        assert (n, 6) not in ranges
        assert (n + 1, 0) not in ranges
    ranges.add((1, 0), (1, 9))
    assert (1, 9) in ranges
    assert (100, 0) not in ranges


def test_a_file_without_rows_stops_neither_erasing_nor_reading_nor_merging(tmp_path):
    files = StreamFiles(tmp_path, EVENTS)
    write_one(files, 0, "gone")
    write_one(files, 1, "kept")
    assert purge(files, ERASED) == [f"{MOMENT}-0"]
    assert purge(files, ERASED) == []
    assert users_in(files) == ["kept"]
    assert files.merge(today="2026-01-01") == 2
    assert users_in(files) == ["kept"]
    assert [row[0] for row in files.newest(("user",), 5)] == ["kept"]


@pytest.mark.parametrize("content", ["without a type", "0 bytes"])
def test_an_empty_file_of_other_types_is_read_with_the_columns_of_its_stream(tmp_path, content):
    files = StreamFiles(tmp_path, EVENTS)
    path = write_one(files, 0, "gone")
    write_one(files, 1, "kept")
    if content == "0 bytes":
        path.write_bytes(b"")
    else:
        pl.DataFrame(
            schema={"stream_id": pl.String, "user": pl.Null, "value": pl.String}
        ).write_parquet(path)
    assert purge(files, ERASED) == []
    assert users_in(files) == ["kept"]
    assert [row[0] for row in files.newest(("user",), 5)] == ["kept"]
    assert files.merge(today="2026-01-01") == 2
    assert users_in(files) == ["kept"]


def test_a_damaged_file_is_named_with_the_remedy(tmp_path):
    files = StreamFiles(tmp_path, EVENTS)
    path = write_one(files, 0, "kept")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(
        DataError, match=f"{path.name} cannot be read .* move it out of the archive"
    ):
        list(files.read())
