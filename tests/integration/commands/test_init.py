"""``recfunnel init``: files to begin with, for the data that it sees."""

import re
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from app.settings import Settings, read_settings
from offline import cli
from offline.data.readers import load_dataset
from tests.world import world, write_recbole

LOG = "user_id,item_id,rating,when,note\nu,a,5,2024-01-01,x\nv,b,3,2024-01-02,y\n"
ITEMS = 'sku,title,genres,price,shade\na,A,drama|war,3,"red"\nb,B,love,4,blue\n'


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of its own for the settings."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def init(*arguments):
    return CliRunner().invoke(cli.app, ["init", *map(str, arguments)])


def uncommented(text):
    """The text with each setting that is commented out."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)


def shop(folder):
    folder.mkdir()
    (folder / "ratings.csv").write_text(LOG)
    (folder / "items.csv").write_text(ITEMS)
    return folder


def recbole(folder):
    return write_recbole(folder, world(1, users=20, items=30, ratings=200))


@pytest.mark.parametrize("build", [shop, recbole])
def test_the_schema_reads_the_data_as_they_are_read_without_it(build, tmp_path, elsewhere):
    folder = build(tmp_path / "data")
    before = load_dataset(folder)
    result = init(folder)
    assert result.exit_code == 0, result.output
    after = load_dataset(folder)
    assert after.layout == before.layout
    for part in ("users", "items", "values", "weights", "times"):
        expected, found = (getattr(one.dataset.log, part) for one in (before, after))
        assert np.array_equal(expected, found), part
    one, other = before.dataset.catalogue, after.dataset.catalogue
    assert one.titles.tolist() == other.titles.tolist()
    assert one.category_lists.every_name() == other.category_lists.every_name()
    assert one.attributes.keys() == other.attributes.keys()
    assert before.dataset.attributes.keys() == after.dataset.attributes.keys()
    assert len(read_settings({}).policy.blocked_categories) == 0


def test_the_schema_names_the_columns_and_the_alternatives(tmp_path, elsewhere):
    folder = shop(tmp_path / "data")
    assert init(folder).exit_code == 0
    text = (folder / "schema.toml").read_text()
    assert '# its columns: "user_id", "item_id", "rating", "when", "note"' in text
    assert 'timestamp = "when"  # or "note"' in text
    assert 'attributes = {"price" = "number", "shade" = "text"}' in text
    assert tomllib.loads(text)["interactions"]["value"] == "rating"


def test_every_setting_that_is_proposed_exists(tmp_path, elsewhere):
    assert init(shop(tmp_path / "data")).exit_code == 0
    text = (elsewhere / "recfunnel.toml").read_text()
    assert 'blocked_categories = ["drama", "love", "war"]' in text
    (elsewhere / "recfunnel.toml").write_text(uncommented(text))
    settings = read_settings({})
    assert settings.train_when_events == 1000
    assert settings.policy.blocked_categories == ("drama", "love", "war")


def test_without_data_the_settings_are_those_of_a_start_from_nothing(tmp_path, elsewhere):
    result = init(tmp_path / "absent")
    assert result.exit_code == 0, result.output
    assert "`recfunnel serve` begins with nothing" in result.output
    assert read_settings({}).train_when_events == 1000
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("name", ["schema.toml", "recfunnel.toml"])
def test_nothing_is_overwritten_and_nothing_is_half_done(name, tmp_path, elsewhere):
    folder = shop(tmp_path / "data")
    place = {"schema.toml": folder, "recfunnel.toml": elsewhere}
    (place[name] / name).write_text("")
    result = init(folder)
    assert result.exit_code == 1
    assert f"{name} exists" in result.stderr
    assert [each for each in place if (place[each] / each).exists()] == [name]
    assert Settings().train_when_events == 0
