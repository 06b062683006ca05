"""Every layout is recognised by its files and read into the same data set."""

import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offline.data.errors import DataError
from offline.data.movielens import GENRES
from offline.data.readers import LoadedData, load_dataset

RATINGS = [("1", "50", "5", "881250949"), ("2", "0104", "2", "891717742"), ("1", "7", "3", "9")]


def write(folder: Path, name: str, *lines: str, encoding: str = "utf-8") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def titled(reading: LoadedData) -> dict[str, str]:
    catalogue = reading.dataset.catalogue
    return dict(
        zip(catalogue.ids.names(np.arange(len(catalogue))), catalogue.titles.tolist(), strict=True)
    )


def categories(reading: LoadedData, item: str) -> set[str]:
    catalogue = reading.dataset.catalogue
    flags = catalogue.categories[catalogue.ids.row(item)]
    return {name for name, flag in zip(catalogue.category_names, flags, strict=True) if flag}


def released(reading: LoadedData, item: str) -> float:
    catalogue = reading.dataset.catalogue
    return float(catalogue.released[catalogue.ids.row(item)])


def u_item(item: str, title: str, date: str, *genres: str) -> str:
    flags = "|".join("1" if genre in genres else "0" for genre in GENRES)
    return f"{item}|{title}|{date}||http://us.imdb.com/|{flags}"


def test_the_first_movielens_layout_is_read_with_its_latin_letters(tmp_path):
    write(tmp_path, "u.data", *["\t".join(row) for row in RATINGS])
    write(
        tmp_path,
        "u.item",
        u_item("50", "Misérables, Les (1995)", "01-Jul-1996", "Drama", "War"),
        u_item("7", "unknown", ""),
        u_item("0104", "Toy Story (1995)", "", "Comedy"),
        encoding="latin-1",
    )
    write(tmp_path, "u.user", "1|24|M|technician|85711", "3|53|F|other|94043")
    reading = load_dataset(tmp_path)
    assert reading.layout == "MovieLens (u.data)"
    assert titled(reading) == {"50": "Misérables, Les", "7": "unknown", "0104": "Toy Story"}
    assert categories(reading, "50") == {"Drama", "War"}
    assert categories(reading, "7") == set()
    assert released(reading, "50") == pytest.approx(1996.5, abs=0.01)
    assert released(reading, "0104") == 1995
    assert np.isnan(released(reading, "7"))
    users = reading.dataset.users
    assert users.names(np.arange(len(users))) == ["1", "2", "3"]
    assert reading.dataset.attributes["occupation"].tolist() == ["technician", "", "other"]
    assert reading.dataset.traits.is_explicit
    assert reading.dataset.traits.positive_at == 4.0
    assert reading.dataset.traits.has_times


def test_the_colon_layout_keeps_leading_zeros_and_the_scale_of_ten(tmp_path):
    write(tmp_path, "ratings.dat", "1::0104257::10::1364690142", "1::104257::8::1364690143")
    write(tmp_path, "movies.dat", "0104257::Fantômas: À l'ombre (1913)::Crime|Drama")
    write(tmp_path, "users.dat", "1::F::25::10::48067")
    reading = load_dataset(tmp_path)
    assert titled(reading) == {"0104257": "Fantômas: À l'ombre", "104257": None}
    assert categories(reading, "0104257") == {"Crime", "Drama"}
    assert reading.dataset.traits.positive_at == 8.0
    assert reading.dataset.log.weights.tolist() == [1.0, 1.0]
    assert reading.dataset.attributes["age"].tolist() == ["25"]


def test_a_users_file_of_another_kind_is_passed_over(tmp_path):
    write(tmp_path, "ratings.dat", "1::2::10::1364690142")
    write(tmp_path, "users.dat", "1::177651718")
    assert load_dataset(tmp_path).dataset.attributes == {}


def test_the_csv_layout_of_movielens_is_read_with_quoted_titles(tmp_path):
    write(tmp_path, "ratings.csv", "userId,movieId,rating,timestamp", "1,31,2.5,1260759144")
    write(
        tmp_path,
        "movies.csv",
        "movieId,title,genres",
        '31,"American President, The (1995)",Comedy|Drama',
        "32,No Genre (2001),(no genres listed)",
    )
    reading = load_dataset(tmp_path)
    assert titled(reading) == {"31": "American President, The", "32": "No Genre"}
    assert categories(reading, "31") == {"Comedy", "Drama"}
    assert categories(reading, "32") == set()


def test_atomic_files_are_read_by_their_typed_headers(tmp_path):
    write(
        tmp_path,
        "tiny.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        *["\t".join(row) for row in RATINGS],
    )
    write(
        tmp_path,
        "tiny.item",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
        "50\tStar Wars\t1977\tAction Sci-Fi",
        "267\tunkonwn\tunkonwn\tunknown",
    )
    write(tmp_path, "tiny.user", "user_id:token\tage:token", "1\t24")
    write(tmp_path, "tiny.net", "source_id:token\ttarget_id:token", "1\t9")
    reading = load_dataset(tmp_path)
    assert (reading.layout, reading.dataset.name) == ("RecBole", "tiny")
    assert len(reading.dataset.catalogue) == 4
    assert categories(reading, "50") == {"Action", "Sci-Fi"}
    assert released(reading, "50") == 1977
    assert np.isnan(released(reading, "267"))
    assert reading.dataset.attributes["age"].tolist() == ["24", "", ""]
    assert reading.dataset.friends.tolist() == [[0, 2], [2, 0]]


def test_atomic_files_with_odd_names_are_read_by_the_place_of_their_columns(tmp_path):
    write(tmp_path, "a.inter", "who:token\twhat:token\tlabel:float", "x\ty\t1")
    write(tmp_path, "a.item", "what:token\tname:token_seq", "y\tThe Thing")
    assert titled(load_dataset(tmp_path)) == {"y": "The Thing"}


def test_several_atomic_files_ask_for_the_path_of_one(tmp_path):
    for name in ("a", "b"):
        write(tmp_path, f"{name}.inter", "user_id:token\titem_id:token", f"{name}\t1")
    with pytest.raises(DataError, match=r"several interaction files \(a.inter, b.inter\)"):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path / "b.inter").dataset.users.names(np.arange(1)) == ["b"]


def test_a_hetrec_folder_gives_plays_titles_and_friends(tmp_path):
    write(
        tmp_path, "user_artists.dat", "userID\tartistID\tweight\r", "2\t51\t13883\r", "3\t52\t9\r"
    )
    write(
        tmp_path, "artists.dat", "id\tname\turl", '51\t"Duran" Duran\thttp://x', "53\tB\thttp://y"
    )
    write(tmp_path, "user_friends.dat", "userID\tfriendID\r", "2\t3\r", "3\t2\r", "2\t2\r")
    reading = load_dataset(tmp_path)
    dataset = reading.dataset
    assert reading.layout == "HetRec"
    assert titled(reading) == {"51": '"Duran" Duran', "52": None, "53": "B"}
    assert (dataset.traits.is_explicit, dataset.traits.has_times) == (False, False)
    assert sorted(dataset.log.weights.tolist()) == pytest.approx(np.log1p([9, 13883]).tolist())
    assert dataset.friends.tolist() == [[0, 1], [1, 0]]


def test_a_hetrec_folder_without_friends_has_no_graph(tmp_path):
    write(tmp_path, "user_artists.dat", "userID\tartistID\tweight", "2\t51\t13883")
    write(tmp_path, "artists.dat", "id\tname", "51\tA")
    assert load_dataset(tmp_path).dataset.friends.shape == (0, 2)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl"])
def test_the_same_rows_in_any_format_are_the_same_data_set(tmp_path, suffix):
    events = pl.DataFrame(RATINGS, schema=["user_id", "item_id", "rating", "ts"], orient="row")
    items = pl.DataFrame({"id": ["7", "0104"], "name": ["A, B", 'C "D"'], "genres": ["x|y", None]})
    for name, frame in (("interactions", events), ("items", items)):
        path = tmp_path / f"{name}.{suffix}"
        match suffix:
            case "parquet":
                frame.write_parquet(path)
            case "jsonl":
                frame.write_ndjson(path)
            case "tsv":
                frame.write_csv(path, separator="\t", quote_style="never")
            case _:
                frame.write_csv(path)
    reading = load_dataset(tmp_path)
    assert titled(reading) == {"7": "A, B", "0104": 'C "D"', "50": None}
    assert categories(reading, "7") == {"x", "y"}
    assert reading.dataset.log.times.tolist() == [9.0, 881250949.0, 891717742.0]
    assert reading.dataset.log.values.tolist() == [3.0, 5.0, 2.0]
    assert not len(reading.bad)


def test_typed_parquet_columns_become_text_without_loss(tmp_path):
    moments = pl.Series([1_500_000_000_000_000, 1_600_000_000_000_000])
    pl.DataFrame(
        {
            "user": pl.Series([1, 2], dtype=pl.UInt8),
            "item": pl.Series(["a", "b"], dtype=pl.Categorical),
            "time": moments.cast(pl.Datetime("us", "Europe/Berlin")),
            "context": [{"page": 1}, {"page": 2}],
        }
    ).write_parquet(tmp_path / "log.parquet")
    pl.DataFrame({"item": ["a", "b"], "tags": [["x", "y"], []]}).write_parquet(
        tmp_path / "items.parquet"
    )
    reading = load_dataset(tmp_path)
    assert reading.dataset.log.times.tolist() == [1.5e9, 1.6e9]
    assert reading.dataset.log.weights.tolist() == [1.0, 1.0]
    assert categories(reading, "a") == {"x", "y"}
    assert categories(reading, "b") == set()


def test_json_lists_and_numbers_become_text(tmp_path):
    write(tmp_path, "events.jsonl", '{"user": 1, "item": 2, "type": "CLICK", "ts": 1500000000.5}')
    write(
        tmp_path,
        "items.ndjson",
        '{"id": 2, "title": "T", "categories": ["a b", "c", null], "available": false}',
        '{"id": 3, "title": "", "categories": []}',
    )
    reading = load_dataset(tmp_path)
    assert reading.dataset.log.times.tolist() == [1500000000.5]
    assert categories(reading, "2") == {"a b", "c"}
    assert titled(reading) == {"2": "T", "3": None}
    assert reading.dataset.catalogue.available.tolist() == [False, True]


def test_a_file_alone_is_read_without_its_neighbours(tmp_path):
    path = write(tmp_path, "mine.csv", "user,item", "1,2")
    write(tmp_path, "items.csv", "item,title", "3,Other")
    reading = load_dataset(path)
    assert reading.dataset.name == "mine"
    assert titled(reading) == {"2": None}


def test_a_file_of_a_layout_brings_its_neighbours(tmp_path):
    path = write(tmp_path, "ratings.dat", "1::2::5::1364690142")
    write(tmp_path, "movies.dat", "2::A (1999)::Drama")
    assert titled(load_dataset(path)) == {"2": "A"}


def test_only_the_64_most_frequent_categories_are_kept(tmp_path):
    write(tmp_path, "events.csv", "user,item", "1,1")
    rows = [f"{n},c{n};often" for n in range(100)]
    write(tmp_path, "items.csv", "item,categories", *rows, "100,c99")
    names = load_dataset(tmp_path).dataset.catalogue.category_names
    assert len(names) == 64
    assert {"often", "c99"} <= set(names)
    assert list(names) == sorted(names)


@pytest.mark.parametrize(
    ("title", "clean", "year"),
    [
        ("Alien (1979)", "Alien", 1979),
        ("2001 (1968) ", "2001", 1968),
        ("Series (1999\u20132004)", "Series", 1999),
        ("(1999)", "(1999)", None),
        ("Room (237)", "Room (237)", None),
        ("In (1984) again", "In (1984) again", None),
    ],
)
def test_a_year_at_the_end_of_a_title_is_taken_off(tmp_path, title, clean, year):
    write(tmp_path, "events.csv", "user,item", "1,1")
    write(tmp_path, "items.tsv", "item\ttitle", f"1\t{title}")
    reading = load_dataset(tmp_path)
    assert titled(reading) == {"1": clean}
    assert released(reading, "1") == year or (year is None and np.isnan(released(reading, "1")))


def test_nothing_there_is_said_with_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"There is nothing at .*nowhere"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(
        DataError, match=r"no known layout. Supported are MovieLens .*RecBole.*events"
    ):
        load_dataset(tmp_path)


def test_two_files_that_could_be_the_interactions_are_not_guessed_between(tmp_path):
    write(tmp_path, "events.csv", "user,item", "1,2")
    write(tmp_path, "interactions.csv", "user,item", "1,2")
    with pytest.raises(DataError, match=r"several files .*events.csv, interactions.csv"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_an_empty_file_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"\n\n")
    with pytest.raises(DataError, match=f"{name} is empty"):
        load_dataset(tmp_path)


def test_an_empty_or_broken_parquet_file_is_one_sentence(tmp_path):
    path = tmp_path / "log.parquet"
    pl.DataFrame({"user": [], "item": []}).write_parquet(path)
    with pytest.raises(DataError, match=r"log.parquet is empty"):
        load_dataset(tmp_path)
    with zipfile.ZipFile(path, "w"):
        pass
    with pytest.raises(DataError, match="is not a Parquet file"):
        load_dataset(tmp_path)


def test_a_header_without_rows_is_one_sentence(tmp_path):
    write(tmp_path, "log.csv", "user,item")
    with pytest.raises(DataError, match=r"log.csv has a header but no rows"):
        load_dataset(tmp_path)
