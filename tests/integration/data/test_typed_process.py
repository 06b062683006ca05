"""Parquet and Arrow files are read in a process of their own, which a damaged file may end."""

import io
import sys

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from offline.data.errors import DataError
from offline.data.formats.typed_process import MIN_BYTES, DamagedFileError, TypedProcess, free_bytes
from offline.data.loading import load_rows
from offline.data.schema import InteractionsFile
from tests.data_files import CSV

FRAME = pl.DataFrame(
    {
        "user": ["u1", "u2"],
        "tags": [["a", "b"], []],
        "kind": pl.Series(["x", "y"], dtype=pl.Categorical),
        "price": pl.Series(["1.50", None]).cast(pl.Decimal(scale=2)),
        "more": [{"a": 1}, {"a": None}],
    }
)
HUGE = b"\xfe\xff\xff\xff\x0f"  # a length of 4 GB


@pytest.fixture(scope="module")
def reader():
    process = TypedProcess()
    yield process
    process.close()


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, compression="uncompressed")
    return file.getvalue()


def arrow(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_ipc(file)
    return file.getvalue()


def damaged_page() -> bytes:
    """Return a Parquet file whose first page says that it is larger than it is."""
    times = pl.DataFrame({"time": ["2023-11-10T00:00:00Z", "2023-11-11T00:00:00Z"]})
    content = parquet(times)
    return content[:12] + HUGE + content[12 + len(HUGE) :]


def test_every_type_comes_back_as_it_was_written(reader):
    assert_frame_equal(reader.read_parquet(parquet(FRAME)), FRAME)
    assert_frame_equal(reader.read_arrow(arrow(FRAME)), FRAME)


def test_a_file_that_is_none_is_refused_with_the_reason(reader):
    with pytest.raises(DamagedFileError, match="InvalidFooter"):
        reader.read_arrow(b"x" * 100)


def test_a_damaged_page_is_refused_and_the_next_file_is_read(reader):
    with pytest.raises(DamagedFileError):
        reader.read_parquet(damaged_page())
    assert_frame_equal(reader.read_parquet(parquet(FRAME)), FRAME)


def test_a_process_that_ends_while_it_reads_is_a_sentence():
    reader = TypedProcess((sys.executable, "-c", "import os; os.abort()"))
    with pytest.raises(DamagedFileError, match="Copy or write the file again"):
        reader.read_parquet(parquet(FRAME))


def test_a_small_file_that_unfolds_to_more_than_the_limit_is_a_sentence():
    reader, file = TypedProcess(max_bytes=MIN_BYTES), io.BytesIO()
    assert_frame_equal(reader.read_parquet(parquet(FRAME)), FRAME)
    pl.DataFrame({"n": pl.repeat(7, 2**25, eager=True)}).write_parquet(file)  # 256 MB
    assert len(file.getvalue()) < 2**17
    with pytest.raises(DamagedFileError, match="unfolds to more than half of the free memory"):
        reader.read_parquet(file.getvalue())
    assert_frame_equal(reader.read_parquet(parquet(FRAME)), FRAME)
    reader.close()


def test_a_file_that_takes_too_long_is_a_sentence():
    reader = TypedProcess((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.2)
    with pytest.raises(DamagedFileError, match="it took more than 0 s"):
        reader.read_parquet(parquet(FRAME))


def test_the_free_memory_is_that_of_the_container_if_it_is_less(tmp_path):
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal:  8000 kB\nMemAvailable:  1000 kB\n")
    assert free_bytes(memory, tmp_path) == 1000 * 1024
    (tmp_path / "memory.current").write_text("200000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(memory, tmp_path) == 1000 * 1024
    (tmp_path / "memory.max").write_text("300000\n")
    assert free_bytes(memory, tmp_path) == 100_000
    assert free_bytes(tmp_path / "nothing", tmp_path / "nothing") == 0


def test_a_data_set_with_a_damaged_page_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "ratings.csv").write_text(CSV)
    (tmp_path / "log.parquet").write_bytes(damaged_page())
    with pytest.raises(DataError, match=r"log\.parquet cannot be read as a Parquet file: "):
        load_rows(tmp_path, InteractionsFile(file="log.parquet"))
