"""A made-up world of users and items, whose log can be drawn block by block.

What makes catalogues hard is in it: few items with most events, items that come and fade, users of
very different length who arrive and whose taste changes. What users like next can be learnt: they
choose from a few favourite groups of items, each within one category.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

DAY = 86_400.0
END = 1_767_225_600.0  # 2026-01-01, unix seconds
SPAN = 360 * DAY  # of the log
STEPS = 120  # of the log: who is there and what is liked changes every three days
EARLIER = 720 * DAY  # the oldest item was released so long before the log
CATEGORIES = 40
GROUP_ITEMS = 60  # mean items of a group that the same users like
ITEM_EXPONENT = 1.2  # of the Pareto tail of attraction: lower, and fewer items have all events
USER_SPREAD = 1.3  # standard deviation of the logarithm of activity
FRESH_DAYS = 45.0  # mean days in which a new item loses its attraction
LASTING_SHARE = 0.1  # of its attraction that an old item keeps
FAVOURITES = 4  # groups of a user at a time
TASTE_DAYS = 90.0  # after which a favourite group is replaced
GROUP_SHARE, CATEGORY_SHARE = 0.55, 0.25  # events in favourite groups and categories
WORDS, CATEGORY_WORDS = 20_000, 400  # of all titles, and of those of one category
TITLE_WORDS = 4

Events = pl.DataFrame  # user_id, item_id, timestamp


@dataclass(frozen=True, slots=False, eq=False)
class World:
    """A world of this size. The same seed gives the same items and events."""

    items: int
    users: int
    seed: int

    @property
    def groups(self) -> int:
        return max(CATEGORIES, self.items // GROUP_ITEMS)

    @cached_property
    def group_starts(self) -> NDArray[np.int64]:
        """The first item of each group, and the end of the last, (groups + 1,).

        Items are numbered group by group, and groups category by category.
        """
        random = np.random.default_rng([self.seed, 1])
        cuts = np.sort(random.integers(0, self.items + 1, self.groups - 1))
        return np.concatenate([[0], cuts, [self.items]])

    @cached_property
    def category_starts(self) -> NDArray[np.int64]:
        """The first group of each category, and the end of the last, (categories + 1,)."""
        random = np.random.default_rng([self.seed, 2])
        shares = np.cumsum(random.dirichlet(np.full(CATEGORIES, 2.0)))
        inner = np.maximum.accumulate((shares[:-1] * self.groups).astype(np.int64))
        return np.concatenate([[0], inner, [self.groups]])

    @cached_property
    def categories(self) -> NDArray[np.int64]:
        """The category of each item, (items,)."""
        first = self.group_starts[self.category_starts]
        return np.repeat(np.arange(CATEGORIES), np.diff(first))

    @cached_property
    def attraction(self) -> NDArray[np.float64]:
        """How often each item is chosen while it is new, (items,)."""
        return np.random.default_rng([self.seed, 3]).pareto(ITEM_EXPONENT, self.items) + 0.1

    @cached_property
    def released(self) -> NDArray[np.float64]:
        """The release of each item, unix seconds, (items,)."""
        random = np.random.default_rng([self.seed, 4])
        return END - (SPAN + EARLIER) * random.random(self.items)

    @cached_property
    def item_numbers(self) -> NDArray[np.int64]:
        """The number in each item's public id, (items,), so that its group cannot be seen in it."""
        return np.random.default_rng([self.seed, 5]).permutation(self.items)

    @cached_property
    def joined(self) -> NDArray[np.float64]:
        """The arrival of each user, unix seconds, (users,); a third was there before the log."""
        random = np.random.default_rng([self.seed, 6])
        return END - 1.5 * SPAN * random.random(self.users)

    @cached_property
    def activity(self) -> NDArray[np.float64]:
        """How often each user acts, (users,)."""
        return np.random.default_rng([self.seed, 7]).lognormal(0.0, USER_SPREAD, self.users)

    def draw_events(self, events: int, block: int) -> Iterator[Events]:
        """Yield the events in order of time, about ``block`` at a time.

        Users arrive and items are released in every step. The block size changes no event.
        """
        ends = np.linspace(0, events, STEPS + 1).astype(np.int64)
        steps: list[Events] = []
        for step, size in enumerate(np.diff(ends).tolist()):
            steps.append(self._draw_step(step, size))
            if sum(map(len, steps)) >= block:
                yield pl.concat(steps)
                steps = []
        if steps:
            yield pl.concat(steps)

    def _draw_step(self, step: int, size: int) -> Events:
        """Draw the events of one step, by the users and items that are there at its start."""
        low, high = (END - SPAN + SPAN * part / STEPS for part in (step, step + 1))
        random = np.random.default_rng([self.seed, 8, step])
        times = np.floor(np.sort(random.uniform(low, high, size)))
        users = _draw(np.where(self.joined <= low, self.activity, 0.0), random.random(size))
        items = self._choose(low, users, times, random)
        return pl.DataFrame(
            {
                "user_id": _ids("u", users),
                "item_id": _ids("i", self.item_numbers[items]),
                "timestamp": times.astype(np.int64),
            }
        )

    def _choose(
        self,
        now: float,
        users: NDArray[np.int64],
        times: NDArray[np.float64],
        random: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Return the item of each event, (m,): from a favourite group, its category, or anywhere.

        Attractions are those of ``now``, unix seconds.
        """
        ages = (now - self.released) / (FRESH_DAYS * DAY)
        weights = self.attraction * (LASTING_SHARE + np.exp(-np.maximum(ages, 0.0)))
        cumulated = np.concatenate([[0.0], np.cumsum(np.where(ages >= 0, weights, 0.0))])
        groups = self._favourites(users, times, random.integers(0, FAVOURITES, len(users)))
        category = np.searchsorted(self.category_starts, groups, side="right") - 1
        kind = random.random(len(users))
        low, high = self.group_starts[groups], self.group_starts[groups + 1]
        wide = kind > GROUP_SHARE
        low[wide] = self.group_starts[self.category_starts[category[wide]]]
        high[wide] = self.group_starts[self.category_starts[category[wide] + 1]]
        anywhere = (kind > GROUP_SHARE + CATEGORY_SHARE) | (cumulated[low] == cumulated[high])
        low[anywhere], high[anywhere] = 0, self.items
        points = cumulated[low] + random.random(len(users)) * (cumulated[high] - cumulated[low])
        chosen = np.searchsorted(cumulated, points, side="right") - 1
        return np.asarray(np.clip(chosen, low, high - 1), np.int64)

    def _favourites(
        self, users: NDArray[np.int64], times: NDArray[np.float64], slots: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the group in a slot of each user's taste at a time, (m,). Nothing is stored."""
        phases = _hash(users * FAVOURITES + slots, self.seed)
        epochs = np.floor(times / (TASTE_DAYS * DAY) + phases).astype(np.int64)
        chances = _hash((users * FAVOURITES + slots) * 1_009 + epochs, self.seed + 1)
        return (chances**2 * self.groups).astype(np.int64)  # some groups have more friends

    def describe_items(self, block: int) -> Iterator[pl.DataFrame]:
        """Yield the items file: item_id, title, categories, release_date."""
        words = np.array([_word(number) for number in range(WORDS)])
        for start in range(0, self.items, block):
            rows = np.arange(start, min(start + block, self.items))
            random = np.random.default_rng([self.seed, 9, start])
            own = self.categories[rows]
            rare = (random.random((len(rows), TITLE_WORDS)) ** 3 * WORDS).astype(np.int64)
            common = own[:, None] * CATEGORY_WORDS + rare % CATEGORY_WORDS
            chosen = words[np.where(random.integers(0, 2, rare.shape) == 1, rare, common)]
            second = random.integers(0, CATEGORIES, len(rows))
            names = pl.Series(own).cast(pl.String), pl.Series(second).cast(pl.String)
            yield pl.DataFrame(
                {
                    "item_id": _ids("i", self.item_numbers[rows]),
                    "title": pl.DataFrame(chosen).select(pl.concat_str(pl.all(), separator=" "))
                    .to_series(),
                    "categories": "c" + names[0] + "|c" + names[1],
                    "release_date": pl.Series(self.released[rows] * 1e6)
                    .cast(pl.Int64)
                    .cast(pl.Datetime("us"))
                    .dt.strftime("%Y-%m-%d"),
                }
            )  # fmt: skip


def _draw(weights: NDArray[np.float64], chances: NDArray[np.float64]) -> NDArray[np.int64]:
    cumulated = np.cumsum(weights)
    drawn = np.searchsorted(cumulated, chances * cumulated[-1], side="right")
    return np.asarray(np.minimum(drawn, len(weights) - 1), np.int64)


def _ids(letter: str, numbers: NDArray[np.int64]) -> pl.Series:
    return letter + pl.Series(numbers).cast(pl.String)


def _hash(keys: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each key (splitmix64: Steele, Lea, Flood, 2014)."""
    x = keys.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    chances: NDArray[np.float64] = (x ^ (x >> np.uint64(31))) / 2.0**64
    return chances


def _word(number: int) -> str:
    """Return a word of syllables that stands for a number."""
    consonants, vowels, text = "bdfgklmnprstvz", "aeiou", ""
    number += len(consonants) * len(vowels)  # two syllables at least
    while number:
        number, syllable = divmod(number, len(consonants) * len(vowels))
        text += consonants[syllable // len(vowels)] + vowels[syllable % len(vowels)]
    return text
