"""The files of the made-up shop: what a shop would export, with structure that lists can learn."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from offline.data.readers import load_dataset
from offline.shop.generate import LOG, ShopSize, write_shop
from offline.shop.range import RANGE
from offline.shop.visits import DAYS

LAST_DAY = date(2026, 1, 31)
SIZE = ShopSize(users=600, products=160)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("made") / "shop", LAST_DAY, SIZE).folder


@pytest.fixture(scope="module")
def events(folder):
    log = pl.read_csv(folder / LOG, try_parse_dates=True)
    return log.join(pl.read_csv(folder / "products.csv", try_parse_dates=True), on="product_id")


def texts_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_and_day_write_the_same_files_and_another_seed_others(folder, tmp_path):
    again = write_shop(tmp_path / "again", LAST_DAY, SIZE).folder
    other = write_shop(tmp_path / "other", LAST_DAY, SIZE, seed=12).folder
    assert texts_of(again) == texts_of(folder)
    assert texts_of(other)[LOG] != texts_of(folder)[LOG]


def test_the_reader_of_own_data_finds_every_column_and_no_bad_row(folder):
    loaded = load_dataset(folder)
    dataset = loaded.dataset
    assert (len(loaded.bad), loaded.unused_columns) == (0, ())
    assert (len(dataset.users), len(dataset.catalogue)) == (SIZE.users, SIZE.products)
    assert set(dataset.catalogue.category_names) == {each.name for each in RANGE}
    assert len(set(dataset.catalogue.titles.tolist())) == SIZE.products


def test_every_customer_comes_and_the_log_ends_on_the_last_day(events):
    assert events["customer_id"].n_unique() == SIZE.users
    begin = datetime.combine(LAST_DAY, datetime.min.time(), UTC) + timedelta(days=1 - DAYS)
    moments = events["timestamp"].dt.replace_time_zone("UTC")
    assert begin <= moments.min()
    assert LAST_DAY - timedelta(days=1) <= moments.max().date() <= LAST_DAY


def test_purchases_alone_have_an_amount_which_is_the_price(events):
    is_purchase = events["event"] == "purchase"
    assert events.filter(is_purchase)["amount"].equals(
        events.filter(is_purchase)["price"], check_names=False
    )
    assert events.filter(~is_purchase)["amount"].null_count() == (~is_purchase).sum()


def test_nothing_is_seen_before_it_came(events):
    came = events.filter(pl.col("release_date").is_not_null())
    assert len(came) > 100
    assert (came["timestamp"].dt.date() >= came["release_date"]).all()


def test_carts_follow_views_and_purchases_follow_carts(events):
    count = {kind: (events["event"] == kind).sum() for kind in ("view", "add_to_cart", "purchase")}
    assert count["view"] > count["add_to_cart"] > count["purchase"] > 300


def test_what_belongs_together_is_bought_together(events):
    visit = ["customer_id", pl.col("timestamp").dt.date()]
    bought = events.filter(pl.col("event") == "purchase")
    baskets = bought.group_by(visit).agg(pl.col("category").unique())["category"].to_list()

    def share(category, given=None):
        chosen = [basket for basket in baskets if given is None or given in basket]
        return np.mean([category in basket for basket in chosen])

    lifts = [share(each.companion, each.name) / share(each.companion) for each in RANGE]
    assert np.median(lifts) > 2


def test_seasons_change_what_is_looked_at(events):
    views = events.filter(pl.col("event") == "view")
    summer = views.filter(pl.col("timestamp").dt.month() == 8)
    winter = views.filter(pl.col("timestamp").dt.month() == 1)

    def share(part, category):
        return (part["category"] == category).mean()

    assert share(summer, "Tents") > 1.5 * share(winter, "Tents")
    assert share(winter, "Skis") > 1.5 * share(summer, "Skis")


def test_customers_have_tastes(events):
    views = events.filter(pl.col("event") == "view")
    shares = views.group_by("customer_id", "category").len()
    largest = shares.group_by("customer_id").agg(pl.col("len").max() / pl.col("len").sum())
    assert largest["len"].median() > 3 / len(RANGE)


def test_every_product_has_a_picture(folder):
    for name in pl.read_csv(folder / "products.csv")["image"]:
        assert (folder / name).read_text().startswith("<svg ")


def test_a_shop_has_a_product_of_each_category_at_least(tmp_path):
    shop = write_shop(tmp_path / "shop", LAST_DAY, ShopSize(users=2, products=1))
    assert (shop.products, shop.users) == (len(RANGE), 2)
