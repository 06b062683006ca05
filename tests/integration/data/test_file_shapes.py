"""Files in the shapes that people have are read, or answered with a sentence that helps."""

import gzip
import io
import json
import zipfile

import polars as pl
import pytest

from offline.data.errors import DataError
from offline.data.readers import load_dataset
from tests.data_files import CSV, HEADER, LINES, OBJECTS, ROWS, findings, read, rows_of


def with_separator(separator: str, quote: str = "") -> str:
    rows = [HEADER.split(","), *[list(map(str, row)) for row in ROWS]]
    return "\n".join(separator.join(f"{quote}{x}{quote}" for x in row) for row in rows)


TEXTS = {
    "plain": CSV,
    "byte order mark": b"\xef\xbb\xbf" + CSV.encode(),
    "UTF-16": CSV.encode("utf-16"),
    "UTF-16 big endian": b"\xfe\xff" + CSV.encode("utf-16-be"),
    "UTF-16 without a mark": CSV.encode("utf-16-le"),
    "UTF-32": CSV.encode("utf-32"),
    "CRLF": CSV.replace("\n", "\r\n"),
    "CR": CSV.replace("\n", "\r"),
    "sep line": "sep=;\n" + with_separator(";"),
    "quoted sep line": '"sep=,"\n' + CSV,
    "semicolons": with_separator(";"),
    "pipes": with_separator("|"),
    "double pipes": with_separator("||"),
    "Hive": with_separator("\x01"),
    "colons": with_separator("::"),
    "blanks": with_separator(" "),
    "padded blanks": with_separator("    "),
    "blanks after commas": with_separator(", "),
    "all quoted": with_separator(",", '"'),
    "all in single quotes": with_separator(",", "'"),
    "single quotes after semicolons": with_separator("; ", "'"),
    "single quotes below a plain header": with_separator(",", "'").replace(
        with_separator(",", "'").split("\n")[0], HEADER
    ),
    "quoted tabs": with_separator("\t", '"'),
    "quoted, blanks after commas": with_separator(", ", '"'),
    "trailing commas": "\n".join(f"{line}," for line in CSV.splitlines()).replace(",,", ","),
    "trailing commas in the rows": "\n".join([HEADER, *(f"{line},,," for line in LINES)]),
    "trailing empty columns": "\n".join(f"{line},," for line in [HEADER, *LINES]),
    "empty columns in the header alone": "\n".join([f"{HEADER},,", *LINES]),
    "blank rows": "\n\n".join(["", HEADER, *LINES, "  ", ""]),
    "rows of commas": "\n".join([HEADER, ",,,", *LINES, ",,,", '"","","",""']),
    "comments": "# exported 2023\n% by a tool\n" + CSV,
    "a commented header": f"#{CSV}",
    "a commented header after a comment": f"# export, of today\n# {CSV}",
    "a header in the middle": "\n".join([HEADER, *LINES[:30], HEADER, *LINES[30:]]),
    "a footer": CSV + "(60 rows)\n",
    "a title above the header": f"Ratings of the shop\n\n{CSV}",
    "a title of two lines": f"Ratings\nexported by anna\n{with_separator(';')}",
    "a printed table": "\n".join(
        [
            HEADER.replace(",", "|"),
            "---+---+---+---",
            *(x.replace(",", "|") for x in LINES),
            "(60 rows)",
        ]
    ),
    "a table with borders": "\n".join(
        [
            "+--+--+",
            HEADER.replace(",", "|"),
            "+--+--+",
            *(x.replace(",", "|") for x in LINES),
            "+--+--+",
        ]
    ),
    "row names of R": "\n".join([HEADER, *(f'"{n}",{x}' for n, x in enumerate(LINES, 1))]),
    "an index of pandas": "\n".join([f",{HEADER}", *(f"{n},{x}" for n, x in enumerate(LINES))]),
    "names in capitals": CSV.replace(HEADER, HEADER.upper()),
}


@pytest.mark.parametrize("shape", TEXTS)
def test_delimited_text_of_every_shape_is_read(tmp_path, shape):
    loaded = read(tmp_path, "ratings.csv", TEXTS[shape])
    assert rows_of(loaded) == ROWS
    assert not len(loaded.bad)


JSONS = {
    "lines": "\n".join(json.dumps(each) for each in OBJECTS),
    "byte order mark": "\ufeff" + "\n".join(json.dumps(each) for each in OBJECTS),
    "UTF-16": "\n".join(json.dumps(each) for each in OBJECTS).encode("utf-16"),
    "array": json.dumps(OBJECTS),
    "printed array": json.dumps(OBJECTS, indent=1),
    "array of lines": "[\n" + ",\n".join(json.dumps(each) for each in OBJECTS) + "\n]\n",
    "array without an end": "[\n" + ",\n".join(json.dumps(each) for each in OBJECTS) + ",\n",
    "array in an object": json.dumps({"total": 60, "data": OBJECTS}),
    "printed objects": "\n".join(json.dumps(each, indent=2) for each in OBJECTS),
    "columns of pandas": json.dumps(
        {name: {str(n): each[name] for n, each in enumerate(OBJECTS)} for name in OBJECTS[0]}
    ),
    "columns": json.dumps({name: [each[name] for each in OBJECTS] for name in OBJECTS[0]}),
    "Python": "\n".join(str({**each, "text": "it's", "on": True, "no": None}) for each in OBJECTS),
    "NaN": "\n".join(json.dumps({**each, "price": float("nan")}) for each in OBJECTS),
    "MongoDB": "\n".join(
        json.dumps(
            {
                "_id": {"$oid": f"{n:024x}"},
                "user_id": {"$oid": each["user_id"]},
                "item_id": each["item_id"],
                "rating": {"$numberInt": str(each["rating"])},
                "timestamp": {"$date": {"$numberLong": str(each["timestamp"] * 1000)}},
            }
        )
        for n, each in enumerate(OBJECTS)
    ),
}


@pytest.mark.parametrize("shape", JSONS)
@pytest.mark.parametrize("suffix", ["jsonl", "json", "txt"])
def test_json_of_every_shape_is_read(tmp_path, shape, suffix):
    if suffix == "txt" and "UTF-16" in shape:
        return  # only the suffix says that it is JSON
    loaded = read(tmp_path, f"ratings.{suffix}", JSONS[shape])
    assert rows_of(loaded) == ROWS
    assert not len(loaded.bad)


def test_windows_text_is_read_and_the_encoding_is_said(tmp_path):
    (tmp_path / "items.csv").write_bytes("item_id,title\ni1,Café “x”\n".encode("cp1252"))
    loaded = read(tmp_path, "ratings.csv", CSV)
    titles, ids = loaded.dataset.catalogue.titles, loaded.dataset.catalogue.ids
    assert titles.take(ids.rows(["i1"])) == ["Café “x”"]
    assert "items.csv is not UTF-8 and was read as cp1252" in findings(loaded)
    assert '[items] of the schema: encoding = "cp1252"' in findings(loaded)


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "shift_jis"])
def test_an_encoding_of_the_schema_is_used(tmp_path, encoding):
    title = "Я" if encoding != "shift_jis" else "日"
    (tmp_path / "items.csv").write_bytes(f"item_id,title\ni1,{title}\n".encode(encoding))
    loaded = read(tmp_path, "ratings.csv", CSV, f'[items]\nencoding = "{encoding}"\n')
    assert loaded.dataset.catalogue.titles.take(loaded.dataset.catalogue.ids.rows(["i1"])) == [
        title
    ]


ESCAPED = {
    r'"The \"Best\" one, 1"': 'The "Best" one, 1',
    r'"ends with \""': 'ends with "',
    r'"C:\dir\"': "C:\\dir\\",
    '"The ""Best"" one"': 'The "Best" one',
    '5" pipe': '5" pipe',
    '"two\nlines"': "two\nlines",
    '"two\nlines, \\"three\\""': 'two\nlines, "three"',
    r"\N": None,
}


@pytest.mark.parametrize("field", ESCAPED)
def test_quotes_and_escapes_in_fields_are_read(tmp_path, field):
    (tmp_path / "items.csv").write_text(f"item_id,title,genre\ni1,{field},x\ni2,B,y\n", "utf-8")
    loaded = read(tmp_path, "ratings.csv", CSV)
    catalogue = loaded.dataset.catalogue
    assert catalogue.titles.take(catalogue.ids.rows(["i1", "i2"])) == [ESCAPED[field], "B"]


@pytest.mark.parametrize(
    ("texts", "schema", "numbers"),
    [
        (["3,5", "4,0"], "", [3.5, 4.0]),
        (["3,5", "4"], "", [3.5, 4.0]),
        (["1.234,50", "2,5"], "", [1234.5, 2.5]),
        (["1,234.50", "2.5"], "", [1234.5, 2.5]),
        (["1,234", "12,345"], "", [1234.0, 12345.0]),
        (["1 234,5", "2,5"], "", [1234.5, 2.5]),
        (["1,234", "2,345"], '[interactions]\ndecimal = ","\n', [1.234, 2.345]),
        (["3.5", "4"], "", [3.5, 4.0]),
    ],
)
def test_decimal_commas_and_marks_between_thousands_are_read(tmp_path, texts, schema, numbers):
    lines = [f"u{n};i{n};{text};170000000{n}" for n, text in enumerate(texts)]
    content = "\n".join(["user;item;plays;ts", *lines])
    values = [row[2] for row in rows_of(read(tmp_path, "plays.csv", content, schema))]
    assert values == pytest.approx(numbers)


SENTENCES = {
    "no header": (
        "\n".join(LINES),
        r"no header: its first line is 'u0,i0,1,1700000000'.*columns =",
    ),
    "one column": (
        "user item rating\nu i 3\nu i\n",
        r"'user item rating', is one column.*separator = ",
    ),
    "web page": ("<!DOCTYPE html><html>", "is a web page"),
    "pickle": (b"\x80\x04\x95abc", "is a Python pickle"),
    "database": (b"SQLite format 3\0abc", "is an SQLite database"),
    "XML": ("<?xml version='1.0'?><r/>", "is an XML file"),
    "SQL": ("INSERT INTO ratings VALUES (1, 2);", "is an SQL dump"),
    "LFS": ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "zstd": (b"\x28\xb5\x2f\xfdabc", "unzstd"),
    "broken gz": (gzip.compress(CSV.encode())[:60], "cannot be unpacked"),
    "broken Parquet": (b"PAR1abc", "is not a Parquet file"),
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
}


@pytest.mark.parametrize("shape", SENTENCES)
def test_what_cannot_be_read_is_answered_with_a_sentence(tmp_path, shape):
    content, sentence = SENTENCES[shape]
    if shape == "no header":
        content = content.replace("u", "").replace("i", "")
        sentence = sentence.replace("u0,i0", "0,0")
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, "ratings.csv", content)


@pytest.mark.parametrize("content", ["[1, 2]", "{", '"x"', "[[1, 2], [3, 4]]"])
def test_json_without_objects_is_answered_with_a_sentence(tmp_path, content):
    with pytest.raises(DataError, match="has no JSON objects: it begins with"):
        read(tmp_path, "ratings.json", content)


@pytest.mark.parametrize(
    "row", ['{"user": {"id": 1}, "item": {"id": 2}}', '{"user": 1, "item": 2}']
)
def test_one_object_alone_is_one_row(tmp_path, row):
    assert read(tmp_path, "events.json", row).files[0].lines == 1


def test_nested_lists_arrays_bytes_and_dates_of_parquet_are_read(tmp_path):
    pl.DataFrame(ROWS, schema=HEADER.split(","), orient="row").write_parquet(
        tmp_path / "log.parquet"
    )
    pl.DataFrame(
        {
            "item_id": ["i1", "i2"],
            "title": pl.Series([b"A", b"B"], dtype=pl.Binary),
            "genres": [[["x"], ["y", "z"]], [[]]],
            "vector": pl.Series([[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float32, 2)),
            "image": pl.Series([b"\xff\xfe\x00", None], dtype=pl.Binary),
        }
    ).write_parquet(tmp_path / "items.parquet")
    loaded = load_dataset(tmp_path)
    catalogue = loaded.dataset.catalogue
    assert set(catalogue.category_names) == {"x", "y", "z"}
    assert catalogue.titles.take(catalogue.ids.rows(["i1"])) == ["A"]
    assert "columns of bytes are not read: image" in findings(loaded)


def test_inner_objects_are_columns_and_the_id_of_a_visitor_is_no_item(tmp_path):
    rows = [
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": f"a{user}",
            "user": {"id": user},
            "properties": {"product_id": item, "more": {"price": stars}},
            "timestamp": time,
        }
        for user, item, stars, time in ROWS
    ]
    text = "\n".join(map(json.dumps, rows))
    frame = pl.DataFrame(rows)
    frame.write_parquet(tmp_path / "track.parquet")
    for loaded in (
        read(tmp_path / "json", "events.jsonl", text),
        load_dataset(tmp_path / "track.parquet"),
    ):
        assert [row[:2] + row[3:] for row in rows_of(loaded)] == [
            (user, item, time) for user, item, _, time in ROWS
        ]


def test_an_object_of_many_fields_stays_whole(tmp_path):
    rows = [{**row, "details": {f"f{n}": n}} for n, row in enumerate(OBJECTS)]
    loaded = read(tmp_path, "events.jsonl", "\n".join(map(json.dumps, rows)))
    assert rows_of(loaded) == ROWS
    assert "nothing uses: details." in findings(loaded)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("顧客ID,商品コード,評価,購入日", "cp932"),
        ("用户编号,商品编号,评分,时间", "gb18030"),
        ("사용자ID,상품번호,평점,시간", "euc_kr"),
        ("пользователь,товар,оценка,время", "cp1251"),
        ("benutzer,artikel,bewertung,zeit,größe", "cp1252"),
    ],
)
def test_an_encoding_is_found_by_the_names_of_columns(tmp_path, header, encoding):
    rows = [f"{line},x" if "größe" in header else line for line in LINES]
    loaded = read(tmp_path, "ratings.csv", "\n".join([header, *rows]).encode(encoding))
    assert rows_of(loaded) == ROWS
    assert f"was read as {encoding}" in findings(loaded)


def test_an_apostrophe_is_no_quote_and_a_quoted_one_is_kept(tmp_path):
    (tmp_path / "ratings.csv").write_text(CSV)
    (tmp_path / "items.csv").write_text("item_id,title\ni1,'Til Death\ni2,Rock 'n' Roll\n")
    titles = load_dataset(tmp_path).dataset.catalogue.titles.tolist()
    assert {"'Til Death", "Rock 'n' Roll"} <= set(titles)
    lines = ["'item_id','title'", "'i1','It\\'s \"new\"'", "'i2','a, ''b''!'", "'i3','x'"]
    (tmp_path / "items.csv").write_text("\n".join(lines))
    loaded = load_dataset(tmp_path)
    assert {'It\'s "new"', "a, 'b'!", "x"} <= set(loaded.dataset.catalogue.titles.tolist())
    assert "items.csv: fields stand between single quotes." in findings(loaded)


def test_a_sheet_of_excel_is_read(tmp_path):
    pytest.importorskip("fastexcel")
    (tmp_path / "ratings.xlsx").write_bytes(workbook([HEADER.split(","), *ROWS]))
    assert rows_of(load_dataset(tmp_path)) == ROWS


def workbook(rows) -> bytes:
    """The least file that Excel opens: one sheet, texts inline."""
    cells = "".join(
        "<row>"
        + "".join(
            f'<c t="inlineStr"><is><t>{x}</t></is></c>'
            if isinstance(x, str)
            else f"<c><v>{x}</v></c>"
            for x in row
        )
        + "</row>"
        for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}content-types"><Default Extension="rels" ContentType='
            f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName='
            f'"/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override PartName='
            f'"/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" '
            f'r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}relationships"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        )
    return buffer.getvalue()
