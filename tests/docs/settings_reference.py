"""Builds the page of settings and the table of policies from their declarations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from app.observe.tracing_settings import TracingSettings
from app.rerank.policies import POLICIES, SceneSettings
from app.settings import DEFAULT_CHECKPOINTS_MS, Settings

STAGES = {
    "history": "limit of the read of the user's live events, from when it is sent",
    "recall": "limit of a channel that reads the store, from when it begins",
    "coarse": "start the coarse ranking",
    "fine": "start the fine ranking",
    "rerank": "start to build the slate",
}
HEAD = """# Settings

Each setting is an environment variable `RECFUNNEL_<NAME>`, or a line of `recfunnel.toml` in the
working directory. The command line wins over the environment, and the environment over the file. A
nested setting has two underscores in the environment and a table in the file:

    RECFUNNEL_POLICY__DIVERSITY=0.1          [policy]
                                             diversity = 0.1

An unknown name in the file, or a value out of bounds, stops the start with a sentence.
"""
CHECKPOINTS = """
## `checkpoints_ms`

`history` and `recall` limit how long a request waits for the store. The others are checkpoints,
counted from when the turn of the request to compute comes: past its checkpoint a ranking stage is
not started. Time that one stage saves can be used by the next. The history and the channels in
memory have no checkpoint. [Overload](../concepts/overload.md) says how long a request waits for its
turn at most.
"""
POLICY = """
## `policy`

`recfunnel train` evaluates the funnel with the same policy. The page on
[policies](../guides/policies.md) describes what each policy does.
"""
TRACING = """
## `tracing`

The guide on [traces](../guides/tracing.md) says what is in them and what they cost.
"""
ORDER = """
The default order is {order}. Hard filters, caps and backfill always hold, whatever the order.
"""


def settings_page() -> str:
    """Return the page of all settings as Markdown."""
    checkpoints = [
        (f"checkpoints_ms.{stage}", f"{ms:g}", STAGES[stage])
        for stage, ms in DEFAULT_CHECKPOINTS_MS.items()
    ]
    described: Mapping[str, FieldInfo] = SceneSettings.__pydantic_fields__  # type: ignore[attr-defined]
    policy = [(f"policy.{name}", *cells) for name, *cells in _rows(described)]
    tracing = [(f"tracing.{name}", *cells) for name, *cells in _rows(TracingSettings.model_fields)]
    order = ", ".join(f"`{name}`" for name in SceneSettings().order)
    return "".join(
        [
            HEAD,
            _table(("setting", "default", "what it does"), _rows(Settings.model_fields)),
            CHECKPOINTS,
            _table(("setting", "default", "stage"), checkpoints),
            POLICY,
            _table(("setting", "default", "what it does"), policy),
            ORDER.format(order=order),
            TRACING,
            _table(("setting", "default", "what it does"), tracing),
        ]
    )


def policies_table() -> str:
    """Return the table of all policies as Markdown, in their default order."""
    rows = [
        (policy.name, policy.apply.__module__.replace(".", "/") + ".py", policy.summary)
        for policy in POLICIES
    ]
    return _table(("policy", "file", "what it does"), rows)


def _rows(described: Mapping[str, FieldInfo]) -> Iterator[tuple[str, str, str]]:
    for name, field in described.items():
        default = field.get_default(call_default_factory=True)
        yield name, _default(name, default), str(field.description)


def _default(name: str, value: Any) -> str:
    if name in {"checkpoints_ms", "policy", "order", "tracing"}:
        return "below"
    return "none" if value is None else f"{value}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, value, text in rows:
        cell = value if value in {"below", "none"} else f"`{value}`"
        lines.append(f"| `{name}` | {cell} | {text} |")
    return "\n" + "\n".join(lines) + "\n"


def with_table(page: str, table: str) -> str:
    """Return a page whose first table is replaced by ``table``."""
    return re.sub(r"\n(\|[^\n]*\n)+", lambda _: table, page, count=1)
