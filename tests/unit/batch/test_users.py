"""Files of users for ``recfunnel batch``: each kind that is read, a sentence for the others."""

import codecs

import polars as pl
import pytest

from offline.batch.users import read_users
from offline.data.errors import DataError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("users.txt", b"196\r\n x\n\n196\n"),
        ("users", b"196\nx"),
        ("marked.txt", codecs.BOM_UTF8 + b"196\nx\n"),
        ("users.csv", b"name,user_id\na,196\nb,x\nc,196\nd,\n"),
        ("USERS.CSV", b"user_id,name\n196,a\nx,b\n"),
        ("marked.csv", codecs.BOM_UTF8 + b"user_id,name\n196,a\nx,b\n"),
        ("users.tsv", b"user_id\tname\n196\ta\nx\tb\n"),
    ],
)
def test_each_kind_of_text_file_has_the_same_users(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert read_users(tmp_path / name) == ["196", "x"]


def test_parquet_may_have_texts_whole_numbers_or_categories(tmp_path):
    file = tmp_path / "users.PARQUET"
    for kind in (pl.Int64, pl.String, pl.Categorical):
        numbers = pl.Series("user_id", [196, 7, 196])
        ids = numbers if kind == pl.Int64 else numbers.cast(pl.String).cast(kind)
        ids.to_frame().write_parquet(file)
        assert read_users(file) == ["196", "7"]
    pl.DataFrame({"user_id": [196.0, None]}).write_parquet(file)
    with pytest.raises(DataError, match="user_id as Float64: write the ids as texts"):
        read_users(file)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b" \n", "has no users"),
        ("empty.csv", b"", "has no users"),
        ("titles.csv", b"user_id\n", "has no users"),
        ("other.csv", b"id\n1\n", "no column user_id; it has id"),
        ("ragged.csv", b"user_id\n1\n2,3\n", r"cannot be read as .csv \("),
        ("latin.txt", "Zoë".encode("latin-1"), r"is not UTF-8 \(byte 2\): save the file as"),
        ("latin.csv", "user_id\nZoë".encode("latin-1"), r"is not UTF-8 \(byte 10\)"),
        ("broken.parquet", b"PAR1 and no more", r"cannot be read as .parquet \("),
        ("table.txt", b"user_id\tname\n196\tx\n", r"'user_id\\tname' must not contain control"),
        ("users.xlsx", b"", r"is not .txt, .csv, .tsv or .parquet: write one id a line"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_users(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(DataError, match="does not exist: name a file of users"):
            read_users(path)
