"""``recfunnel replay``: answer logged requests again, and print what differs."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.bundle.manifest import BundleError
from app.contracts import SLOTS
from app.cpu import Cpu
from app.process.embedded_server import server_url
from app.request_log.answer_record import ARRAY_NAMES, LogEntry, offsets_of
from app.settings import Settings, SettingsError
from app.state.streams import parse_id
from offline.archive.files import archive_folder
from offline.commands.folders import require_service_folder
from offline.data.errors import DataError
from offline.errors import CommandError
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.state_rebuild import StateLostError
from offline.replay_log.stream_reader import StreamReader
from offline.store_client import open_client


class DifferentError(CommandError):
    """A replayed answer differs, although nothing was changed."""


@dataclass(frozen=True, slots=True)
class ReplayCommand:
    """The answers to replay, and the bundle and settings to replay them with."""

    request_id: str | None = None
    last: int | None = None  # number of newest answers; both None: all
    bundle: str | None = None
    changes: Sequence[str] = ()  # key=value

    @property
    def is_same(self) -> bool:
        """True if bundle and settings are those of the logged answer."""
        return self.bundle is None and not self.changes


def replay(settings: Settings, command: ReplayCommand) -> None:
    """Replay answers and print what differs.

    Raises:
        DataError: the log does not have the answer, or the folder is not of a service.
        DifferentError: an answer differs with the same bundle and settings.
    """
    require_service_folder(settings)
    with _replayer(settings) as replayer:
        if command.request_id:
            _replay_one(replayer, command)
        else:
            _replay_many(replayer, command)


@contextmanager
def _replayer(settings: Settings) -> Iterator[RequestReplayer]:
    cpu = Cpu(threads=1)
    try:
        with (
            server_url(settings.redis_url, settings.out) as url,
            open_client(url) as client,
        ):
            reader = StreamReader(client, settings.key_prefix, archive_folder(settings.out))
            with closing(RequestReplayer(settings, reader, cpu)) as replayer:
                yield replayer
    finally:
        cpu.close()


def _replay_one(replayer: RequestReplayer, command: ReplayCommand) -> None:
    entry = replayer.reader.find(command.request_id or "")
    if entry is None:
        raise DataError(
            f"the request log does not have the answer {command.request_id}: it was trimmed, or "
            "served_log is less than 1"
        )
    try:
        replayed = replayer.replay(entry, command.bundle, _change_settings(entry, command.changes))
    except StateLostError as error:
        raise DataError(f"{command.request_id} cannot be replayed: {error}") from error
    _print_differences(entry, replayed)
    if command.is_same and find_differences(entry, replayed):
        raise DifferentError("the replayed answer differs")


def _replay_many(replayer: RequestReplayer, command: ReplayCommand) -> None:
    entries = sorted(
        itertools.islice(replayer.reader.log_entries(), command.last), key=replay_order
    )
    outcomes: Counter[str] = Counter()
    overlaps: list[float] = []
    for entry in track(entries, "Replaying", console=Console(stderr=True)):
        try:
            replayed = replayer.replay(
                entry, command.bundle, _change_settings(entry, command.changes)
            )
        except (StateLostError, BundleError) as error:
            outcomes[f"cannot be replayed: {error}"] += 1
            continue
        differences = find_differences(entry, replayed)
        overlaps.append(compute_overlap(entry, replayed))
        text = f"different: {', '.join(differences)}" if differences else "the same, bit for bit"
        outcomes[text] += 1
    _print_summary(outcomes, overlaps)
    if command.is_same and any(text.startswith("different") for text in outcomes):
        raise DifferentError("replayed answers differ")


def replay_order(entry: LogEntry) -> tuple[Any, ...]:
    """Return a sort key by which the state of each worker only advances."""
    applied = offsets_of(entry).applied if entry.head.get("offsets") else {}
    spans = (parse_id(last) for _, (_, last) in sorted(applied.items()))
    return (entry.head["bundle"], entry.head["worker"], *spans)


def _change_settings(entry: LogEntry, changes: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the settings of the answer with these changes; None without changes.

    Raises:
        SettingsError: a change is not key=value.
    """
    if not changes:
        return None
    settings: dict[str, Any] = orjson.loads(orjson.dumps(entry.head["settings"]))
    for change in changes:
        name, is_set, value = change.partition("=")
        if not is_set:
            raise SettingsError(f"{change} is not key=value: write --set policy.diversity=0.3")
        *path, last = name.split(".")
        at = settings
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise SettingsError(f"{change}: {part} is a value and has no settings of its own")
        at[last] = _value(value)
    return settings


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _print_differences(before: LogEntry, after: LogEntry) -> None:
    console, differences = Console(), find_differences(before, after)
    if not differences:
        console.print(f"The same {len(before.head['items'])} items, bit for bit.")
        return
    kept = f"{compute_overlap(before, after):.0%} of the items are kept."
    console.print(f"Different: {', '.join(differences)}. {kept}")
    table = Table("position", before.head["bundle"], after.head["bundle"], "")
    for number, change in enumerate(compare_positions(before, after), 1):
        style = "" if change.before == change.after else "bold"
        table.add_row(str(number), change.before, change.after, change.remark, style=style)
    console.print(table)


def _print_summary(outcomes: Counter[str], overlaps: Sequence[float]) -> None:
    table = Table("answers", "result")
    for text, n in outcomes.most_common():
        table.add_row(str(n), text)
    console = Console()
    console.print(table)
    if overlaps:
        mean = sum(overlaps) / len(overlaps)
        console.print(f"On average {mean:.1%} of a list's items are kept.")


@dataclass(frozen=True, slots=True)
class PositionChange:
    """One position of the list, before and after."""

    before: str  # item; "" if the list was shorter
    after: str
    remark: str


def find_differences(before: LogEntry, after: LogEntry) -> list[str]:
    """Return what differs in any bit: "items", or names of arrays; empty if nothing does."""
    items = [] if before.head["items"] == after.head["items"] else ["items"]
    return items + [name for name in ARRAY_NAMES if not _is_equal(before, after, name)]


def _is_equal(before: LogEntry, after: LogEntry, name: str) -> bool:
    one, other = before.arrays[name], after.arrays[name]
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def compare_positions(before: LogEntry, after: LogEntry) -> list[PositionChange]:
    """Return the two lists, position by position."""
    old_items = before.head["items"]
    pairs = itertools.zip_longest(old_items, after.head["items"], fillvalue="")
    return [PositionChange(old, new, _remark(new, old_items, after)) for old, new in pairs]


def _remark(item: str, old_items: list[str], after: LogEntry) -> str:
    if not item:
        return "gone"
    at = after.head["items"].index(item)
    slot, score = SLOTS[after.arrays["slots"][at]], float(after.arrays["scores"][at, -1])
    up = old_items.index(item) - at if item in old_items else None
    movement = "new" if up is None else f"{'up' if up > 0 else 'down'} {abs(up)}" if up else ""
    return f"{movement} {slot} {score:.4f}".strip()


def compute_overlap(before: LogEntry, after: LogEntry) -> float:
    """Return the share of items that both lists have."""
    old, new = set(before.head["items"]), set(after.head["items"])
    return len(old & new) / max(len(old), len(new), 1)
