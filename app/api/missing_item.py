"""Why an item is not in a list, as JSON: rows become public ids here."""

from typing import Any

import numpy as np

from app.bundle.bundle import Bundle
from app.catalogue.ids import IdIndex
from app.explain.missing_item import MissingItem
from app.funnel import Funnel, Slate
from app.request_log.request_record import RequestRecord


def explain_missing(
    bundle: Bundle, funnel: Funnel, slate: Slate, asked: RequestRecord, item: str
) -> dict[str, Any]:
    """Say what became of an item in a slate; other items by their public ids."""
    ids = bundle.models.catalogue.ids
    row = int(ids.rows([item])[0])
    verdict = MissingItem(funnel, slate, row, asked.exclusions(bundle)).explain()
    facts = {
        name.removesuffix("_row"): _named(ids, value) if name.endswith("_row") else value
        for name, value in verdict.facts.items()
    }
    lost = facts.get("lost_to")
    reason = verdict.reason + (f": {lost}" if lost else "")
    return {"item_id": item, "stage": verdict.stage, "reason": reason, **facts}


def _named(ids: IdIndex, row: int | None) -> str | None:
    return None if row is None else str(ids.names(np.array([row]))[0])
