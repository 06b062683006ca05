"""The versions of the rules in Redis, and how every worker follows them.

They are one stream, and each entry is a version, whose number is its id: ``3-0`` is version 3. The
newest entry is in force; the others are the history. Every worker reads the stream, applies what is
new at once, and confirms it; see ``app.state.confirmations``.

A worker that cannot read a version, such as one that a newer release has written, goes on with the
last one that it could read. Versions that a server has lost are written again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from app.contracts import StageError, UnknownOutcomeError
from app.rerank.rules import NO_RULES, Rules, ScenePolicies
from app.rules.rule_version import NO_VERSION, RuleVersion, UnreadableRulesError
from app.state.confirmations import WORKER_TIMEOUT, Confirmations
from app.state.kept_file import keep_written, kept_path
from app.state.refused_writes import WriteRefusedError
from app.state.store import Store
from app.state.streams import StreamEntry, follow_streams

log = logging.getLogger(__name__)

MAX_VERSIONS = 100  # that the stream keeps
READ_TIMEOUT = 10.0  # seconds for one read, the block or the whole history included
MAX_PAUSE = 1.0  # seconds between two attempts while the server fails
STREAM_START = b"0-0"
# KEYS: the stream. ARGV: the number of the version that must be the newest ("": any lower one), the
# number and the text of the new one, and how many the stream keeps. Returns the newest number.
COMPARE_AND_ADD = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local number = newest and tonumber(string.match(newest[1], '^%d+')) or 0
if ARGV[1] ~= '' and number ~= tonumber(ARGV[1]) or number >= tonumber(ARGV[2]) then
  return number
end
redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[4], ARGV[2] .. '-0', 'e', ARGV[3])
return tonumber(ARGV[2])
"""


class RulesConflictError(Exception):
    """Others have saved a version meanwhile."""

    def __init__(self, newest: RuleVersion) -> None:
        super().__init__(f"version {newest.number} was saved meanwhile")
        self.newest = newest


def rules_key(prefix: str) -> str:
    """Return the key of the stream of versions."""
    return f"{prefix}:{{rules}}:log"


def rules_path(folder: Path, prefix: str, redis_url: str) -> Path:
    """Return the path of the file that has the rules for a start without Redis."""
    return kept_path(folder, prefix, redis_url, "rules.json")


async def read_policies(store: Store, prefix: str, base: ScenePolicies) -> ScenePolicies:
    """Return the policies that a service has now, without following them.

    Args:
        store: has the rules.
        prefix: of the service's keys.
        base: the policies of the settings.

    Raises:
        StageError: the store does not answer.
        UnreadableRulesError: this release cannot read the newest version.
    """
    entries = await store.command("XREVRANGE", rules_key(prefix), "+", "-", "COUNT", 1)
    version = RuleVersion.of_entry(entries[0]) if entries else NO_VERSION
    try:
        return version.read_rules().apply(base, version.number)
    except UnreadableRulesError as error:
        raise UnreadableRulesError(
            f"this release cannot read version {version.number} of the rules ({error}): update it, "
            "or save the rules again"
        ) from None


class RuleStore:
    """One worker's copy of the rules, and the policies that follow from them. ``run`` it as a task.

    The event loop calls a listener with the policies when it subscribes, then with each change.
    """

    def __init__(
        self, store: Store, prefix: str, base: ScenePolicies, worker_timeout: float = WORKER_TIMEOUT
    ) -> None:
        """Begin with the policies of the settings, ``base``."""
        self.base = base
        self.policies = base  # in force now
        self.version = NO_VERSION  # in force now
        self.rules = NO_RULES  # of ``version``
        self.newest = NO_VERSION  # of the store; another one if it cannot be read here
        self.loaded = asyncio.Event()  # set once the store has been read
        self.changed = asyncio.Event()  # set when the content of the file has changed
        self.workers = Confirmations(store, f"{prefix}:{{rules}}:workers", worker_timeout)
        self._fault = ""  # why ``newest`` cannot be read; "": it can
        self._is_preloaded = False
        self._store = store
        self._key = rules_key(prefix)
        self.offsets = {self._key.encode(): STREAM_START}
        self._listeners: list[Callable[[ScenePolicies], None]] = []

    @property
    def is_known(self) -> bool:
        """False while the rules are not known, and the settings alone are in force."""
        return self.loaded.is_set() or self._is_preloaded

    @property
    def refusal(self) -> str:
        """Why the newest version is not in force, and what to do; "": it is."""
        if not self._fault:
            return ""
        return (
            f"version {self.newest.number} of the rules cannot be read by this release "
            f"({self._fault}): version {self.version.number} stays in force. Update this service, "
            "or save the rules again"
        )

    @property
    def alerts(self) -> list[str]:
        """A sentence for each thing that is wrong, with what to do."""
        alerts = []
        if not self.is_known:
            alerts.append(
                "the rules are not known, because Redis has not answered since the start and no "
                "file has them: the policies of the settings alone are in force"
            )
        elif not self.loaded.is_set():
            number = self.version.number
            in_force = f"version {number} of the rules is in force" if number else "no rules are"
            alerts.append(
                f"Redis has not answered since the start: {in_force}, as a file of an earlier "
                "worker has it"
            )
        if self.refusal:
            alerts.append(self.refusal)
        return alerts

    def subscribe(self, listener: Callable[[ScenePolicies], None]) -> None:
        """Call the listener with the policies, now and whenever they change."""
        listener(self.policies)
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[ScenePolicies], None]) -> None:
        self._listeners.remove(listener)

    def preload(self, path: Path) -> None:
        """Read the file of an earlier worker, for a start without Redis.

        The file of a service with another Redis is not read: its rules may be for other lists.
        """
        if not path.exists():
            return
        try:
            number, text = path.read_bytes().split(b"\n", 1)
            version = RuleVersion.of_entry((b"%d-0" % int(number), [b"e", text]))
            if version.number > self.version.number:
                self._put_into_force(version)
            self._is_preloaded = True
        except (OSError, ValueError, UnreadableRulesError) as error:
            log.warning("the file of the rules cannot be read: %s", error)

    async def keep_written(self, path: Path) -> None:
        """Write the file whenever another version is in force, until cancelled."""

        def content() -> bytes:
            return b"%d\n%s" % (self.version.number, self.version.to_bytes())

        risk = "a start without Redis would not know the rules"
        await keep_written(path, self.changed, content, risk)

    async def history(self, limit: int) -> list[RuleVersion]:
        """Return the newest versions that the store has, newest first."""
        return await self._read(self._store, limit)

    async def find(self, number: int) -> RuleVersion | None:
        """Return a version; None if the store does not have it, or no longer."""
        name = b"%d-0" % number
        entries = await self._store.command("XRANGE", self._key, name, name)
        return RuleVersion.of_entry(entries[0]) if entries else None

    async def save(
        self,
        rules: Rules,
        expected: int,
        author: str,
        note: str,
        restored: int | None = None,
    ) -> RuleVersion:
        """Store a new version, and return it.

        The same change that is sent again, because nobody knew whether it was stored, is stored
        once: the version of the first time is returned.

        Args:
            rules: all of them.
            expected: number of the version that was changed: the newest one.
            author: who changes it.
            note: what it is for.
            restored: the version whose rules these are.

        Raises:
            RulesConflictError: another version is the newest.
            UnknownOutcomeError: the store may have stored it.
            StageError: the store did not store it.
        """
        new = RuleVersion(expected + 1, author, time(), note, restored, rules.to_json())
        number = await self._add(self._store, str(expected), new)
        if number < expected == self.version.number:  # the server has lost what is in force
            await self._add(self._store, "", self.version)
            number = await self._add(self._store, str(expected), new)
        try:
            stored = await self.find(number) if number else NO_VERSION
        except StageError as error:
            raise UnknownOutcomeError(*error.args) from None
        if stored is None or not stored.is_same_change(new):
            raise RulesConflictError(stored or RuleVersion(number))
        return stored

    async def run(self) -> None:
        """Follow the versions until cancelled; failures of the server are logged and retried."""
        await follow_streams(self._store, self, read_timeout=READ_TIMEOUT, max_pause=MAX_PAUSE)

    async def prepare(self, connection: Store) -> None:
        """Read the newest version; write again the one in force if the server has lost it."""
        await self.workers.confirm(connection, STREAM_START)
        versions = await self._read(connection, 1) or [NO_VERSION]
        if versions[0].number < self.version.number:
            log.error(
                "Redis at %s has version %d of the rules, has lost later ones, or is another "
                "server: version %d, which is in force, is written again",
                connection.address,
                versions[0].number,
                self.version.number,
            )
            with suppress(WriteRefusedError):  # tried again after the next failure
                await self._add(connection, "", self.version)
                versions = await self._read(connection, 1) or versions
        self._apply(versions[0])
        if self._fault:  # a version before it may be newer than the one in force here
            await self._apply_last_readable(connection)
        self._log_refusal()
        self.offsets[self._key.encode()] = versions[0].stream_id
        await self.workers.confirm(connection, self.version.stream_id)
        if not self.loaded.is_set():
            self.loaded.set()
            self.changed.set()

    def apply_stream(self, _key: bytes, entries: Sequence[StreamEntry]) -> None:
        for entry in entries:  # all: the last one that can be read is in force
            self._apply(RuleVersion.of_entry(entry))
        self._log_refusal()

    async def after_read(self, connection: Store, _longest: int) -> None:
        """Confirm what is in force. A server that was emptied gets it again."""
        if self.version.number and not await connection.command("XLEN", self._key):
            await self.prepare(connection)
        await self.workers.confirm(connection, self.version.stream_id)

    def record_failure(self, error: StageError) -> None:
        log.warning("the rules cannot be followed now: %s", error)

    async def _read(self, connection: Store, limit: int) -> list[RuleVersion]:
        entries = await connection.command("XREVRANGE", self._key, "+", "-", "COUNT", limit)
        return [RuleVersion.of_entry(entry) for entry in entries]

    async def _add(self, connection: Store, expected: str, new: RuleVersion) -> int:
        """Add a version; return the number of the newest, which is another one at a conflict."""
        values = (expected, new.number, new.to_bytes(), MAX_VERSIONS)
        return int(await connection.command("EVAL", COMPARE_AND_ADD, 1, self._key, *values))

    async def _apply_last_readable(self, connection: Store) -> None:
        """Bring the newest version into force that can be read, if it is a later one."""
        for version in await self._read(connection, MAX_VERSIONS):
            if version.number <= self.version.number:
                return
            with suppress(UnreadableRulesError):
                self._put_into_force(version)
                return

    def _apply(self, version: RuleVersion) -> None:
        """Bring the newest version into force, unless it cannot be read."""
        self.newest, self._fault = version, ""
        try:
            self._put_into_force(version)
        except UnreadableRulesError as error:
            self._fault = str(error)

    def _log_refusal(self) -> None:
        if self._fault:
            log.error("rules refused: %s", self.refusal)

    def _put_into_force(self, version: RuleVersion) -> None:
        """Replace the policies of all scenes at once.

        Raises:
            UnreadableRulesError: this release cannot read the version.
        """
        if version == self.version:
            return
        rules = version.read_rules()
        policies = rules.apply(self.base, version.number)
        self.version, self.rules, self.policies = version, rules, policies
        self.changed.set()
        log.info("version %d of the rules is in force", version.number)
        for listener in self._listeners:
            listener(policies)
