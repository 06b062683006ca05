"""What holds for every log, whatever its rows, order and faults."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError, TooManyBadRowsError
from offline.data.readers import LoadedData, load_dataset
from offline.data.split import split_by_time
from offline.data.table import MISSING_IDS

# Texts that can be ids: no control characters, lone surrogates, or words for a missing value.
ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6).filter(
    lambda text: text.strip() == text and text.lower() not in MISSING_IDS
)
rows = st.lists(
    st.tuples(ids, ids, st.integers(1, 5), st.integers(100_000_000, 1_700_000_000)),
    min_size=1,
    max_size=30,
    unique=True,
)
few = settings(max_examples=40)  # each example reads a file
HEADER = "user\titem\trating\ttimestamp"
BLANK = ["", "\t", "\t\t\t"]  # passed over
JUNK = [*BLANK, "a\tb\t5", "a\tb\tx\t1", "a\tb\t5\tx", "\tb\t5\t1", "a\tb\tnan\t1", '"']


def read_lines(lines: list[str], suffix: str = "tsv") -> LoadedData:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events.{suffix}"
        path.write_bytes("\n".join(lines).encode())
        return load_dataset(path, max_bad_share=1.0)


def content(dataset: Dataset) -> list[object]:
    log = dataset.log
    columns = (log.users, log.items, log.values, log.weights, log.times)
    return [
        dataset.users.keys.tolist(),
        dataset.catalogue.ids.keys.tolist(),
        *[column.tolist() for column in columns],
        dataset.traits,
    ]


@few
@given(rows, st.randoms(use_true_random=False), st.booleans())
@example([("a", "x", 3, 7), ("a", "x", 4, 7), ("b", "x", 3, 7)], None, False)
def test_rows_in_any_order_are_the_same_data_set(events, random, timed):
    lines = ["\t".join(map(str, row[: 4 if timed else 3])) for row in events]
    shuffled = lines[::-1]
    if random is not None:
        random.shuffle(shuffled)
    header = HEADER if timed else HEADER.rsplit("\t", 1)[0]
    one, two = (read_lines([header, *each]).dataset for each in (lines, shuffled))
    assert content(one) == content(two)


@few
@given(rows)
def test_what_was_written_is_read_back(events):
    dataset = read_lines([HEADER, *["\t".join(map(str, row)) for row in events]]).dataset
    log = dataset.log
    back = zip(
        dataset.users.names(log.users.astype(np.int64)),
        dataset.catalogue.ids.names(log.items.astype(np.int64)),
        log.values.tolist(),
        log.times.tolist(),
        strict=True,
    )
    assert sorted(back) == sorted(events)
    keys = list(zip(log.times, log.users, log.items, strict=True))
    assert keys == sorted(keys)


@few
@given(rows, st.lists(st.sampled_from(JUNK), max_size=20), st.randoms(use_true_random=False))
def test_good_and_bad_and_duplicates_are_all_the_lines(events, junk, random):
    good = ["\t".join(map(str, row)) for row in events]
    lines = [*good, *random.choices(good, k=5), *junk]
    random.shuffle(lines)
    reading = read_lines([HEADER, *lines])
    count = reading.files[0]
    assert count.lines == sum(line not in BLANK for line in lines)
    assert count.good == len(reading.dataset.log) == len(good)
    assert count.duplicates == 5
    assert count.bad == sum(line not in BLANK for line in junk)
    assert count.bad + count.duplicates == len(reading.bad)
    for line, text in reading.bad.select("line", "text").iter_rows():
        assert lines[line - 2] == text


@few
@given(st.lists(st.text(st.sampled_from('",ab1\n\r\t\0é '), max_size=12), max_size=12))
@example(['"', '"a",1\n"', '1,"'])
def test_no_text_at_all_can_hide_a_sound_row_or_raise_anything_unforeseen(junk):
    lines = "\n".join(junk).split("\n")
    try:
        reading = read_lines(["user,item", "first,1", *lines, "last,2"], suffix="csv")
    except (DataError, TooManyBadRowsError) as error:
        pytest.fail(str(error))
    assert reading.dataset.users.row("first") >= 0
    assert reading.dataset.users.row("last") >= 0


@few
@given(rows)
def test_a_parquet_file_gives_what_the_text_gives(events):
    text = read_lines([HEADER, *["\t".join(map(str, row)) for row in events]]).dataset
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        pl.DataFrame(events, schema=HEADER.split("\t"), orient="row").write_parquet(path)
        assert content(load_dataset(path).dataset) == content(text)


@few
@given(
    st.lists(st.integers(0, 60), min_size=20, max_size=300),
    st.floats(0.05, 0.5),
    st.integers(1, 6),
)
def test_a_split_covers_the_log_and_never_parts_equal_moments(moments, test_share, windows):
    times = np.sort(np.array(moments, np.float64))
    n = len(times)
    ones = np.ones(n, np.float32)
    log = Log(np.zeros(n, np.int32), np.zeros(n, np.int32), ones, ones, times)
    try:
        split = split_by_time(log, test_share, windows)
    except DataError:
        return
    starts = [start for start, _ in split.windows]
    assert starts == sorted(set(starts))
    assert [end for _, end in split.windows] == [*starts[1:], split.test_start]
    parts = [log.before(starts[0]), *(log.between(*window) for window in split.windows)]
    parts.append(log.between(split.test_start, split.test_end))
    assert all(len(part) for part in parts)
    assert sum(len(part) for part in parts) == n
    assert len(set(times)) == sum(len(set(part.times)) for part in parts)
    largest_tie = int(np.bincount(times.astype(np.int64)).max())
    assert abs(len(parts[-1]) - test_share * n) <= largest_tie + 1
