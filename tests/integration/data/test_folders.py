"""Folders of several files: packed, in parts, a log for each type, optional files without rows."""

import bz2
import gzip
import io
import lzma
import zipfile

import polars as pl
import pytest

from offline.data.errors import DataError
from offline.data.event_files import read_event_file
from offline.data.readers import load_dataset
from tests.data_files import CSV, HEADER, LINES, ROWS, findings, read, rows_of


def zipped(members: dict[str, str]) -> bytes:

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


PACKED = {
    "ratings.csv.gz": gzip.compress(CSV.encode()),
    "ratings.csv.bz2": bz2.compress(CSV.encode()),
    "ratings.csv.xz": lzma.compress(CSV.encode()),
    "ratings.csv": gzip.compress(CSV.encode()),
    "ratings.csv.zip": zipped({"ratings.csv": CSV}),
    "ratings.zip": zipped({"export.csv": CSV, "__MACOSX/x.csv": "x"}),
    "data.zip": zipped({"set/ratings.csv": CSV, "set/movies.csv": "movieId,title\ni1,A\n"}),
    "interactions.csv/part-00000.csv": CSV,
    "events/date=2023-11-14/part-0.csv.gz": gzip.compress(CSV.encode()),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files_and_folders_of_parts_are_read(tmp_path, name):
    assert rows_of(read(tmp_path, name, PACKED[name])) == ROWS


def test_a_zip_file_is_read_as_the_folder_that_it_packs(tmp_path):
    (tmp_path / "data.zip").write_bytes(PACKED["data.zip"])
    loaded = load_dataset(tmp_path / "data.zip")
    assert rows_of(loaded) == ROWS
    assert loaded.dataset.catalogue.titles.take(loaded.dataset.catalogue.ids.rows(["i1"])) == ["A"]


def test_part_files_are_one_log_and_markers_are_passed_over(tmp_path):
    folder = tmp_path / "interactions.parquet"
    folder.mkdir()
    frame = pl.DataFrame(ROWS, schema=HEADER.split(","), orient="row")
    for n in range(3):
        frame[20 * n : 20 * n + 20].write_parquet(folder / f"part-0000{n}.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.snappy.parquet.crc").write_bytes(b"crc")
    assert rows_of(load_dataset(tmp_path)) == ROWS
    assert rows_of(load_dataset(folder)) == ROWS


def test_months_are_one_log_and_bad_rows_keep_their_file_and_line(tmp_path):
    for n, name in enumerate(("2023-01", "2023_02", "3")):
        lines = [HEADER, *LINES[20 * n : 20 * n + 20]]
        if n == 1:
            lines.append("u1,i1,x,1700000000")
        (tmp_path / f"events-{name}.csv").write_text("\n".join(lines), "utf-8")
    loaded = load_dataset(tmp_path)
    assert rows_of(loaded) == ROWS
    assert loaded.bad.select("file", "line").rows() == [("events-2023_02.csv", 22)]
    assert len(read_event_file(tmp_path, None).events) == 60


def test_logs_of_several_types_are_read_together_each_with_its_own_columns(tmp_path):
    (tmp_path / "views.csv").write_text(
        "user,item,ts\nu1,i1,1700000000\nu2,i1,1700000060\n", "utf-8"
    )
    (tmp_path / "purchases.csv").write_text(
        "customer_id;product_id;quantity;created_at\nu1;i1;2;2023-11-14T22:20:00Z\n", "utf-8"
    )
    loaded = load_dataset(tmp_path)
    assert [(u, i, v) for u, i, v, _ in rows_of(loaded)] == [
        ("u1", "i1", 1.0),
        ("u2", "i1", 1.0),
        ("u1", "i1", 2.0),
    ]
    assert loaded.dataset.log.weights.tolist() == pytest.approx([0.2, 0.2, 2.0])
    assert [count.file for count in loaded.files] == ["purchases.csv", "views.csv"]
    assert "purchases.csv as purchase; views.csv as view" in findings(loaded)
    kinds = read_event_file(tmp_path, None).events["kind"].to_list()
    assert kinds == ["purchase", "view", "view"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("views.csv", "view"),
        ("clicks_2023.csv", "click"),
        ("plays.tsv", "play"),
        ("purchases.csv", "purchase"),
        ("orders-2023-01-31.csv", "purchase"),
        ("likes.csv", "like"),
        ("carts.csv", "add_to_cart"),
        ("events.csv", "click"),
        ("ratings.csv", "like"),
    ],
)
def test_the_name_of_a_file_without_types_is_the_type_of_its_events(tmp_path, name, kind):
    mark = "\t" if name.endswith("tsv") else ","
    (tmp_path / name).write_text(f"user{mark}item\nu{mark}i\n", "utf-8")
    assert read_event_file(tmp_path, None).events["kind"].to_list() == [kind]


def test_logs_with_and_without_times_are_not_put_in_one_order(tmp_path):
    (tmp_path / "views.csv").write_text("user,item\nu1,i1\n", "utf-8")
    (tmp_path / "orders.csv").write_text("user,item,ts\nu1,i1,1700000000\n", "utf-8")
    with pytest.raises(DataError, match=r"orders.csv has times and views.csv has none"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.csv", ""),
        ("items.csv", "item,title\n"),
        ("items.jsonl", "\n"),
        ("users.csv", "user\n"),
    ],
)
def test_an_optional_file_without_rows_stops_nothing(tmp_path, name, content):
    (tmp_path / name).write_text(content, "utf-8")
    loaded = read(tmp_path, "ratings.csv", CSV)
    assert rows_of(loaded) == ROWS
    assert f"{name} has no rows" in findings(loaded)


def test_an_optional_parquet_file_without_rows_stops_nothing(tmp_path):
    pl.DataFrame({"item_id": [], "title": []}).write_parquet(tmp_path / "items.parquet")
    said = findings(read(tmp_path, "ratings.csv", CSV))
    assert "items.parquet has no rows" in said
    assert "nothing reads" not in said


@pytest.mark.parametrize(
    "name",
    [
        *(
            "orders_export_1.csv",
            "transactions_train.csv",
            "shop-ratings.csv",
            "my_events_2023.csv",
        ),
        *("Online Retail.csv", "small_matrix.csv", "pedidos.csv"),
    ],
)
def test_a_log_is_found_by_the_end_of_its_name_or_because_it_is_alone(tmp_path, name):
    (tmp_path / "readme.txt").write_text("These are the data of the shop.")
    assert len(read(tmp_path, name, CSV).dataset.log) == 60


def test_the_names_of_other_files_are_no_logs(tmp_path):
    for name in ("what.csv", "error_log.csv", "price_history.csv", "ratings_test.csv"):
        (tmp_path / name).write_text(CSV)
    with pytest.raises(DataError, match=r'Name the interactions .* file = "error_log.csv"'):
        load_dataset(tmp_path)
    loaded = read(tmp_path, "shop_ratings.csv", CSV)
    assert len(loaded.dataset.log) == 60
    assert "nothing reads: error_log.csv" in findings(loaded)


def test_files_beside_a_known_layout_that_nothing_reads_are_named(tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Toy Story (1995),Comedy\n")
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")
    assert "nothing reads: links.csv." in findings(load_dataset(tmp_path))
