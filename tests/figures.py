"""The figures of reports and comparisons, written by hand, and a reader of their pages."""

from html.parser import HTMLParser

from offline.report.bundle_comparison import BundleComparison, BundleFacts, SharedWindow
from offline.report.glossary import METRICS

STRENGTHS = {  # NDCG@10 of each method
    "funnel": 0.3, "popularity": 0.1, "recency_popularity": 0.2, "item_cf": 0.28, "content": 0.12,
}  # fmt: skip
CHANNELS = ("item_cf", "content")
NOTHING = {"mean": None, "low": None, "high": None}


def interval(low, mean, high) -> dict:
    return {"mean": mean, "low": low, "high": high}


def around(mean, width=0.02) -> dict:
    return interval(mean - width, mean, mean + width)


def band(name, count=40) -> dict:
    """A band of users or items in which the funnel is better than recent popularity."""
    methods = {method: around(strength) for method, strength in STRENGTHS.items()}
    return {"band": name, "count": count, "methods": methods, "lead": around(0.1)}


def new_users(events, gap) -> dict:
    """New users after some events; the funnel's lead over all other methods."""
    others = [name for name in STRENGTHS if name != "funnel"]
    return {
        "events": events, "users": 61, "best_channel": "item_cf",
        "methods": {name: around(0.2) for name in others} | {"funnel": around(0.2 + gap)},
        "differences": {name: around(gap) for name in others},
    }  # fmt: skip


def visit_moment(group, events, gap) -> dict:
    """Requests within visits; the ranking's lead over its best channel."""
    others = [name for name in STRENGTHS if name != "ranking"]
    return {
        "group": group, "events": events, "users": 41, "lists": 97, "best_channel": "item_cf",
        "methods": {name: around(0.2) for name in (*others, "ease")}
        | {"ranking": around(0.2 + gap)},
        "differences": {name: around(gap) for name in (*others, "ease")},
        "stages": [
            {"stage": stage, "ndcg": 0.1875, "oracle_ndcg": 0.8125}
            for stage in ("recall", "coarse", "fine")
        ],
    }  # fmt: skip


def report_figures() -> dict:
    """All figures. The funnel is beaten by item_cf for new users of 3, 5 and 10 events."""
    cuts = {"recall": (0.8, 0.9, 600), "coarse": (0.7, 0.8, 200), "fine": (0.6, 0.7, 100)}
    return {
        "dataset": {
            "name": "Made-up <films>", "users": 943, "items": 900, "interactions": 100_000,
            "first": "1997-09-20", "last": "1998-04-22", "explicit": True, "timed": True,
        },
        "split": {
            "t1": "1998-02-18", "t2": "1998-03-20", "recall_interactions": 70_000,
            "ranker_interactions": 15_000, "test_interactions": 15_000, "test_users": 301,
            "relevant": "rated 4 or more in the test window",
        },
        "evaluated_users": 240,
        "methods": {
            method: {
                f"{name}@{k}": around(strength)
                for name in METRICS if name != "graded_ndcg" for k in (10, 20)
            }
            for method, strength in STRENGTHS.items()
        },
        "differences": {
            name: {"ndcg@10": {
                "difference": around(0.3 - strength), "ratio": around(0.3 / strength)
            }}
            for name, strength in STRENGTHS.items() if name != "funnel"
        },
        "attribution": {
            "k": 10, "room": 0.5,
            "channels": {name: {"own": 0.6, "unique": 0.1, "size": 60.0} for name in CHANNELS},
            "cuts": [
                {"stage": stage, "alive": alive, "oracle_ndcg": oracle, "size": size}
                for stage, (alive, oracle, size) in (cuts | {"final": (0.3, 0.5, 10)}).items()
            ],
        },
        "segments": {
            "history": [band("new user"), band("10-49 events")],
            "popularity": [band("head"), band("tail")],
            "attributes": [{"name": "sex", "bands": [band("f"), band("m")]}],
        },
        "reach": [{"candidates": n, "recall": n / 1_100} for n in (100, 500, 1_000)],
        "policies": [
            {
                "name": name, "ndcg": around(0.3 + price), "price": around(price, 0.001),
                "share": around(price / 0.3, 0.004), "coverage": 0.31, "diversity": 0.6,
            }
            for name, price in (("as served", 0.0), ("without diversity", 0.006))
        ],
        "trade_off": [
            {
                "weight": weight, "default": weight == 0.05, "ndcg": around(0.31 - weight / 5),
                "coverage": 0.3 + weight / 9, "diversity": 0.6 + weight / 4,
            }
            for weight in (0.0, 0.02, 0.05, 0.3)
        ],
        "cold_curve": [
            new_users(events, gap)
            for events, gap in ((0, 0.01), (3, -0.05), (5, -0.06), (10, -0.01))
        ],
        "calibration": [
            {
                "stage": stage, "error": 0.004, "raw_error": raw, "positive_share": 0.08,
                "points": [
                    {"predicted": p / 10, "observed": p / 11, "count": 9} for p in range(10)
                ],
            }
            for stage, raw in (("coarse", 0.47), ("fine", None))
        ],
        "regimes": [
            {
                "name": name, "users": 77,
                "methods": {"funnel": around(0.3), "popularity": around(0.2)},
                "differences": {"popularity": around(0.1)},
            }
            for name in ("as of the cut", "at their own moment")
        ],
        "visits": [
            visit_moment(group, events, 0.01)
            for group in ("warm", "cold")
            for events in (0, 5, None)
        ],
        "features": [
            {"name": f"feature_{i}", "gain": 5_000 / (i + 1), "meaning": f"{i} & what it says",
             "group": ("channel", "crowd", "user")[i % 3]}
            for i in range(30)
        ],
        "constants": [
            {
                "setting": "recall.ease",
                "channel": "ease",
                "default": {"half_life": 2592000.0},
                "best": {"half_life": "inf"},
                "chosen": {"half_life": "inf"},
                "selection": [0.2, 0.25],
                "queries": 300,
                "ndcg": 0.21,
                "gain": {"mean": 0.04, "low": 0.03, "high": 0.05},
                "later_gain": 0.03,
            },
            {
                "setting": "recall.sequence",
                "channel": "sequence",
                "default": {"n_events": 50, "decay": 0.98},
                "best": {"n_events": 50, "decay": 0.98},
                "chosen": {"n_events": 50, "decay": 0.98},
                "selection": [0.2, 0.2],
                "queries": 300,
                "ndcg": None,
                "gain": None,
                "later_gain": None,
            },
        ],
        "coarse": [{"name": f"rank_of_{name}", "weight": 1.2} for name in CHANNELS],
        "timings": [{"phase": "read", "seconds": 0.4, "peak_bytes": 310_000_000}],
        "settings": {"coarse_keep": 200, "fine_keep": 100, "folder": "data", "limit": None},
        "sizes": {"fine ranker": 1_234_567},
        "seeds": {"split": 1, "bootstrap": 1},
        "versions": {"numpy": "2.4.6", "lightgbm": "4.6.0", "faiss-cpu": "1.13.0"},
        "notes": ["Lists are made without an exploration slot: the ranker is measured, not luck."],
    }  # fmt: skip


def facts(version, **changes):
    """The facts of a bundle, with some of them replaced."""
    plain = BundleFacts(
        version=version,
        created="2026-11-24 00:00",
        dataset="cinema <b>",
        data_end="2026-11-23",
        rows={"users": 150, "items": 120, "interactions": 6_000},
        bytes=123_456,
        trees=100,
        gate="passed",
        methods={"funnel": around(0.7), "popularity": around(0.1), "trending": around(0.2)},
        features={"age": 0.6, "taste": 0.4},
        settings={"seed": 7, "recall.als.size": 64},
        seconds={"rows": 3.0},
    )
    return BundleFacts(**(plain | changes))


def window(gap=0.05):
    accuracy = ["ndcg@10", "recall@10", "map@10", "precision@10", "ndcg@20"]

    def figures(mean):
        return {name: around(mean) for name in (*accuracy, "coverage@10", "coverage@20")}

    return SharedWindow(
        cut="2026-11-20",
        users=50,
        a=figures(0.2),
        b=figures(0.2 + gap),
        popularity=figures(0.1),
        differences={name: around(gap, 0.01) for name in accuracy},
    )


def comparison(warm=None, cold=None, **b) -> BundleComparison:
    return BundleComparison(
        a=facts("v1"), b=facts("v2", **b), warm=warm, cold=cold, notes=["Note <i>."]
    )


class Page(HTMLParser):
    """Checks that every element is closed, and collects tags, links and text."""

    VOID = frozenset({"meta", "br", "use", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.words, self.tags = [], [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self):
        return " ".join(self.words)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "xlink:href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
