"""The crowd's state as a worker had it when it answered, made again from the streams."""

from dataclasses import dataclass, field

import numpy as np

from app.contracts import Standing
from app.deployed import Deployed
from app.state.follower import Follower
from app.state.live import Live
from app.state.store import Store
from offline.rerun.tape import Tape

STEP = 1_000  # entries applied at once
NOWHERE = Store.connect("unix:///nowhere")  # the follower is given its entries, it asks nobody


class LostError(Exception):
    """The state cannot be made again; the text says why."""


@dataclass(slots=True, eq=False)
class Rebuilt:
    """A state that is moved on from answer to answer, and begun anew where it must go back."""

    deployed: Deployed
    tape: Tape
    live: Live = field(init=False)
    _follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self._begin()

    def at(self, standing: Standing) -> None:
        """Come to where the state stood.

        Raises:
            LostError: the streams no longer have, or no longer say, what it came from.
        """
        if not self._can_go_on(standing):
            self._begin()
        if standing.listed != self.live.listed:
            for stream, (_, last) in standing.listed.items():
                self._advance(stream, last)
            self.live.refresh()
        for stream, (_, last) in standing.reached.items():
            self._advance(stream, last)
        self._check(standing)

    def _begin(self) -> None:
        self.live = self.deployed.live()
        self._follower = self.deployed.follower(NOWHERE, self.live)

    def _can_go_on(self, standing: Standing) -> bool:
        """Say whether all that this state knows was known then, its lists included."""
        known, listed = self.live.reached, self.live.listed
        ahead = any(
            stream not in standing.reached or _is_after(last, standing.reached[stream][1])
            for stream, (_, last) in known.items()
        )
        sorts = standing.listed != listed
        later = sorts and any(
            stream not in standing.listed or _is_after(last, standing.listed[stream][1])
            for stream, (_, last) in known.items()
        )
        return not ahead and not later

    def _advance(self, stream: str, last: str) -> None:
        known = self.live.reached.get(stream)
        if known and not _is_after(last, known[1]):
            return
        entries = self.tape.between(stream, known[1] if known else None, last)
        for start in range(0, len(entries), STEP):
            self._follower.take(stream, entries[start : start + STEP])

    def _check(self, standing: Standing) -> None:
        for stream, span in standing.reached.items():
            found = self.live.reached.get(stream)
            if found != span:
                raise LostError(
                    f"the crowd's state rested on the entries {span[0]} to {span[1]} of {stream}, "
                    f"and of them there are {' to '.join(found) if found else 'none'}: the stream "
                    "was trimmed, and not archived before"
                )
        now = self.live.standing()
        same = (now.now, now.trials) == (standing.now, standing.trials)
        if not same or not np.array_equal(now.total, standing.total):
            raise LostError(
                "the crowd's state comes out different: entries of the streams are missing, or "
                "were erased since"
            )


def _is_after(one: str, other: str) -> bool:
    return tuple(map(int, one.split("-"))) > tuple(map(int, other.split("-")))
