"""A schema file says which column is which; without one, common names are understood."""

from pathlib import Path

import numpy as np
import pytest

from app.state.event_interpreter import EventInterpreter
from offline.data.errors import DataError
from offline.data.readers import LoadedData, load_dataset
from offline.data.schema import load_schema

ODD = "wer;was;wieviel;wann;tat\nanna;x1;3;1500000000;buy\nbert;x2;1;1500000001;pv\n"


def folder_with(folder: Path, schema: str, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    path = folder / "my.toml"
    path.write_text(schema, "utf-8")
    return path


def items(reading: LoadedData) -> list[str]:
    ids = reading.dataset.catalogue.ids
    return ids.names(np.arange(len(ids)))


def test_a_schema_maps_files_columns_and_event_types(tmp_path):
    schema = folder_with(
        tmp_path,
        """
        name = "shop"
        [type_weights]
        purchase = 3.0
        look = 0.1
        [interactions]
        file = "odd.txt"
        user = "wer"
        item = "was"
        value = "wieviel"
        timestamp = "wann"
        type = "tat"
        types = { buy = "purchase", pv = "look" }
        [items]
        file = "ware.csv"
        item = "was"
        category_flags = ["rot", "alt"]
        available = "da"
        [users]
        file = "leute.csv"
        user = "wer"
        attributes = ["land"]
        [friends]
        file = "paare.csv"
        user = "a"
        friend = "b"
        """,
        odd_txt=ODD,
        ware_csv="was,rot,alt,da\nx1,1,0,yes\nx2,1,1,No\n",
        leute_csv="wer,land,alter\nanna,DE,30\n",
        paare_csv="a,b\nanna,carl\n",
    )
    reading = load_dataset(tmp_path, schema)
    dataset = reading.dataset
    assert dataset.name == "shop"
    assert dataset.log.weights.tolist() == pytest.approx([3.0, 0.1])
    assert reading.event_weights.type_weights["look"] == 0.1
    assert dataset.log.values.tolist() == [3.0, 1.0]
    assert dataset.catalogue.category_names == ("alt", "rot")
    assert dataset.catalogue.categories.tolist() == [[0, 1], [1, 1]]
    assert dataset.catalogue.available.tolist() == [True, False]
    assert {k: v.tolist() for k, v in dataset.attributes.items()} == {"land": ["DE", "", ""]}
    assert dataset.friends.tolist() == [[0, 2], [2, 0]]


def test_a_schema_beside_the_data_is_found_by_itself(tmp_path):
    folder_with(tmp_path, "", odd_txt=ODD)
    (tmp_path / "schema.toml").write_text(
        '[interactions]\nfile = "odd.txt"\nuser = "wer"\nitem = "was"\npositive_at = 2\n'
        'value = "wieviel"\ndefault_type = "rating"\n'
    )
    dataset = load_dataset(tmp_path).dataset
    assert dataset.traits.positive_at == 2.0
    assert sorted(dataset.log.weights.tolist()) == [-1.0, 1.0]


def test_a_file_without_header_takes_its_names_from_the_schema(tmp_path):
    schema = folder_with(
        tmp_path,
        '[interactions]\ncolumns = ["user", "item", "junk"]\nseparator = " "\n',
        log_txt="u1 i1 0\nu1 i2 0\n",
    )
    assert items(load_dataset(tmp_path, schema)) == ["i1", "i2"]


def test_a_column_mapped_to_nothing_is_not_read(tmp_path):
    schema = folder_with(
        tmp_path,
        '[interactions]\ntimestamp = ""\n',
        events_csv="user,item,time\nu1,i1,noon\n",
    )
    assert not load_dataset(tmp_path, schema).dataset.traits.has_times


def test_another_encoding_and_quotes_in_a_tab_file_can_be_told(tmp_path):
    schema = folder_with(
        tmp_path, '[interactions]\nfile = "log.tsv"\nencoding = "cp1252"\nquoted = true\n'
    )
    (tmp_path / "log.tsv").write_bytes('user\titem\n"M\u00fcl""ler"\t\u20ac\n'.encode("cp1252"))
    dataset = load_dataset(tmp_path, schema).dataset
    assert items(load_dataset(tmp_path, schema)) == ["€"]
    assert dataset.users.names(np.arange(1)) == ['Mül"ler']


def test_a_schema_for_a_single_file(tmp_path):
    schema = folder_with(tmp_path, '[interactions]\nuser = "wer"\nitem = "was"\n', odd_txt=ODD)
    assert items(load_dataset(tmp_path / "odd.txt", schema)) == ["x1", "x2"]


@pytest.mark.parametrize(
    ("header", "timed"),
    [
        ("user_id,item_id,timestamp", True),
        ("userId,movieId,ts", True),
        ("USER,Item,time", True),
        ("uid,asin,unixReviewTime", True),
        ("visitorid,itemid,created_at", True),
        ("user,recipe_id,date", True),
        ("customer id,sku,when", True),
        ("customer id,sku,color", False),
    ],
)
def test_common_names_of_columns_are_understood(tmp_path, header, timed):
    (tmp_path / "events.csv").write_text(f"{header}\nu1,i1,1500000000\n", "utf-8")
    reading = load_dataset(tmp_path)
    assert items(reading) == ["i1"]
    assert reading.dataset.traits.has_times is timed


@pytest.mark.parametrize(
    ("header", "what"), [("a,b,c", "user id among a, b, c"), ("user,x,y", "item id among user")]
)
def test_a_column_that_is_not_found_is_asked_for(tmp_path, header, what):
    (tmp_path / "events.csv").write_text(f"{header}\nu1,i1,1500000000\n", "utf-8")
    with pytest.raises(DataError, match=f"no column that looks like the {what}"):
        load_dataset(tmp_path)


def test_two_columns_that_could_be_the_item_are_not_guessed_between(tmp_path):
    (tmp_path / "events.csv").write_text("user,shop_id,page_id\n1,2,3\n", "utf-8")
    with pytest.raises(DataError, match="looks like the item id"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[interactions", "is not TOML"),
        ("[interactions]\nusr = 'a'", r"wrong at interactions\.usr: Extra inputs"),
        ("[interactions]\nuser = 3", r"wrong at interactions\.user: .*string"),
        ("[interactions]\nencoding = 'klingon'", r"wrong at interactions\.encoding"),
        ("[interactions]\nencoding = 'rot13'", r"encoding: .*convert the file to UTF-8"),
        ("[interactions]\nuser = 'nobody'", "no column 'nobody', which the schema names as user"),
        ("[interactions]\nfile = 'gone.csv'", r"no file .*gone\.csv"),
        ("[items]\nfile = 'gone.csv'", r"no file .*gone\.csv"),
        ("[users]\nfile='events.csv'\nattributes=['age']", "'age', which the schema names as attr"),
    ],
)
def test_a_wrong_schema_is_one_sentence(tmp_path, text, sentence):
    schema = folder_with(tmp_path, text, events_csv="user,item\nu1,i1\n")
    with pytest.raises(DataError, match=sentence):
        load_dataset(tmp_path, schema)


def test_a_missing_schema_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"There is no schema file .*none\.toml"):
        load_schema(tmp_path / "none.toml")


WATCHED = "user,item,event,value,time\nu1,i1,watch,29,1\nu1,i2,watch,30,2\nu2,i1,like,,3\n"


def test_an_expression_weighs_the_log_as_it_weighs_live_events(tmp_path):
    schema = folder_with(
        tmp_path, '[type_weights]\nwatch = "1.0 if value >= 30 else 0.25"\n', events_csv=WATCHED
    )
    reading = load_dataset(tmp_path, schema)
    assert reading.dataset.log.weights.tolist() == [0.25, 1.0, 1.0]
    assert reading.dataset.traits.positive_weights == (1.0,)
    live = EventInterpreter(reading.dataset.catalogue.ids, reading.event_weights)
    told = live.read(["i1", "i2"], ["watch", "watch"], [29.0, 30.0], np.arange(2.0))
    assert told.weights.tolist() == [0.25, 1.0]


def test_a_schema_of_weights_alone_leaves_the_layout_to_be_recognised(tmp_path):
    (tmp_path / "u.data").write_text("1\t7\t5\t10\n1\t8\t1\t11\n")
    (tmp_path / "schema.toml").write_text('[type_weights]\nrating = "value - 3"\n')
    reading = load_dataset(tmp_path)
    assert reading.layout == "MovieLens (u.data)"
    assert reading.dataset.log.weights.tolist() == [2.0, -2.0]


@pytest.mark.parametrize("weight", ['"value.real"', '"1 +"', "nan", "inf", "[1]"])
def test_a_weight_that_is_none_is_refused_with_its_place(tmp_path, weight):
    schema = folder_with(tmp_path, f"[type_weights]\nwatch = {weight}\n", events_csv=WATCHED)
    with pytest.raises(DataError, match="type_weights"):
        load_dataset(tmp_path, schema)
