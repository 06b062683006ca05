"""The doctor counts, names faults, and says what the funnel can do with the data."""

import re
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.trainings.data_diagnosis import DataDiagnosis
from offline.cli import app
from offline.commands.data import get_dataset
from offline.data.doctor import diagnose
from offline.data.doctor_view import render
from offline.data.origin import TERMS
from offline.data.readers import load_dataset


def folder_of(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


def diagnosed(folder: Path, **files: str) -> DataDiagnosis:
    return diagnose(load_dataset(folder_of(folder, **files), max_bad_share=1.0))


def texts(diagnosis: DataDiagnosis, level: str) -> str:
    return "\n".join(f.text for f in diagnosis.findings if f.level == level)


def printed(diagnosis: DataDiagnosis) -> str:
    out = StringIO()
    Console(file=out, width=120).print(render(diagnosis))
    return out.getvalue()


RICH = {
    "events": "user,item,rating,ts\n"
    + "".join(f"u{n % 4},i{n % 9},{n % 5 + 1},{1_500_000_000 + 3600 * n}\n" for n in range(60))
    + "u1,i1,x,1\nu1,i1,5,1500003600\nu1,i1,5,1500003600\n",
    "items": "item,title,genres,year\ni1,[red]One,a|b,1999\ni99,Idle,a,2000\n",
    "users": "user,age\nu1,20\nu9,30\n",
    "friends": "user,friend\nu1,u2\n",
}
BARE = {"events": "user,item\n" + "".join(f"u{n},i{n % 3}\n" for n in range(30))}


def test_a_full_data_set_is_counted(tmp_path):
    found = diagnosed(tmp_path, **RICH)
    assert (found.users, found.items, found.interactions) == (5, 10, 61)
    assert (found.idle_users, found.idle_items) == (1, 1)
    assert (found.first, found.last) == (1_500_000_000.0, 1_500_000_000.0 + 59 * 3600)
    assert found.density == 36 / 50
    assert found.positive == pytest.approx(25 / 61)
    assert found.negative == pytest.approx(24 / 61)
    assert found.events_per_user[0] == 15
    assert found.files[0].duplicates == 1
    assert [(row.line, row.reason) for row in found.bad_rows] == [(62, "value is not a number")]


def test_each_column_that_is_read_is_named_with_its_field(tmp_path):
    found = diagnosed(tmp_path, **RICH)
    read = [(use.file, use.column, use.field) for use in found.columns]
    assert read[:4] == [
        ("events.csv", "user", "user"),
        ("events.csv", "item", "item"),
        ("events.csv", "rating", "value"),
        ("events.csv", "ts", "timestamp"),
    ]
    assert ("items.csv", "year", "released") in read
    assert read[-4:] == [
        ("users.csv", "user", "user"),
        ("users.csv", "age", "attributes"),
        ("friends.csv", "user", "user"),
        ("friends.csv", "friend", "friend"),
    ]
    flags = diagnosed(tmp_path, items="item,is_comedy,is_drama,colour\n1,0,1,red\n2,1,0,red\n")
    assert not any(use.column.startswith("#") for use in flags.columns)
    assert re.search(r"users.csv\s+│ age\s+│ attributes", printed(found))


def test_a_diagnosis_is_printed_as_json_for_programs(tmp_path):
    folder = folder_of(tmp_path, **RICH)
    result = CliRunner().invoke(app, ["doctor", str(folder), "--json"])
    assert DataDiagnosis.model_validate_json(result.stdout) == diagnosed(folder)


def test_a_full_data_set_can_do_everything(tmp_path):
    found = diagnosed(tmp_path, **RICH)
    good = texts(found, "good")
    assert "Timestamps: split by time" in good
    assert "Ratings: 4 or more counts as positive" in good
    assert "2 item categories" in good
    assert "User attributes (age)" in good
    assert "A friend graph with 1 friendships" in good
    assert texts(found, "problem") == ""
    limits = texts(found, "limit")
    assert "events.csv: 1 of 63 rows are bad (1.6%) and are left out." in limits
    assert "events.csv: 1 exact duplicates were dropped." in limits
    assert "Only 61 interactions" in limits


def test_a_bare_data_set_is_told_its_limits(tmp_path):
    found = diagnosed(tmp_path, **BARE)
    limits = texts(found, "limit")
    for words in (
        "Half of the users have fewer than 5",
        "No timestamps",
        "No item categories",
        "No item titles",
        "No release dates",
        "No user attributes",
    ):
        assert words in limits
    assert "No ratings" in texts(found, "good")
    assert "Every row could be read." in texts(found, "good")
    assert (found.first, found.last) == (None, None)
    assert "no timestamps" in printed(found)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([f"u{n},i,3,{n}" for n in range(30)], "All ratings are equal"),
        ([f"u{n},i,{n % 5},7" for n in range(30)], "All timestamps are equal"),
        ([f"u{n},i,{1 + 99 * (n == 7)},{n}" for n in range(30)], "Only 3.3% of the events are pos"),
        ([f"u{n},i,{n % 5},{n}" for n in range(9)] + ["x"], "1 of 10 rows are bad (10.0%); train"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_a_problem(tmp_path, rows, problem):
    found = diagnosed(tmp_path, events="user,item,rating,ts\n" + "\n".join(rows))
    assert problem in texts(found, "problem")


def test_the_screen_shows_figures_bad_rows_and_findings(tmp_path):
    screen = printed(diagnosed(tmp_path, **RICH))
    for words in (
        "5 (1 without interactions)",
        "2017-07-14 02:40 to 2017-07-16 13:40 UTC (2 days)",
        "value is not a number",
        "41.0% / 39.3%",
        "friends.csv",
    ):
        assert words in screen


def test_the_screen_shows_a_few_bad_rows_and_the_number_of_the_rest(tmp_path):
    rows = "u,i,[bold]x\u202e\n" * 25
    screen = printed(diagnosed(tmp_path, events="user,item,rating\nu,i,3\n" + rows))
    assert "and 5 more" in screen
    assert "u,i,[bold]x\\u202e" in screen


def test_the_doctor_command_prints_and_writes_the_bad_rows_aside(tmp_path):
    folder = folder_of(tmp_path, **RICH)
    aside = tmp_path / "bad" / "rows.csv"
    result = CliRunner().invoke(app, ["doctor", str(folder), "--bad", str(aside)])
    assert result.exit_code == 0, result.output
    assert "2 rows are in" in result.output
    assert pl.read_csv(aside)["line"].to_list() == [62, 64]


def test_the_doctor_command_takes_a_schema(tmp_path):
    folder = folder_of(tmp_path, odd="wer,was\na,b\n")
    schema = tmp_path / "my.toml"
    schema.write_text('[interactions]\nfile = "odd.csv"\nuser = "wer"\nitem = "was"\n')
    result = CliRunner().invoke(app, ["doctor", str(folder), "--schema", str(schema)])
    assert result.exit_code == 0, result.output


def test_a_command_that_fails_says_one_sentence_and_exits_1(tmp_path):
    result = CliRunner().invoke(app, ["doctor", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert result.stderr.strip().startswith("There is nothing at")
    assert "Traceback" not in result.output


def test_getting_data_prints_the_terms_and_where_it_is(tmp_path, capsys):
    get_dataset("ml-100k", tmp_path, lambda folder: folder / "ml-100k")
    printed = capsys.readouterr().out
    assert " ".join(TERMS.split()) in " ".join(printed.split())
    assert f"ml-100k is in {tmp_path / 'ml-100k'}" in printed


def test_only_known_data_sets_are_got():
    assert CliRunner().invoke(app, ["data", "get", "netflix"]).exit_code == 2


def test_a_catalogue_alone_is_examined(tmp_path):
    found = diagnosed(tmp_path, items="item,title,genres\ni1,One,a\ni2,Two,b\n")
    assert (found.users, found.items, found.interactions, found.first) == (0, 2, 0, None)
    assert [count.file for count in found.files] == ["items.csv"]
    assert "No interactions" in texts(found, "limit")
    assert "No interactions" in printed(found)


def test_files_that_nothing_reads_are_named(tmp_path):
    (tmp_path / "ratings.csv").write_text("user_id,item_id,rating\nu1,i1,5\nu2,i2,3\n")
    (tmp_path / "category_tree.csv").write_text("categoryid,parentid\n1,2\n")
    (tmp_path / "README.txt").write_text("about this data")
    texts = [finding.text for finding in diagnose(load_dataset(tmp_path)).findings]
    (text,) = [text for text in texts if "nothing reads" in text]
    assert "category_tree.csv. If they" in text
    alone = diagnose(load_dataset(tmp_path / "ratings.csv")).findings
    assert not any("nothing reads" in finding.text for finding in alone)
