"""What the customers of the generated shop did: visits of views, carts and purchases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.shop.products import STYLES, Products
from offline.shop.range import BRANDS, RANGE

DAYS = 180  # of the log
DAY = 86_400.0  # seconds
VISITS = 3.5  # of a customer, in the mean
VIEWS = 2.8  # of a visit, in the mean, after the first
CONCENTRATION = 0.18  # of tastes: the smaller, the fewer categories a customer likes
SEASON = 1.2  # how much the month changes what is looked at, as a log
PEAK_HOUR = 19.5  # UTC
CARTED, BOUGHT, WITH_PARTNER = 0.2, 0.62, 0.55  # shares of views, carts and purchases
PACE = (20.0, 150.0)  # seconds between two steps of a visit
AGES = np.array(["18-24", "25-34", "35-44", "45-54", "55+"])
COUNTRIES = np.array(["DE", "NL", "NO", "SE", "UK"])
VIEW, CART, PURCHASE = range(3)
TYPES = ("view", "add_to_cart", "purchase")


@dataclass(frozen=True, slots=True)
class Customers:
    """All customers. Every column has a row for each, (n,), unless it says otherwise."""

    ids: list[str]
    age: NDArray[np.str_]
    country: NDArray[np.str_]
    taste: NDArray[np.float64]  # (n, categories) shares
    brands: NDArray[np.float64]  # (n, brands) log
    style: NDArray[np.float64]  # (n, STYLES)
    budget: NDArray[np.float64]  # 0 buys what is cheap in a category, 1 what is dear
    activity: NDArray[np.float64]  # shares of all visits


@dataclass(frozen=True, slots=True)
class Events:
    """The log, oldest event first. Every column has a row for each event, (n,)."""

    customers: NDArray[np.int64]
    products: NDArray[np.int64]
    types: NDArray[np.int64]  # index into ``TYPES``
    seconds: NDArray[np.float64]  # since the begin of the log


def make_customers(random: np.random.Generator, n: int) -> Customers:
    """Return n customers, each with a taste of their own."""
    brands = np.where(random.random((n, len(BRANDS))) < 3 / len(BRANDS), 1.4, 0.0)
    activity = random.lognormal(0, 0.7, n)
    return Customers(
        ids=[f"c{number:04d}" for number in range(1, n + 1)],
        age=random.choice(AGES, n),
        country=random.choice(COUNTRIES, n),
        taste=random.dirichlet(np.full(len(RANGE), CONCENTRATION), n),
        brands=brands,
        style=random.normal(0, 1, (n, STYLES)),
        budget=random.beta(2, 2, n),
        activity=activity / activity.sum(),
    )


def make_events(
    random: np.random.Generator, products: Products, customers: Customers, month: int
) -> Events:
    """Return the log of all visits. It ends in ``month``, 1 to 12."""
    n = len(customers.ids)
    first = np.arange(n)  # every customer comes once
    others = random.choice(n, int(n * (VISITS - 1)), p=customers.activity)
    visitor = np.concatenate([first, others])
    start = _times(random, len(visitor))
    category = _categories(random, customers.taste[visitor], _months(start, month))
    n_views = 1 + random.poisson(VIEWS, len(visitor))
    visit = np.repeat(np.arange(len(visitor)), n_views)
    liking = _liking(products, customers)
    product = _choose(random, products, liking, visitor[visit], category[visit], start[visit])
    fits = liking[visitor[visit], product] > np.median(liking, axis=1)[visitor[visit]]
    return _funnel(random, products, visit, product, fits, visitor, start)


def _times(random: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return when visits begin, in seconds: more in the evening, and more from month to month."""
    day = np.floor(DAYS * random.random(n) ** 0.8)
    hour = (random.normal(PEAK_HOUR, 3.5, n)) % 24
    return day * DAY + hour * 3_600


def _months(seconds: NDArray[np.float64], last: int) -> NDArray[np.float64]:
    return last - (DAYS - seconds / DAY) / 30.4


def _categories(
    random: np.random.Generator, taste: NDArray[np.float64], month: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return what each visit is about: the customer's taste, changed by the season."""
    peak = np.array([each.peak or 0 for each in RANGE])
    strength = np.where(peak > 0, SEASON, 0.0)
    season = np.exp(strength * np.cos(2 * np.pi * (month[:, None] - peak) / 12))
    return _draw(random, (taste + 0.004) * season)


def _draw(random: np.random.Generator, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a column for each row, each with a probability in proportion to its weight."""
    sums = np.cumsum(weights, axis=1)
    below = random.random(len(weights)) * sums[:, -1]
    drawn: NDArray[np.int64] = (sums < below[:, None]).sum(axis=1)
    return drawn


def _liking(products: Products, customers: Customers) -> NDArray[np.float64]:
    """Return the log of how much each customer likes each product, (customers, products)."""
    lowest, highest = (np.array([getattr(c, end) for c in RANGE]) for end in ("lowest", "highest"))
    tier = (
        np.log(products.price / lowest[products.category])
        / np.log(highest / lowest)[products.category]
    )
    by_price = -3.0 * np.abs(customers.budget[:, None] - tier)
    by_style = 0.5 * customers.style @ products.style.T
    liking: NDArray[np.float64] = (
        products.appeal + customers.brands[:, products.brand] + by_price + by_style
    )
    return liking


def _choose(  # noqa: PLR0913, PLR0917 - the columns of a view
    random: np.random.Generator,
    products: Products,
    liking: NDArray[np.float64],
    customer: NDArray[np.int64],
    category: NDArray[np.int64],
    seconds: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return the product of each view: of the visit's category, and there at that time."""
    chosen = np.empty(len(customer), np.int64)
    for each in range(len(RANGE)):
        rows = np.flatnonzero(category == each)
        there = np.flatnonzero(products.category == each)
        weights = np.exp(liking[np.ix_(customer[rows], there)])
        weights *= products.since[there] * DAYS * DAY <= seconds[rows][:, None]
        chosen[rows] = there[_draw(random, weights)]
    return chosen


def _funnel(  # noqa: PLR0913, PLR0917 - the columns of a view
    random: np.random.Generator,
    products: Products,
    visit: NDArray[np.int64],
    product: NDArray[np.int64],
    fits: NDArray[np.bool_],
    visitor: NDArray[np.int64],
    start: NDArray[np.float64],
) -> Events:
    """Return the views, the carts and purchases that follow, and what is bought along with them."""
    in_cart = np.flatnonzero(random.random(len(visit)) < np.where(fits, CARTED * 1.6, CARTED * 0.4))
    bought = in_cart[random.random(len(in_cart)) < BOUGHT]
    along = bought[random.random(len(bought)) < WITH_PARTNER]
    partner = products.partners[
        product[along], random.integers(0, products.partners.shape[1], len(along))
    ]
    is_there = products.since[partner] * DAYS * DAY <= start[visit[along]]
    along, partner = along[is_there], partner[is_there]
    order = np.arange(len(visit))  # of the views; what follows a view comes right after it
    parts = [
        (order, product, VIEW, 0.0),
        (in_cart, product[in_cart], CART, 0.1),
        (along, partner, VIEW, 0.2),
        (along, partner, CART, 0.3),
        (bought, product[bought], PURCHASE, 0.4),
        (along, partner, PURCHASE, 0.5),
    ]
    view = np.concatenate([rows for rows, *_ in parts])
    step = np.concatenate([rows + after for rows, _, _, after in parts])
    types = np.concatenate([np.full(len(rows), kind) for rows, _, kind, _ in parts])
    chosen = np.concatenate([items for _, items, _, _ in parts])
    by_step = np.argsort(step, kind="stable")
    view, types, chosen = view[by_step], types[by_step], chosen[by_step]
    pauses = random.uniform(*PACE, len(view))
    elapsed = np.cumsum(pauses)
    of = visit[view]
    first = np.r_[True, of[1:] != of[:-1]]
    begin = np.maximum.accumulate(np.where(first, elapsed, 0.0))
    seconds = start[of] + elapsed - begin
    by_time = np.argsort(seconds, kind="stable")
    by_time = by_time[seconds[by_time] < DAYS * DAY]  # a visit may last beyond the log
    return Events(
        customers=visitor[of][by_time],
        products=chosen[by_time],
        types=types[by_time],
        seconds=seconds[by_time],
    )
