"""Explain why a list is shorter than the caller wanted."""

import numpy as np

from app.contracts import Rows
from app.explain import EXCLUSION_REASONS, attribute_exclusions, filter_reason
from app.service.answering import Answer

MAX_COUNTED = 20_000  # available items that are looked at for the note: half a millisecond


def short_list_note(answer: Answer) -> str | None:
    """Return a sentence with how many items each rule left out; None for a whole list.

    An item counts for the first rule that leaves it out.
    """
    n, k = len(answer.item_ids), answer.record.k
    if n >= k:
        return None
    start = f"the list has {n:,} of {k:,} items"
    available = np.flatnonzero(answer.deployment.live_items.catalogue.available)
    if not len(available):
        return f"{start}: no item is available"
    if len(available) > MAX_COUNTED:
        return f"{start}: explain=true names what left out the others"
    counts = _left_out(answer, available)
    named = ", ".join(f"{name} {count:,} ({reason})" for name, count, reason in counts)
    return f"{start}: of {len(available):,} available ones, there are left out by {named or 'none'}"


def _left_out(answer: Answer, rows: Rows) -> list[tuple[str, int, str]]:
    """Return each rule that leaves out any of these items, how many, and why."""
    run, deployment = answer.run, answer.deployment
    query = run.query
    requested = answer.record.exclusions(deployment.bundle)
    masks = {
        name: (mask, EXCLUSION_REASONS[name])
        for name, mask in attribute_exclusions(query, answer.policy, requested, rows).items()
    }
    for each in query.filters:
        masks[each.name] = (~each.allows(rows), filter_reason(each.name))
    counts, removed = [], np.zeros(len(rows), np.bool_)
    for name, (mask, reason) in masks.items():
        if count := int(np.count_nonzero(mask & ~removed)):
            counts.append((name, count, reason))
        removed |= mask
    caps = ((name, count, "a cap of the scene") for name, count in run.slate.rejections().items())
    return counts + [each for each in caps if each[1]]
