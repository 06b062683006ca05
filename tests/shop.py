"""A shop made of ratings, for want of public data with event types that is small and free.

``python -m tests.shop data/ml-100k shop`` writes a folder that ``recfunnel train`` reads: 1 and 2
stars become a view, 3 a click, 4 a like, and 5 a purchase at a price that each item has. What
people liked is as in MovieLens; that prices have nothing to do with taste is made up.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl

from offline.data.dataset import Dataset
from offline.data.readers import load_dataset

EVENTS = np.array(["", "view", "view", "click", "like", "purchase"])  # by stars
CHEAPEST, DEAREST = 2.0, 200.0


def prices(n, seed=0):
    """A price of each item, spread evenly over orders of magnitude."""
    spread = np.random.default_rng(seed).random(n)
    return np.round(CHEAPEST * (DEAREST / CHEAPEST) ** spread, 2)


def write_shop(rated: Dataset, folder: Path) -> Path:
    """Write ``events.csv`` and ``items.csv`` of what was rated; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    log, catalogue = rated.log, rated.catalogue
    stars, price = log.values.astype(int), prices(len(catalogue))
    events = pl.DataFrame(
        {
            "user_id": rated.users.names(log.users),
            "item_id": catalogue.ids.names(log.items),
            "event": EVENTS[stars].tolist(),
            "value": [price[i] if s == 5 else None for i, s in zip(log.items, stars, strict=True)],
            "timestamp": log.times.astype(np.int64),
        }
    )
    events.write_csv(folder / "events.csv")
    names = np.array(catalogue.category_names)
    items = pl.DataFrame(
        {
            "item_id": catalogue.ids.names(np.arange(len(catalogue))),
            "title": catalogue.titles.tolist(),
            "categories": ["|".join(names[flags == 1]) for flags in catalogue.categories],
            "released": [None if np.isnan(y) else str(int(y)) for y in catalogue.released],
            "price": price,
        }
    )
    items.write_csv(folder / "items.csv")
    return folder


if __name__ == "__main__":
    write_shop(load_dataset(Path(sys.argv[1])).dataset, Path(sys.argv[2]))
