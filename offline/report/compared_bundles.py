"""What is laid side by side: each bundle as it says of itself, and both as the test sees them."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.bundle.manifest import Manifest
from app.features.views import FINE_VIEW, column_names
from app.rank.kinds import describe_rankers, read_rankers
from offline.evaluate.baselines import popular_lists, popularity_order
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.holdout import Holdout
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets
from offline.report.bundle_comparison import BundleFacts, SharedWindow

LONGEST = 20


def shared_window(
    exam: Holdout, lists: list[Lists], members: NDArray[np.bool_]
) -> SharedWindow | None:
    """Judge the lists of ``a`` and ``b`` for some of the users; None where there are none."""
    chosen = np.flatnonzero(members)
    if not len(chosen):
        return None
    models, rows = exam.models, [exam.users[at].user for at in chosen]
    seen = RowSets.of([models.users.history(row).rows for row in rows])
    popular = popular_lists(popularity_order(models.popularity), seen, LONGEST)
    a, b = (one[chosen] for one in lists)
    content = models.content.items if models.content.items.any() else None
    found = compare_methods(
        {"funnel": b, "a": a, "popularity": popular},
        exam.relevant.take(chosen),
        ItemBackground(models.popularity.counts[-1], content),
        exam.seed,
    )
    methods = found["methods"]
    return SharedWindow(
        cut=_date(exam.cut),
        users=found["evaluated_users"],
        a=methods["a"],
        b=methods["funnel"],
        popularity=methods["popularity"],
        differences={name: d["difference"] for name, d in found["differences"]["a"].items()},
    )


def bundle_facts(folder: Path, manifest: Manifest) -> BundleFacts:
    """Collect what a bundle says of itself."""
    _, fine = describe_rankers(read_rankers(folder, manifest.rankers), manifest.rankers)
    return BundleFacts(
        version=manifest.version,
        made=_date(manifest.created, "%Y-%m-%d %H:%M"),
        dataset=manifest.dataset,
        data_end=_date(manifest.data_end),
        rows=manifest.rows,
        bytes=sum(fact.bytes for fact in manifest.files.values()),
        trees=fine.trees,
        gate=manifest.gate.verdict if manifest.gate else "-",
        methods=manifest.metrics.get("ndcg@10", {}),
        features={name: fine.columns.get(name, 0.0) for name in column_names(FINE_VIEW)},
        settings={**manifest.settings, **asdict(manifest.sizes), "seed": manifest.seed},
        seconds=manifest.seconds,
    )


def _date(time: float, form: str = "%Y-%m-%d") -> str:
    return datetime.fromtimestamp(time, UTC).strftime(form)
