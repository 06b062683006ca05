"""``recfunnel replay``: answers a logged request again, and says what is not the same."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import redis
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.bundle.manifest import BundleError
from app.cpu import Cpu
from app.process.embedded_server import server_url
from app.request_log.answer_record import offsets_of
from app.request_log.entry_codec import LogEntry
from app.settings import Settings, SettingsError
from offline.commands.archive import folder_of
from offline.data.errors import DataError
from offline.replay_log.differences import DifferentError, differing, overlap, places
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.state_rebuild import StateLostError
from offline.replay_log.stream_reader import StreamReader


@dataclass(frozen=True, slots=True)
class ReplayCommand:
    """What to run again, and against what."""

    request_id: str | None = None
    last: int | None = None  # so many of the newest; both None: all
    bundle: str | None = None
    changes: Sequence[str] = ()  # key=value

    @property
    def is_same(self) -> bool:
        """Say whether the same bundle is asked under the same settings."""
        return self.bundle is None and not self.changes


def replay(settings: Settings, question: ReplayCommand) -> None:
    """Run again and print what differs.

    Raises:
        DataError: there is no such answer in the log.
        DifferentError: under the same bundle and settings something differs.
    """
    with _reruns(settings) as reruns:
        if question.request_id:
            _one(reruns, question)
        else:
            _many(reruns, question)


@contextmanager
def _reruns(settings: Settings) -> Iterator[RequestReplayer]:
    cpu = Cpu(threads=1)
    try:
        with server_url(settings.redis_url, settings.out) as url, redis.Redis.from_url(url) as link:
            tape = StreamReader(link, settings.key_prefix, folder_of(settings))
            with closing(RequestReplayer(settings, tape, cpu)) as reruns:
                yield reruns
    finally:
        cpu.close()


def _one(reruns: RequestReplayer, question: ReplayCommand) -> None:
    entry = reruns.tape.find(question.request_id or "")
    if entry is None:
        raise DataError(
            f"there is no answer {question.request_id} in the served log: it was trimmed, or "
            "served_log is less than 1"
        )
    try:
        again = reruns.run(entry, question.bundle, _changed(entry, question.changes))
    except StateLostError as error:
        raise DataError(f"{question.request_id} cannot be run again: {error}") from error
    _tell(entry, again)
    if question.is_same and differing(entry, again):
        raise DifferentError("the answer came out different")


def _many(reruns: RequestReplayer, question: ReplayCommand) -> None:
    entries = sorted(itertools.islice(reruns.tape.served(), question.last), key=_order)
    outcomes: Counter[str] = Counter()
    kept: list[float] = []
    for entry in track(entries, "Running again", console=Console(stderr=True)):
        try:
            again = reruns.run(entry, question.bundle, _changed(entry, question.changes))
        except (StateLostError, BundleError) as error:
            outcomes[f"cannot be run again: {error}"] += 1
            continue
        found = differing(entry, again)
        kept.append(overlap(entry, again))
        outcomes["the same, bit for bit" if not found else f"different: {', '.join(found)}"] += 1
    _sum_up(outcomes, kept)
    if question.is_same and any(what.startswith("different") for what in outcomes):
        raise DifferentError("answers came out different")


def _order(entry: LogEntry) -> tuple[Any, ...]:
    """Order answers so that a worker's state only goes on."""
    standing = entry.head.get("standing")
    known = offsets_of(entry).applied if standing else {}
    spans = (tuple(map(int, last.split("-"))) for _, (_, last) in sorted(known.items()))
    return (entry.head["bundle"], entry.head["worker"], *spans)


def _changed(entry: LogEntry, changes: Sequence[str]) -> Mapping[str, Any] | None:
    """Give the settings of the answer with some changed; None without a change.

    Raises:
        SettingsError: a change is not key=value.
    """
    if not changes:
        return None
    settings: dict[str, Any] = orjson.loads(orjson.dumps(entry.head["settings"]))
    for change in changes:
        name, is_set, value = change.partition("=")
        if not is_set:
            raise SettingsError(f"{change} is no change: write --set policy.diversity=0.3")
        *path, last = name.split(".")
        at = settings
        for part in path:
            at = at.setdefault(part, {})
        at[last] = _value(value)
    return settings


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _tell(was: LogEntry, now: LogEntry) -> None:
    console, found = Console(), differing(was, now)
    if not found:
        console.print(f"The same {len(was.head['items'])} items, bit for bit.")
        return
    console.print(f"Different: {', '.join(found)}. {overlap(was, now):.0%} of the items are kept.")
    table = Table("place", was.head["bundle"], now.head["bundle"], "")
    for at, place in enumerate(places(was, now), 1):
        style = "" if place.was == place.now else "bold"
        table.add_row(str(at), place.was, place.now, place.told, style=style)
    console.print(table)


def _sum_up(outcomes: Counter[str], kept: Sequence[float]) -> None:
    table = Table("answers", "came out")
    for what, n in outcomes.most_common():
        table.add_row(str(n), what)
    console = Console()
    console.print(table)
    if kept:
        console.print(f"On average {sum(kept) / len(kept):.1%} of a list's items are kept.")
