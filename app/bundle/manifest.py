"""The manifest of a bundle, and the check that its files are those that were published."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from app.artifacts import DAY, Sizes
from app.bundle.pointer import POINTER
from app.catalogue.attributes import ColumnKind
from app.event_weights import EventWeights
from app.features.views import view_hash
from app.rank.scorer import RankerKinds
from app.recall.channel import ChannelConfig
from app.recall.registry import ChannelError, read_channel_configs

ARCHIVE_NAME = "archive"  # of a data set that is the archive of events alone
FORMAT_VERSION = 4  # 1: until the rankers were named by kind
FORMAT_WITHOUT_TAG_LISTS = 2  # it has the frequent categories and flags alone, and is still read
FORMAT_WITHOUT_CHECKSUM = 3  # the newest format whose manifest has no checksum; it is still read
READABLE_FORMATS = range(FORMAT_WITHOUT_TAG_LISTS, FORMAT_VERSION + 1)
MANIFEST = "manifest.json"
CHECKSUM = "manifest.sha256"  # of the manifest's bytes, as ``sha256sum`` writes and checks it


class BundleError(Exception):
    """A bundle must not be served. The text names the file and what to do."""


CheckOutcome: TypeAlias = Literal["passed", "failed", "unclear", "skipped"]
# With or without a history at the test's start, at its start or in the middle of a visit.
UserGroup: TypeAlias = Literal["warm", "cold", "warm_visit", "cold_visit"]


class FileRecord(BaseModel):
    """The size and digest of a file as it was published."""

    model_config = ConfigDict(frozen=True)
    bytes: int
    sha256: str


class GateCheck(BaseModel):
    """One comparison of the gate: is the funnel worse than this baseline?"""

    model_config = ConfigDict(frozen=True)
    baseline: str  # "popularity", a channel, "in service"
    users: UserGroup
    user_count: int
    outcome: CheckOutcome
    funnel_ndcg: float | None = None  # NDCG@10
    baseline_ndcg: float | None = None
    difference: float | None = None  # funnel less baseline
    low: float | None = None  # 95 % interval of the difference
    high: float | None = None
    explanation: str  # one sentence


class GateResult(BaseModel):
    """The verdict of the gate on a bundle, and the comparisons that led to it."""

    model_config = ConfigDict(frozen=True)
    verdict: Literal["passed", "refused", "forced"]
    margin: float  # relative: how much worse than the bundle in service is allowed
    min_users: int  # with fewer users a check is skipped
    checks: list[GateCheck]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def forced(self) -> bool:
        """True if the bundle is published although a check failed."""
        return self.verdict == "forced"

    @property
    def failed_checks(self) -> list[GateCheck]:
        return [check for check in self.checks if check.outcome == "failed"]


class IndexFacts(BaseModel):
    """How an index of vectors that is not exact searches, and what it finds."""

    model_config = ConfigDict(frozen=True)
    type: str  # class of FAISS, or CellIndex
    recall: float  # share of the first 300 exact results that are among its first 300
    cells: int | None = None  # None: it has no cells
    probed: int | None = None  # cells that a query searches


class _Format(BaseModel):
    """The one field that every format of a manifest has."""

    format: int


class Manifest(BaseModel):
    """The description of a bundle. It lists all files but itself and its checksum."""

    model_config = ConfigDict(frozen=True)
    format: int
    version: str
    created: float  # unix seconds, wall clock
    data_end: float  # unix seconds, time of the last interaction
    time_shift: float  # seconds: wall clock less data clock; not 0 for historical data
    dataset: str
    rows: dict[str, int]
    view: str  # fingerprint of the feature views
    positive_at: float
    type_weights: dict[str, float | str]  # a number, or a formula of the value
    explicit: bool  # values are ratings
    rankers: RankerKinds  # which codec reads the ranker of each stage
    sizes: Sizes
    channels: dict[str, dict[str, Any]] = {}  # config of each channel; one not named: its defaults
    category_names: list[str]  # the frequent ones
    flag_names: list[str] = []  # policy flags; format 2 only
    attributes: dict[str, ColumnKind] = {}  # kind of each item attribute, by name
    segment_names: list[str]
    segment_labels: list[list[str]]
    segment_prior: float = 0.0  # likes, see ``Segments``
    tables: list[str]
    centred: bool  # whether the table "raters" holds ratings less the user's mean
    factors: dict[str, float]
    popularity_at: float
    seed: int
    libraries: dict[str, str]
    metrics: dict[str, Any]
    files: dict[str, FileRecord]
    indexes: dict[str, IndexFacts] = {}  # by space of vectors; those that are exact are left out
    rankers_end: float | None = None  # unix seconds; the rankers learned from events before
    settings: dict[str, Any] = {}  # settings of the training job
    constants: list[dict[str, Any]] = []  # of recall: what was tried for this data, and chosen
    seconds: dict[str, float] = {}  # wall time of each phase of the job
    gate: GateResult | None = None  # None: the gate did not run
    live_start: float | None = None  # unix seconds, wall clock; None: ``data_end``
    is_starter: bool = False  # nothing was trained: only channels that need no training propose
    hashed_content: int = 0  # length of content vectors by feature hashing; 0: learned, or none
    stream_offsets: dict[str, str] = {}  # id of the last entry that training read, by stream

    @property
    def needs_data(self) -> bool:
        """Whether models learned from files, which a training of the archive alone would forget."""
        return not self.is_starter and self.dataset != ARCHIVE_NAME

    def channel_configs(self) -> dict[str, ChannelConfig]:
        """Return the config of every channel, as the rankers were trained with it.

        Raises:
            BundleError: This version has no such channel, or it has other settings.
        """
        try:
            return read_channel_configs(self.channels)
        except ChannelError as error:
            raise BundleError(f"{self.version} was trained with other channels: {error}") from None

    def counts_from(self) -> float:
        """Return the unix seconds, wall clock, from which live events are counted.

        It is never after the creation of the bundle: a time in the data that is too late must not
        keep live events from counting.
        """
        start = self.data_end if self.live_start is None else self.live_start
        return min(start, self.created)

    def as_of(self, now: float) -> "Manifest":
        """Return the manifest for a service whose clock shows ``now``, unix seconds.

        Live times of historical data are shifted to the end of the data. A clock that is more than
        a day before the creation of the bundle does not show when the bundle is served: the
        service lives in the time of the data, as in a test that sends old events again at their
        own times. Its live times then need no shift.
        """
        if not self.time_shift or now >= self.created - DAY:
            return self
        return self.model_copy(update={"time_shift": 0.0})

    def event_weights(self) -> EventWeights:
        return EventWeights(self.positive_at, dict(self.type_weights), self.explicit)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest and check that it fits this version of the service.

    Raises:
        BundleError: It is missing, damaged, of another format or name, or for other features.
    """
    manifest = parse_manifest(folder)
    if manifest.view != view_hash():
        raise BundleError(
            f"{folder / MANIFEST} was trained for the features {manifest.view}, this service "
            f"computes {view_hash()}: train again with this version"
        )
    manifest.channel_configs()
    return manifest


def parse_manifest(folder: Path) -> Manifest:
    """Read the manifest, whatever features the bundle is for.

    Raises:
        BundleError: It is missing, damaged, or of another format or name.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        is_checked = _check_content(folder, content)
        version = _Format.model_validate_json(content).format
        if version not in READABLE_FORMATS:
            raise BundleError(
                f"{path} has format {version}, this service reads {READABLE_FORMATS.start} to "
                f"{FORMAT_VERSION}: train again with this version"
            )
        if version > FORMAT_WITHOUT_CHECKSUM and not is_checked:
            raise BundleError(f"{folder / CHECKSUM} is missing: restore the bundle or train again")
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError:
        raise BundleError(
            f"{folder} has no {MANIFEST}: it was never finished; train again"
        ) from None
    except ValidationError as error:
        raise BundleError(
            f"{path} is damaged ({error.error_count()} faults): restore it or train again"
        ) from None
    if manifest.version != folder.name:
        raise BundleError(
            f"{folder} holds the bundle {manifest.version}: give the folder that name, and write "
            f"it into {POINTER}"
        )
    return manifest


def write_manifest(folder: Path, content: bytes) -> None:
    """Write the manifest and its checksum; ``content`` is its JSON."""
    (folder / CHECKSUM).write_bytes(_checksum_line(content))
    (folder / MANIFEST).write_bytes(content)


def _checksum_line(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()


def _check_content(folder: Path, content: bytes) -> bool:
    """Compare the manifest with its checksum; return whether there is one.

    Raises:
        BundleError: They differ.
    """
    try:
        expected = (folder / CHECKSUM).read_bytes()
    except FileNotFoundError:
        return False
    if expected != _checksum_line(content):
        raise BundleError(
            f"{folder / MANIFEST} is damaged (its SHA-256 is not the one in {CHECKSUM}): restore "
            "the bundle or train again"
        )
    return True


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: Mapping[str, FileRecord]) -> str:
    """Return a fingerprint of all files. A version ends with it."""
    text = "".join(files[name].sha256 for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
