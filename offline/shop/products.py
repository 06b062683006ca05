"""The products of the generated shop, as columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.shop.range import ADJECTIVES, BRANDS, RANGE

STYLES = 4  # hidden dimensions of style, which tastes share
BRANDS_OF_CATEGORY = 5
PARTNERS = 3  # products of the companion category that are bought with a product
SOLD_OUT = 0.04  # the share of products without stock
NEW = 0.12  # the share of products that came during the log


@dataclass(frozen=True, slots=True)
class Products:
    """All products. Every column has a row for each, (n,), unless it says otherwise."""

    ids: list[str]
    titles: list[str]
    category: NDArray[np.int64]  # index into ``RANGE``
    brand: NDArray[np.int64]  # index into ``BRANDS``
    price: NDArray[np.float64]
    stock_quantity: NDArray[np.int64]
    appeal: NDArray[np.float64]  # log of how much all customers like it
    style: NDArray[np.float64]  # (n, STYLES)
    since: NDArray[np.float64]  # when it came, as a share of the log's time; 0 for most
    partners: NDArray[np.int64]  # (n, PARTNERS) products that are bought with it

    def __len__(self) -> int:
        return len(self.ids)


def make_products(random: np.random.Generator, n: int) -> Products:
    """Return n products, spread evenly over the categories."""
    category = np.arange(n) % len(RANGE)
    place = np.arange(n) // len(RANGE)  # within the category
    brand = (category * 3 + random.integers(0, BRANDS_OF_CATEGORY, n)) % len(BRANDS)
    lowest, highest = (np.array([getattr(c, end) for c in RANGE]) for end in ("lowest", "highest"))
    tier = np.clip(brand / len(BRANDS) + random.normal(0, 0.25, n), 0, 1)
    price = lowest[category] * (highest / lowest)[category] ** tier
    price = np.maximum(np.round(price), 1) - 0.05
    return Products(
        ids=[f"p{number:04d}" for number in range(1, n + 1)],
        titles=[_title(*map(int, row)) for row in zip(brand, category, place, strict=True)],
        category=category,
        brand=brand,
        price=price,
        stock_quantity=np.where(random.random(n) < SOLD_OUT, 0, random.geometric(0.04, n)),
        appeal=random.normal(0, 0.9, n),
        style=random.normal(0, 1, (n, STYLES)),
        since=np.where(random.random(n) < NEW, random.uniform(0.3, 0.97, n), 0.0),
        partners=_partners(random, category),
    )


def _title(brand: int, category: int, place: int) -> str:
    nouns = RANGE[category].nouns
    adjective = ADJECTIVES[(place * 7 + category * 3) % len(ADJECTIVES)]
    series = place // len(ADJECTIVES)  # so that no two titles of a category are equal
    number = f" {series + 1}" if series else ""
    return f"{BRANDS[brand]} {adjective} {nouns[place % len(nouns)]}{number}"


def _partners(random: np.random.Generator, category: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the products of the companion category that are bought with each product."""
    names = [each.name for each in RANGE]
    companion = np.array([names.index(each.companion) for each in RANGE])[category]
    counts = np.bincount(category, minlength=len(RANGE))
    drawn = (random.random((len(category), PARTNERS)) * counts[companion][:, None]).astype(np.int64)
    partners: NDArray[np.int64] = drawn * len(RANGE) + companion[:, None]
    return partners
