"""A shop of our own making with prices and languages: read, trained, served, filtered, replayed."""

import shutil
from contextlib import closing

import orjson
import pytest
import redis
from typer.testing import CliRunner

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import BundleError, read_manifest, write_manifest
from app.request_log.writer import request_log_key
from app.settings import Settings
from offline.cli import app
from offline.commands.replay import find_differences
from offline.commands.train import TrainOptions, train
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.state_rebuild import StateLostError
from offline.replay_log.stream_reader import StreamReader
from tests.conftest import copy_trained
from tests.integration.test_service import another_version, serving
from tests.serving import QUICK, hosted, leisurely, until
from tests.world import lines, world

ITEMS, USERS, RATINGS = 60, 50, 900
PRICES = {f"i{n}": None if n % 10 == 9 else round(1.5 * n + 0.99, 2) for n in range(ITEMS)}
LANGUAGES = {f"i{n}": ("en", "de", "")[n % 3] for n in range(ITEMS)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """``events.tsv`` and ``items.tsv`` as a shop has them; no schema."""
    folder, made = tmp_path_factory.mktemp("own") / "shop", world(3, USERS, ITEMS, RATINGS)
    folder.mkdir()
    rows = [
        (f"u{u}", f"i{i}", "like" if s > 3 else "view", t)
        for u, i, s, t in zip(made.users, made.items, made.stars, made.times, strict=True)
    ]
    header = ("user_id", "item_id", "event", "timestamp")
    (folder / "events.tsv").write_text(lines(header, rows))
    known = [
        (name, f"Item {name}", f"kind {n % 4}", PRICES[name] or "", LANGUAGES[name], n % 2 == 0)
        for n, name in enumerate(PRICES)
    ]
    header = ("item_id", "title", "categories", "price", "language", "vegan")
    (folder / "items.tsv").write_text(lines(header, known))
    return folder


@pytest.fixture(scope="module")
def learned(files):
    out = files.parent / "out"
    train(files, Settings(out=out, redis_url=None), TrainOptions(config=QUICK))
    return out


@pytest.fixture(scope="module")
def shop(learned, redis_url):
    with hosted(leisurely(out=learned, redis_url=redis_url, spare_items=8)) as service:
        yield service


def everything(shop, wanted):
    """The ids that a filter lets pass: of a stranger, so that nothing else is left out."""
    return set(shop.ids("a-stranger", k=ITEMS, filter=wanted))


def test_the_doctor_says_what_filters_will_compare(files):
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["doctor", str(files)])
    assert told.exit_code == 0, told.output
    assert "filters compare: language (text), price (number), vegan (text)." in told.output


@pytest.mark.parametrize(
    ("wanted", "plain"),
    [
        ("price < 20", lambda price, language, even: price is not None and price < 20),
        ('language == "en"', lambda price, language, even: language == "en"),
        (
            'price >= 30 and language in ("de", "fr") and vegan == true',
            lambda price, language, even: (price or 0) >= 30 and language == "de" and even,
        ),
    ],
)
def test_a_list_holds_all_that_the_filter_lets_pass_and_nothing_else(shop, wanted, plain):
    expected = {
        name
        for n, name in enumerate(PRICES)
        if plain(PRICES[name], LANGUAGES[name] or None, n % 2 == 0)
    }
    assert expected
    assert everything(shop, wanted) == expected
    hidden = sorted(set(PRICES) - expected)[0]
    asked = {"user_id": "u1", "filter": wanted, "item_id": hidden}
    assert shop.client.get("/explain", params=asked).json()["policy"] == "filter"


def test_what_is_put_is_found_by_its_attributes_at_once(shop):
    told = {"title": "New", "attributes": {"price": 3, "language": "fr", "vegan": True}}
    answer = shop.client.put("/items/new", json=told)
    assert answer.status_code == 200, answer.text
    held = {"price": 3.0, "language": "fr", "vegan": "true"}
    assert answer.json()["attributes"] == held
    assert shop.client.get("/items/new").json()["attributes"] == held
    body = shop.recommend("a-stranger", filter='language == "fr"', fields="price,language,vegan")
    assert [item["fields"] for item in body["items"]] == [held]
    assert everything(shop, 'language == "fr"') == {"new"}
    assert everything(shop, 'price == 3 and language == "fr" and vegan == true') == {"new"}

    assert shop.client.put("/items/new", json={"attributes": {"price": 900}}).is_success
    assert shop.client.put("/items/new", json={"attributes": {}}).is_success
    assert everything(shop, 'price > 800 and language == "fr"') == {"new"}
    assert shop.client.put("/items/i1", json={"attributes": {"price": 901}}).is_success
    assert everything(shop, "price > 800") == {"new", "i1"}
    back = shop.client.put("/items/i1", json={"attributes": {"price": None}}).json()
    assert back["attributes"]["price"] == PRICES["i1"]
    assert shop.client.put("/items/new", json={"attributes": None}).is_success
    assert everything(shop, 'price > 800 or language == "fr"') == set()
    assert shop.client.delete("/items/new").status_code == 204


@pytest.mark.parametrize(
    ("told", "field", "message"),
    [
        ({"colour": "red"}, "attributes.colour", "are language (text), price (number), vegan"),
        ({"price": "cheap"}, "attributes.price", "price is a number up to 1e+15, such as 12.5"),
        ({"language": 4}, "attributes.language", 'language is text, such as "4" in quotes'),
        ({"language": ""}, "attributes.language", "text of 1 to 256 bytes"),
        ({"price": [1]}, "attributes.price", "valid"),
    ],
)
def test_attributes_that_do_not_fit_are_refused_and_change_nothing(shop, told, field, message):
    before = shop.client.get("/items/i2").json()
    answer = shop.client.put("/items/i2", json={"title": "Other", "attributes": told})
    assert answer.status_code == 422
    fault = answer.json()["error"]
    assert message in fault["message"]
    assert fault["field"].startswith(field)
    assert shop.client.get("/items/i2").json() == before


@pytest.mark.parametrize("path", ["/recommend", "/explain"])
def test_a_filter_over_what_is_not_known_is_refused_with_the_names(shop, path):
    asked = {"user_id": "u1", "item_id": "i1", "filter": "cost < 20"}
    if path == "/recommend":
        del asked["item_id"]
    answer = shop.client.get(path, params=asked)
    assert answer.status_code == 422
    fault = answer.json()["error"]
    assert fault["field"] == "filter"
    assert "no attribute cost; the attributes are category, provider, flag" in fault["message"]
    assert "year, language, price, vegan" in fault["message"]


def test_where_the_bundle_knows_none_it_says_how_to_have_some(api):
    answer = api.client.put("/items/i1", json={"attributes": {"price": 1}})
    assert answer.status_code == 422
    assert "this bundle has none: name columns" in answer.json()["error"]["message"]
    assert api.client.get("/items/i1").json()["attributes"] == {}


def test_a_bundle_made_before_there_were_attributes_is_served_as_ever(trained, tmp_path):
    out = copy_trained(trained, tmp_path / "out")
    folder = find_current_bundle(out)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    assert manifest.pop("attributes") == {}
    write_manifest(folder, orjson.dumps(manifest))
    assert load_bundle(find_current_bundle(out)).models.catalogue.attributes == {}


def test_the_bundle_holds_the_columns_and_a_damaged_one_is_refused(learned, tmp_path):
    folder = find_current_bundle(shutil.copytree(learned, tmp_path / "out"))
    manifest = read_manifest(folder)
    assert manifest.attributes == {"language": "text", "price": "number", "vegan": "text"}
    catalogue = load_bundle(folder).models.catalogue
    for row, name in enumerate(catalogue.ids.names(range(ITEMS))):
        assert catalogue.attributes["price"].at(row) == PRICES[name]
        assert catalogue.attributes["language"].at(row) == (LANGUAGES[name] or None)
    file = folder / "catalogue.attributes.1.values.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match="is corrupt"):
        load_bundle(folder)


def test_told_attributes_hold_over_bundles_and_answers_are_run_again_to_the_bit(
    learned, trained, redis_url, tmp_path, cpu
):
    out = shutil.copytree(learned, tmp_path / "out")
    settings = leisurely(out=out, redis_url=redis_url)
    wanted = 'price > 500 or (language == "en" and price < 40)'
    with hosted(settings) as shop, redis.Redis.from_url(redis_url) as link:
        asked = [shop.recommend(f"u{n}", filter=wanted) for n in range(5)]
        for name in ("late", "i4"):
            told = {"attributes": {"price": 999, "language": "fr"}}
            assert shop.client.put(f"/items/{name}", json=told).is_success
        asked += [shop.recommend(f"u{n}", filter=wanted) for n in range(5)]
        assert everything(shop, "price == 999") == {"late", "i4"}
        second = another_version(out, "second").name
        point_to(find_current_bundle(out).with_name(second))
        until(lambda: serving(shop)["bundle"] == second)
        assert everything(shop, 'price == 999 and language == "fr"') == {"late", "i4"}
        until(lambda: link.xlen(request_log_key(settings.key_prefix)) == len(asked) + 2)

        tape = StreamReader(link, settings.key_prefix, tmp_path / "archive")
        with closing(RequestReplayer(settings, tape, cpu)) as reruns:
            for answer in asked:
                entry = tape.find(answer["request_id"])
                assert find_differences(entry, reruns.replay(entry)) == []
            assert any("late" in tape.find(a["request_id"]).head["items"] for a in asked)
            other = shutil.copytree(
                find_current_bundle(trained), out / "bundles" / find_current_bundle(trained).name
            )
            with pytest.raises(
                StateLostError, match="cannot answer this request: there is no attribute price"
            ):
                reruns.replay(entry, bundle=other.name)
