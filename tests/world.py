"""One small world for the tests: made-up users who each like one taste, as files of data."""

from dataclasses import dataclass

import numpy as np

USERS, ITEMS, RATINGS, DAYS = 150, 120, 6_000, 200
START = 900_000_000  # unix seconds
TASTES = ("action", "comedy", "drama", "horror", "war")
FIRST = ("Night", "Star", "King", "City", "Blue", "River", "Last", "Return", "Glass", "Iron")
SECOND = ("of Love", "at War", "Rising", "in Rome", "Forever", "and Sons", "Express")


@dataclass(frozen=True)
class World:
    """Ratings of users who each like one taste; some items are everybody's, some are a trend."""

    users: np.ndarray
    items: np.ndarray
    stars: np.ndarray
    times: np.ndarray


def world(seed=0, users=USERS, items=ITEMS, ratings=RATINGS) -> World:
    random = np.random.default_rng(seed)
    likes = np.arange(users)[:, None] % len(TASTES) == np.arange(items)[None] % len(TASTES)
    popular = 1.0 / (8.0 + random.permutation(items))
    odds = popular * np.where(likes, 10.0, 1.0) * random.gamma(2.0, 1.0, (users, 1))
    chosen = random.choice(users * items, ratings, replace=False, p=(odds / odds.sum()).ravel())
    who, what = chosen // items, chosen % items
    stars = np.clip(np.round(2.4 + 1.8 * likes[who, what] + random.normal(0, 0.8, ratings)), 1, 5)
    days = np.where(what % 7 == 3, 0.6 + 0.4 * random.random(ratings), random.random(ratings))
    times = START + (days * DAYS * 86_400).astype(np.int64)
    return World(who, what, stars.astype(int), times)


def lines(header, rows):
    return "\n".join(["\t".join(header), *("\t".join(map(str, row)) for row in rows)]) + "\n"


def write_recbole(folder, made: World, *, timed=True, items=True, users=True, plays=False):
    """Write the world as RecBole's atomic files; without what is said to be absent."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [[f"u{u}" for u in made.users], [f"i{i}" for i in made.items]]
    header = ["user_id:token", "item_id:token"]
    if plays:
        header.append("weight:float")
        columns.append((made.stars**3 * 7).tolist())
    else:
        header.append("rating:float")
        columns.append(made.stars.tolist())
    if timed:
        header.append("timestamp:float")
        columns.append(made.times.tolist())
    (folder / "cinema.inter").write_text(lines(header, zip(*columns, strict=True)))
    if items:
        header = ["item_id:token", "movie_title:token_seq", "release_year:token"]
        rows = [
            (
                f"i{i}",
                f"{FIRST[i % len(FIRST)]} {SECOND[i % len(SECOND)]}",
                1960 + i * 13 % 38,
                f"{TASTES[i % len(TASTES)]} {'short' if i % 9 == 0 else 'long'}",
            )
            for i in range(made.items.max() + 1)
        ]
        (folder / "cinema.item").write_text(lines([*header, "class:token_seq"], rows))
    if users:
        header = ["user_id:token", "age:token", "gender:token", "occupation:token"]
        rows = [
            (f"u{u}", 18 + u * 7 % 50, "FM"[u % 2], ("cook", "nurse", "judge")[u % 3])
            for u in range(made.users.max() + 1)
        ]
        (folder / "cinema.user").write_text(lines(header, rows))
    return folder


def seen_by(user):
    """The ids of what a user rated."""
    made = world()
    return {f"i{i}" for i in made.items[made.users == int(user.removeprefix("u"))]}
