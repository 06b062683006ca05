"""Columns of unusual form are read, or a finding names them and the line of the schema."""

import numpy as np
import pytest

from offline.data.doctor import diagnose
from offline.data.errors import DataError
from offline.data.readers import LoadedData, load_dataset

LOG = "user,item,rating,ts"


def read(folder, header=LOG, rows=(), schema="", **files) -> LoadedData:
    rows = rows or [f"u{n % 3},i{n % 4},{n % 5 + 1},{1_700_000_000 + n}" for n in range(12)]
    (folder / "events.csv").write_text("\n".join([header, *rows]), "utf-8")
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines), "utf-8")
    if schema:
        (folder / "schema.toml").write_text(schema)
    return load_dataset(folder, None, 1.0)


def says(loaded: LoadedData, text: str) -> bool:
    return any(text in finding.text for finding in diagnose(loaded).findings)


def categories(loaded: LoadedData, item: str) -> list[str]:
    catalogue = loaded.dataset.catalogue
    lists, row = catalogue.category_lists, catalogue.ids.row(item)
    codes = lists.codes[lists.indptr[row] : lists.indptr[row + 1]]
    return sorted(lists.names.names(codes))


def title(loaded: LoadedData, item: str) -> str | None:
    catalogue = loaded.dataset.catalogue
    return catalogue.titles.take(catalogue.ids.rows([item]))[0]


@pytest.mark.parametrize("form", ['="{}"', "'{}"])
def test_ids_that_are_written_for_a_spreadsheet_are_read_without_its_marks(tmp_path, form):
    rows = [f"u{n},{form.format(f'00{n}')},3,{1_700_000_000 + n}" for n in range(3)]
    loaded = read(tmp_path, rows=rows)
    assert loaded.dataset.catalogue.ids.names(np.arange(3)) == ["000", "001", "002"]
    assert says(loaded, "they are read as 000")


@pytest.mark.parametrize(
    ("column", "texts", "seconds"),
    [
        ("watch_time", ("1:02:03", "02:30"), [3723.0, 150.0]),
        ("watch_duration", ("PT1H2M3S", "PT2M30S"), [3723.0, 150.0]),
    ],
)
def test_durations_are_values_in_seconds(tmp_path, column, texts, seconds):
    rows = [f"u,i{n},{text},{1_700_000_000 + n}" for n, text in enumerate(texts)]
    loaded = read(tmp_path, f"user,item,{column},ts", rows)
    assert loaded.dataset.log.values.tolist() == seconds


def test_half_stars_are_ratings(tmp_path):
    rows = [f"u,i{n},{'★' * n}½,{1_700_000_000 + n}" for n in range(5)]
    assert read(tmp_path, rows=rows).dataset.log.values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


@pytest.mark.parametrize(
    ("ratings", "none"), [((1.5, -3, 4, 9.5, 99), 99), ((5, 6, 9, 10, -1), -1)]
)
def test_a_rating_far_from_the_others_is_a_question(tmp_path, ratings, none):
    rows = [f"u,i{n},{rating},{1_700_000_000 + n}" for n, rating in enumerate(ratings)]
    assert says(read(tmp_path, rows=rows), f"write no_rating = {none} in")
    schema = f"[interactions]\nno_rating = {none}\n"
    assert not says(read(tmp_path, rows=rows, schema=schema), "far from the others")


@pytest.mark.parametrize("ratings", [(-1, 0, 1), (1, 2, 3, 4, 5), (0.5, 1, 5, 10), (-9, -1, 2, 9)])
def test_a_scale_or_votes_have_no_rating_apart(tmp_path, ratings):
    rows = [f"u,i{n},{rating},{1_700_000_000 + n}" for n, rating in enumerate(ratings)]
    assert not says(read(tmp_path, rows=rows), "far from the others")


def test_a_flag_that_is_written_only_where_it_is_true_is_read(tmp_path):
    rows = [f"u,i{n},{'1' if n else ''},{1_700_000_000 + n}" for n in range(2)]
    weights = read(tmp_path, "user,item,clicked,ts", rows).dataset.log.weights
    assert weights.tolist() == pytest.approx([0.0, 0.4])


def test_orders_that_were_cancelled_are_a_question_with_the_line_to_paste(tmp_path):
    states = ("completed", "Cancelled", "refunded")
    rows = [f"u,i{n},2,{state},{1_700_000_000 + n}" for n, state in enumerate(states)]
    header = "user,item,quantity,status,ts"
    line = 'types = { "Cancelled" = "refund", "completed" = "purchase", "refunded" = "refund" }'
    assert says(read(tmp_path, header, rows), f'type = "status" and {line}')
    schema = f'[interactions]\ntype = "status"\n{line}\n'
    assert read(tmp_path, header, rows, schema).dataset.log.weights.tolist() == [2.0, -1.0, -1.0]


def test_rows_without_a_type_have_the_default_type(tmp_path):
    rows = [f"u,i{n},{kind},{1_700_000_000 + n}" for n, kind in enumerate(("purchase", "", " "))]
    header = "user,item,event,ts"
    assert says(read(tmp_path, header, rows), "no event type; default_type sets one")
    schema = '[interactions]\ndefault_type = "view"\n'
    weights = read(tmp_path, header, rows, schema).dataset.log.weights
    assert weights.tolist() == pytest.approx([2.0, 0.2, 0.2])


def test_users_with_one_event_each_are_a_question(tmp_path):
    rows = [f"o{n},i{n % 9},3,{1_700_000_000 + n}" for n in range(100)]
    assert says(read(tmp_path, rows=rows), "None of the 100 users with an event has a second one")
    assert not says(read(tmp_path, rows=[*rows, rows[0].replace(",3,", ",4,")]), "a second one")


def test_levels_of_categories_are_read_together(tmp_path):
    lines = ["item,title,category_l1,category_l2,price", "i0,A,Home,Garden,1", "i1,B,Toys,,2"]
    loaded = read(tmp_path, items=lines)
    assert categories(loaded, "i0") == ["Garden", "Home"]
    assert categories(loaded, "i1") == ["Toys"]
    assert says(loaded, "the categories are read from category_l1, category_l2 together")
    lines[0] = "item,title,category,subcategory,price"
    assert categories(read(tmp_path, items=lines), "i0") == ["Garden", "Home"]
    schema = '[items]\ncategories = ""\n'
    assert categories(read(tmp_path, items=lines, schema=schema), "i0") == []


def test_flags_of_categories_may_be_words(tmp_path):
    lines = ["item,title,is_vegan,is_new", "i0,A,True,yes", "i1,B,False,Yes"]
    schema = '[items]\ncategory_flags = ["is_vegan", "is_new"]\n'
    loaded = read(tmp_path, items=lines, schema=schema)
    assert categories(loaded, "i0") == ["is_new", "is_vegan"]
    assert categories(loaded, "i1") == ["is_new"]


@pytest.mark.parametrize(
    ("column", "hidden"), [("AVAILABLE_YN", "N"), ("del_yn", "Y"), ("USE_FLAG", "0")]
)
def test_columns_of_y_and_n_say_whether_an_item_is_available(tmp_path, column, hidden):
    other = {"N": "Y", "Y": "N", "0": "1"}[hidden]
    lines = [f"item,title,{column}", f"i0,A,{hidden}", f"i1,B,{other}", f"i2,C,{other}"]
    assert says(read(tmp_path, items=lines), f"1 of 3 items are not available by {column}")


def test_hash_tags_are_categories(tmp_path):
    lines = ["item,title,tags", "i0,A,#red #wool sock", "i1,B,#red"]
    assert categories(read(tmp_path, items=lines), "i0") == ["red", "wool sock"]
    lines = ["item,title,tags", "i0,A,C# code", "i1,B,#red"]
    assert categories(read(tmp_path, items=lines), "i0") == ["C# code"]


def test_categories_that_differ_in_case_only_are_said(tmp_path):
    lines = ["item,title,category", "i0,A,Shoes", "i1,B,shoes", "i2,C,Bags"]
    assert says(read(tmp_path, items=lines), "2 categories differ from another in case")


def test_a_title_in_a_language_is_a_title(tmp_path):
    loaded = read(tmp_path, items=["item,title_en,title_de", "i0,Chair,Stuhl", "i1,Bed,Bett"])
    assert title(loaded, "i0") == "Chair"
    assert says(loaded, "the title is read from title_en, not from title_de")


def test_what_the_schema_says_is_not_read_is_not_joined(tmp_path):
    rows = [f"u{n % 3},i{n},{n % 2},1,2023,11" for n in range(4)]
    header, schema = (
        "user,item,liked,clicked,year,month",
        '[interactions]\ntimestamp = ""\ntype = ""\n',
    )
    dataset = read(tmp_path, header, rows, schema).dataset
    assert len(set(dataset.log.weights.tolist())) == 1
    assert not dataset.traits.has_times
    log = read(tmp_path, header, rows, "[interactions]\n").dataset.log
    assert (len(set(log.weights.tolist())), log.times[0]) == (2, 1_698_796_800.0)


def test_the_newest_version_of_an_item_counts(tmp_path):
    lines = ["item,title,updated_at", "i0,new,2024-03-01", "i0,old,2024-01-01", "i1,B,2024-01-01"]
    loaded = read(tmp_path, items=lines)
    assert not len(loaded.bad)
    assert title(loaded, "i0") == "new"
    assert says(loaded, "1 rows are older versions of their item by updated_at")


@pytest.mark.parametrize(
    ("header", "text", "finding"),
    [
        ("price", "10-20", "2 texts of price are not numbers ('10-20')"),
        ("end_date", "2024-02-01", "end_date holds times, and nothing hides an item"),
        (
            "release_date",
            "circa 1980",
            "2 texts of release_date are no dates, such as 'circa 1980'",
        ),
        ("embedding", '"[0.1, -2e-3]"', "columns that nothing uses: embedding"),
        ("is_vegan,is_new,has_nuts", "True,no,False", 'category_flags = ["is_vegan", "is_new"'),
        ("Action,Comedy,Drama", "1,0,1", 'category_flags = ["Action", "Comedy", "Drama"]'),
    ],
)
def test_columns_of_items_that_are_not_what_they_seem_are_said(tmp_path, header, text, finding):
    rest = "7" if header == "price" else text
    lines = [f"item,title,{header}", f"i0,A,{text}", f"i1,B,{text}", f"i2,C,{rest}"]
    finding = finding.replace("2 texts", "3 texts") if header == "release_date" else finding
    assert says(read(tmp_path, items=lines), finding)


def test_user_attributes_that_are_no_segments_are_said(tmp_path):
    rows = [f"u{n},i{n % 4},3,{1_700_000_000 + n}" for n in range(60)]
    lines = ["user,born,sex", *(f"u{n},x{n},{'mf'[n % 2]}" for n in range(60))]
    loaded = read(tmp_path, rows=rows, users=lines)
    assert says(loaded, "User attributes (sex): popularity by segment works.")
    assert says(loaded, "User attributes that are no segments: born.")


@pytest.mark.parametrize(
    ("name", "help_text"),
    [("dump.sql", "export the tables"), ("a.tar.gz", "unpack it"), ("notes.md", "has only notes")],
)
def test_a_folder_without_a_file_that_is_read_says_what_to_do(tmp_path, name, help_text):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=help_text):
        load_dataset(tmp_path)


def test_a_tar_archive_with_another_name_is_known_by_its_content(tmp_path):
    (tmp_path / "ratings.csv").write_bytes(b"ratings.csv".ljust(257, b"\0") + b"ustar\x00")
    with pytest.raises(DataError, match=r"ratings\.csv is a tar archive"):
        load_dataset(tmp_path)
