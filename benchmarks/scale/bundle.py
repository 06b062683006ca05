"""A bundle of any size without training: made-up vectors and tables, the rankers of another bundle.

What training would take hours for is drawn: item vectors by group and category, with lengths that
grow with popularity as those of a factorisation do, and neighbours from an item's own group. Users,
popularity and raters come from a made-up log. The product's own writer builds the indexes and
writes the files.

Vectors and tables are drawn block by block into scratch files that are mapped into memory, so that
the system can drop their pages: ten million items take 13 GB of files.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.artifacts import DAY, HALF_LIVES, NO_FRIENDS, Content, Factors, Models, NeighbourTable
from app.bundle.activation import point_to
from app.bundle.bundle import Bundle
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import TagLists
from benchmarks.scale.world import CATEGORIES, World
from offline.data.dataset import Log
from offline.models.popularity import PopularityConfig, fit_popularity
from offline.models.registry import build_users
from offline.models.segments import SegmentEncoding, SegmentsConfig, fit_segments
from offline.models.session_knn import SessionKNNConfig, fit_visits
from offline.models.user_cf import UserCFConfig, fit_raters
from offline.publish.index import IndexConfig, index_builder
from offline.publish.writer import TrainingResult, write_bundle

BLOCK = 500_000  # events or items at a time
FACTOR_SIZE, TITLE_SIZE = 64, 24
NEIGHBOURS = {"item_cf": 30, "rp3beta": 20, "transitions": 10}  # of each item
HEAD_NEIGHBOURS, HEAD = 50, 6_000  # of EASE, for the most popular items
SPREAD = 0.5  # of an item around its group, and of a group around its category
COMMON = 0.3  # of all vectors, in each dimension
SECONDS_PER_YEAR = 365.25 * 86_400

# Return a new array of a name, a type and a shape.
Allocate = Callable[[str, type[np.generic], tuple[int, ...]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ScratchFiles:
    """New arrays of zeros in files of a folder, mapped into memory."""

    folder: Path

    def __call__(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Make an array in a file of its own."""
        path = self.folder / f"{name}.npy"
        return np.lib.format.open_memmap(path, "w+", dtype, shape)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Which row of the catalogue, whose ids are sorted, each item of the world has."""

    ids: IdIndex
    row_of_item: NDArray[np.int64]  # (n,)
    item_of_row: NDArray[np.int64]  # (n,)

    @classmethod
    def of(cls, world: World) -> "Places":
        """Sort the public ids of a world."""
        names = b"i" + np.char.mod("%d", world.item_numbers).astype(np.bytes_)
        item_of_row = np.argsort(names, kind="stable")
        row_of_item = np.empty(world.items, np.int64)
        row_of_item[item_of_row] = np.arange(world.items)
        return cls(IdIndex(names[item_of_row]), row_of_item, item_of_row)


def write_made_up_bundle(world: World, events: int, rankers: Bundle, out: Path) -> Path:
    """Write a bundle of a world's size, put it into service in ``out``, and return its folder.

    Args:
        world: its items and users.
        events: of the log.
        rankers: a trained bundle, whose rankers and event weights the new one gets.
        out: the folder of bundles.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        return _write(world, events, rankers, out, ScratchFiles(Path(scratch)))


def _write(world: World, events: int, rankers: Bundle, out: Path, allocate: Allocate) -> Path:
    places = Places.of(world)
    models = make_models(world, draw_log(world, events, places), places, allocate)
    manifest = rankers.manifest
    result = TrainingResult(
        models=models,
        rankers=rankers.rankers,
        ranker_kinds=manifest.rankers,
        sizes=manifest.sizes,
        event_weights=manifest.event_weights(),
        dataset=f"made up, {world.items:,} items",
        interactions=events,
        seed=world.seed,
        metrics={},
        channels=manifest.channel_configs(),
        build_indexes=index_builder(IndexConfig(), world.seed),
    )
    folder = write_bundle(result, out)
    point_to(folder)
    return folder


def draw_log(world: World, events: int, places: Places) -> tuple[IdIndex, Log]:
    """Draw the log of a world, with the rows of the catalogue, and the ids of its users."""
    blocks = [_rows_of(block, places) for block in world.draw_events(events, BLOCK)]
    users, items, times = (np.concatenate(part) for part in zip(*blocks, strict=True))
    numbers, rows = np.unique(users, return_inverse=True)
    names = b"u" + np.char.mod("%d", numbers).astype(np.bytes_)
    order = np.argsort(names, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    ones = np.ones(len(items), np.float32)
    return IdIndex(names[order]), Log(place[rows], items, ones, ones, times)


def _rows_of(
    block: pl.DataFrame, places: Places
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    users = block["user_id"].str.strip_prefix("u").cast(pl.Int64).to_numpy()
    keys = block["item_id"].to_numpy().astype(places.ids.keys.dtype)
    rows = np.searchsorted(places.ids.keys, keys).astype(np.int32)
    return users, rows, block["timestamp"].cast(pl.Float64).to_numpy()


def make_models(
    world: World, log: tuple[IdIndex, Log], places: Places, allocate: Allocate
) -> Models:
    """Make all models of a world. ``allocate`` makes the arrays of vectors and neighbours."""
    users, events = log
    n, random = world.items, np.random.default_rng([world.seed, 20])
    popularity = fit_popularity(events, n, float(events.times[-1]), PopularityConfig())
    groups = np.repeat(np.arange(world.groups), np.diff(world.group_starts))[places.item_of_row]
    likes, recent = popularity.liked[-1], popularity.liked[HALF_LIVES.index(30 * DAY)]
    encoding = SegmentEncoding((), (), np.empty((len(users), 0), np.int32))
    shape = len(users), n
    return Models(
        catalogue=make_catalogue(world, places),
        users=build_users(events, users, encoding.codes),
        popularity=popularity,
        segments=fit_segments(events, encoding, n, SegmentsConfig()),
        factors=make_factors(world, groups, recent, random, allocate),
        content=make_content(world, places, random, allocate),
        tables={
            **{
                name: make_table(name, groups, k, random, allocate)
                for name, k in NEIGHBOURS.items()
            },
            "ease": make_table(
                "ease", groups, HEAD_NEIGHBOURS, random, allocate, np.argsort(-likes)[:HEAD]
            ),
            "raters": fit_raters(events, shape, UserCFConfig(), centred=False),
        },
        friends=NO_FRIENDS,
        centred=False,
        visits=fit_visits(events, shape, SessionKNNConfig(pause=np.inf)),
    )


def make_catalogue(world: World, places: Places) -> Catalogue:
    """Make the catalogue, with the titles and categories of the world."""
    n, rows = world.items, places.item_of_row
    titles = pl.concat([block.select("title") for block in world.describe_items(BLOCK)])["title"]
    ordered = titles.gather(rows)
    ends = np.concatenate([[0], np.cumsum(ordered.str.len_bytes().to_numpy())]).astype(np.int64)
    blocks = (ordered[start:stop].to_list() for start, stop in _spans(n))
    utf8 = np.concatenate([np.frombuffer("".join(one).encode(), np.uint8) for one in blocks])
    names = tuple(sorted(f"c{number}" for number in range(CATEGORIES)))
    codes = np.array([names.index(f"c{number}") for number in range(CATEGORIES)])
    own = codes[world.categories[rows]]
    marks = np.zeros((n, CATEGORIES), np.uint8)
    marks[np.arange(n), own] = 1
    lists = TagLists(np.arange(n + 1), own.astype(np.int32), IdIndex.of(names))
    return Catalogue(
        places.ids,
        Texts(ends, utf8),
        marks,
        names,
        (1970.0 + world.released[rows] / SECONDS_PER_YEAR).astype(np.float32),
        np.ones(n, np.bool_),
        np.full(n, -1, np.int32),
        Texts.of([]),
        category_lists=lists,
    )


def make_factors(
    world: World,
    groups: NDArray[np.int64],
    likes: NDArray[np.float64],
    random: Any,
    allocate: Allocate,
) -> Factors:
    """Make vectors that lie near those of an item's group and category.

    Their lengths are those that ALS gives at 10^5 items, and so are the cosines of items of
    different categories, about 0.08.

    Args:
        world: the categories of its groups.
        groups: (n,) of each item.
        likes: (n,) decayed with a half-life of 30 days.
        random: the generator.
        allocate: makes the array.
    """
    d, n = FACTOR_SIZE, len(groups)
    of_category = random.standard_normal((CATEGORIES, d), np.float32) + COMMON
    category = np.repeat(np.arange(CATEGORIES), np.diff(world.category_starts))
    centres = of_category[category] + SPREAD * random.standard_normal((world.groups, d), np.float32)
    items = allocate("factors", np.float32, (n, d))
    gram = np.zeros((d, d), np.float64)
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        noise = random.standard_normal((part.stop - start, d), np.float32)
        block = centres[groups[part]] + SPREAD * noise
        lengths = 0.055 * likes[part] ** 0.72 * random.lognormal(0.0, 0.5, len(noise))
        block *= (lengths / np.linalg.norm(block, axis=1))[:, None].astype(np.float32)
        items[part] = block
        gram += block.T.astype(np.float64) @ block
    return Factors(items, gram.astype(np.float32), 10.0, 50.0, 1.0, int((likes > 0).sum()))


def make_content(world: World, places: Places, random: Any, allocate: Allocate) -> Content:
    """Make unit vectors: the category, and a title near to those of the same group."""
    n, size = world.items, CATEGORIES + TITLE_SIZE
    items = allocate("content", np.float32, (n, size))
    categories = world.categories[places.item_of_row]
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        title = random.standard_normal((part.stop - start, TITLE_SIZE), np.float32)
        items[part, CATEGORIES:] = title / np.linalg.norm(title, axis=1, keepdims=True)
        items[np.arange(part.start, part.stop), categories[part]] = 1.0
        items[part] /= np.float32(np.sqrt(2.0))
    return Content(items)


def make_table(  # noqa: PLR0913, PLR0917 - a table, and where its arrays lie
    name: str,
    groups: NDArray[np.int64],
    k: int,
    random: Any,
    allocate: Allocate,
    chosen: NDArray[np.int64] | None = None,
) -> NeighbourTable:
    """Make a table of ``k`` neighbours from an item's group; only ``chosen`` items have any.

    Weights fall with the rank, as those of a fitted table do.
    """
    n = len(groups)
    order = np.argsort(groups, kind="stable").astype(np.int32)
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    lengths = np.zeros(n, np.int64)
    lengths[slice(None) if chosen is None else chosen] = k
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    rows = allocate(f"{name}.rows", np.int32, (int(indptr[-1]),))
    weights = allocate(f"{name}.weights", np.float32, (int(indptr[-1]),))
    falling = (1.0 / np.arange(2, k + 2)).astype(np.float32)
    for start, stop in _spans(n):
        owners = np.flatnonzero(lengths[start:stop]) + start
        drawn = random.random((len(owners), k), np.float32) * sizes[groups[owners]][:, None]
        rows[indptr[start] : indptr[stop]] = order[
            (starts[groups[owners]][:, None] + drawn.astype(np.int64)).ravel()
        ]
        weights[indptr[start] : indptr[stop]] = np.tile(falling, len(owners))
    return NeighbourTable(indptr, rows, weights)


def _spans(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, BLOCK):
        yield start, min(start + BLOCK, n)
