"""Write the files of the generated shop, as a shop would export them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from offline.shop.products import Products, make_products
from offline.shop.range import BRANDS, RANGE
from offline.shop.visits import DAYS, PURCHASE, TYPES, Events, make_customers, make_events

SEED = 11
LEAST = len(RANGE)  # products: one of each category
LOG = "events.csv"  # written last: with it, the shop is whole
PICTURES = "images"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<rect width="24" height="24" fill="hsl({hue} 45% {light}%)"/>'
    '<path transform="translate(4.2 4.2) scale(.65)" fill="hsl({hue} 55% 28%)" d="{path}"/></svg>'
)


@dataclass(frozen=True, slots=True)
class ShopSize:
    """How large a shop is."""

    users: int = 2_000
    products: int = 800


@dataclass(frozen=True, slots=True)
class Shop:
    """What was written."""

    folder: Path
    users: int
    products: int
    events: int


def write_shop(
    folder: Path, last_day: date, size: ShopSize | None = None, seed: int = SEED
) -> Shop:
    """Write ``events.csv``, ``products.csv``, ``customers.csv`` and the pictures.

    The log ends at the end of ``last_day``, UTC. The same arguments write the same files.
    """
    size = size or ShopSize()
    random = np.random.default_rng(seed)
    products = make_products(random, max(size.products, LEAST))
    customers = make_customers(random, size.users)
    events = make_events(random, products, customers, last_day.month)
    folder.mkdir(parents=True, exist_ok=True)
    people = {"customer_id": customers.ids, "age": customers.age, "country": customers.country}
    pl.DataFrame(people).write_csv(folder / "customers.csv")
    begin = datetime.combine(last_day, time(), UTC) + timedelta(days=1 - DAYS)
    _products_table(products, begin).write_csv(folder / "products.csv")
    _write_pictures(products, folder / PICTURES)
    table = _events_table(events, products, customers.ids, begin)
    table.write_csv(folder / LOG)
    return Shop(folder, size.users, len(products), len(table))


def _products_table(products: Products, begin: datetime) -> pl.DataFrame:
    names = np.array([each.name for each in RANGE])
    return pl.DataFrame(
        {
            "product_id": products.ids,
            "title": products.titles,
            "category": names[products.category],
            "brand": np.array(BRANDS)[products.brand],
            "price": products.price,
            "stock_quantity": products.stock_quantity,
            "release_date": [
                (begin + timedelta(days=float(share) * DAYS)).date() if share else None
                for share in products.since
            ],
            "image": [f"{PICTURES}/{one}.svg" for one in products.ids],
        }
    )


def _events_table(
    events: Events, products: Products, customer_ids: list[str], begin: datetime
) -> pl.DataFrame:
    moments = (begin.timestamp() + events.seconds).astype(np.int64)
    amounts = np.where(events.types == PURCHASE, products.price[events.products], np.nan)
    return pl.DataFrame(
        {
            "customer_id": np.array(customer_ids)[events.customers],
            "product_id": np.array(products.ids)[events.products],
            "event": np.array(TYPES)[events.types],
            "amount": pl.Series(amounts).fill_nan(None),
            "timestamp": pl.Series(moments * 1_000)
            .cast(pl.Datetime("ms"))
            .dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def _write_pictures(products: Products, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for row, one in enumerate(products.ids):
        hue = int(products.brand[row]) * 360 // len(BRANDS)
        path = RANGE[products.category[row]].picture
        (folder / f"{one}.svg").write_text(SVG.format(hue=hue, light=78 + row % 12, path=path))
