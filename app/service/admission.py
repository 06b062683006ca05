"""Admission: which requests are answered, with how many candidates, and when each one computes.

A worker has one core. It answers requests in the order of their arrival, and runs one computation
at a time. Between two computations the event loop reads the network twice: once for requests on
open connections, once for those on new connections. So a new request waits for at most one
computation until it is admitted or refused, and the time until its own turn is known: the requests
before it, times the measured seconds of one request.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic

from app.deadline import OverloadError

FULL_SHARE_LOAD = 0.5  # a request that needs at most this share of the budget uses all candidates
MIN_CANDIDATE_SHARE = 0.3  # share of the candidates of a request that needs the whole budget
WEIGHT = 0.05  # of a new measurement in the mean: the last 20 requests or so count
MAX_RATIO = 4.0  # of a measurement to the mean: one stall does not count as a slow request
TARGET_MISSES = 0.01  # share of the admitted requests that may take longer than predicted
MARGIN_STEP = 0.005  # share of the budget by which one such request widens the margin
MAX_MARGIN = 0.5  # share of the budget
SHARED_LOAD = 0.7  # share of the budget above which a client with more than its share is refused
CLIENT_MEMORY = 10.0  # seconds for which a client counts as active after a request
MAX_YIELD = 0.5  # seconds that an import waits for the lists before it, and other imports
TOO_LATE = "the time that is left is too short for the computation; try again later"


@dataclass(frozen=True, slots=True)
class AdmittedRequest:
    """A request that is answered. The holder passes it to ``Admission.release`` at the end."""

    candidate_share: float  # the share of the candidates to work on
    end: float  # when it should be answered, by the clock; the margin is not included
    client: str = ""  # whose request it is


@dataclass(slots=True)
class ClientLoad:
    """The requests of one client."""

    seen: float  # when the newest one arrived, by the clock
    in_flight: int = 0


class Admission:
    """Measures what a request costs, and admits those that can be whole within their budget.

    One lives in each worker. Nothing here waits for the store or for another thread.
    """

    def __init__(
        self, budget: float, max_in_flight: int, clock: Callable[[], float] = monotonic
    ) -> None:
        """Begin without a measurement.

        Args:
            budget: seconds from the arrival of a request to its answer.
            max_in_flight: the most requests at a time.
            clock: returns seconds, and never goes back; ``arrived`` is by the same clock.
        """
        self.budget = budget
        self.max_in_flight = max_in_flight
        self.in_flight = 0  # admitted and not answered
        self._announced = 0  # read in this round of the loop, to be admitted in the next one
        self.service_time = 0.0  # seconds of the event loop that one request takes; 0: unknown
        self.margin = 0.0  # seconds; about 1 % of requests exceed their prediction by more
        self.clients: dict[str, ClientLoad] = {}  # active ones, by name
        self.lag = 0.0  # seconds that a request may have waited before the loop read it
        self._clock = clock
        self._is_idle = asyncio.Event()  # set while no request is in flight
        self._is_idle.set()
        self._import_turn = asyncio.Lock()
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._is_busy = False  # a computation runs, or the loop has not read the network since
        self._has_computed = False  # in the current turn
        self._turn_began = 0.0
        self._computed_from = 0.0  # when the computation of the turn began
        self._refused_at = -inf  # when a request was last refused, by the clock

    def admit(self, arrived: float, client: str = "") -> AdmittedRequest:
        """Admit a request of a client that arrived at this time.

        A request is always admitted when no other is in flight: it measures how long one takes.
        While several clients are active, one that has more than its share of the requests in
        flight leaves a part of the budget to the others. One that has less is admitted without a
        margin.

        Raises:
            OverloadError: the request cannot be answered within its budget.
        """
        ahead = self.in_flight
        end, load, is_admitted = self._judge(arrived, client, ahead)
        if not is_admitted:
            raise self._refusal(f"{ahead} requests are in flight; try again later")
        self.in_flight += 1
        self._is_idle.clear()
        self.clients[client].in_flight += 1
        return AdmittedRequest(candidate_share(load), end, client)

    @property
    def turn_in(self) -> float:
        """Seconds until a request that was admitted just now may compute, as predicted."""
        return (self.in_flight - 1) * self.service_time

    def would_admit(self, client: str = "") -> bool:
        """Return whether a request of a client that has just been read would be admitted.

        If so, its task asks for admission in the next round of the event loop. Until then it counts
        as ahead of those that are read after it.
        """
        now = self._clock()
        if not self._judge(now, client, self.in_flight + self._announced)[2]:
            self._refused_at = now
            return False
        if not self._announced:
            asyncio.get_running_loop().call_soon(self._forget_announced)
        self._announced += 1
        return True

    def _forget_announced(self) -> None:
        self._announced = 0

    def _judge(self, arrived: float, client: str, ahead: int) -> tuple[float, float, bool]:
        """Return when a request should be answered, its load, and whether it is admitted.

        The load is the share of the budget that it needs.
        """
        end = max(self._clock(), arrived) + (ahead + 1) * self.service_time
        load = (end - arrived + self.lag + self.margin) / self.budget
        share = self._share_of(client)
        limit = SHARED_LOAD if share > 1.0 else 1.0
        # A client below its share is admitted without the margin: late is better than refused
        # because of others.
        risked = self.margin / self.budget if 0.0 <= share <= 1.0 else 0.0
        is_full = load - risked > limit or ahead >= limit * self.max_in_flight
        return end, load, not ahead or not is_full

    def release(self, admitted: AdmittedRequest, *, is_refused: bool = False) -> None:
        """Record that an admitted request has ended, and learn how good the prediction was.

        A request that was admitted and then refused counts as predicted too short.
        """
        self.in_flight -= 1
        if not self.in_flight:
            self._is_idle.set()
        self.clients[admitted.client].in_flight -= 1
        is_missed = is_refused or self._clock() > admitted.end + self.margin
        # The quantile of the errors, by stochastic approximation (Robbins and Monro, 1951).
        self.margin += MARGIN_STEP * self.budget * (is_missed - TARGET_MISSES)
        self.margin = min(max(self.margin, 0.0), MAX_MARGIN * self.budget)

    def _share_of(self, client: str) -> float:
        """Record that a client is active, and return its requests in flight, in fair shares.

        -1 if no other client is active.
        """
        now = self._clock()
        own = self.clients.get(client)
        if own is None:
            rested = now - CLIENT_MEMORY
            idle = [c for c, one in self.clients.items() if not one.in_flight and one.seen < rested]
            for name in idle:
                del self.clients[name]
            own = self.clients[client] = ClientLoad(now)
        own.seen = now
        if len(self.clients) == 1:
            return -1.0
        rested = now - CLIENT_MEMORY
        active = sum(bool(one.in_flight) or one.seen >= rested for one in self.clients.values())
        if active == 1:
            return -1.0
        return own.in_flight * active / self.in_flight if self.in_flight else 0.0

    async def yield_to_lists(self) -> None:
        """Wait until no request for a list is in flight.

        Imports wait one after the other, each at most ``MAX_YIELD`` seconds.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_YIELD), self._import_turn:
                await self._is_idle.wait()

    async def wait_for_turn(self, arrived: float) -> None:
        """Wait until this request may compute.

        Raises:
            OverloadError: too little of the budget is left, and there were other requests.
            TimeoutError: the budget has passed, although there was no other request.
        """
        is_alone = self.in_flight <= 1 and not self._is_busy and self._refused_at < arrived
        if self._is_busy:
            await self._queue(arrived)
        else:
            self._is_busy = self._has_computed = True
            self._turn_began = self._clock()
            asyncio.get_running_loop().call_soon(self._end_turn)
        now = self._computed_from = self._clock()
        if is_alone and now >= arrived + self.budget:
            raise TimeoutError(TOO_LATE)
        if not is_alone and not self._is_in_time(arrived, now):
            raise self._refusal()

    async def _queue(self, arrived: float) -> None:
        """Wait for the requests before this one."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append((arrived, turn))
        try:
            await turn
        finally:
            if turn.done() and not turn.cancelled() and not turn.exception():
                loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Measure the computation that has ended; in the next round of the loop, start another one.

        In the round between them the loop refuses and admits what it has read, and reads the
        connections that it has just accepted. There is no such round in a flood of requests: when
        more time was spent on refusals than on the computation. Without a next request the queue
        is then idle.
        """
        now = self._clock()
        if self._has_computed:
            self._has_computed = False
            self.lag = now - self._turn_began
            self._learn(self.lag)
            is_flooded = self._computed_from - self._turn_began > now - self._computed_from
            self._turn_began = now
            self._refuse_late(now)
            if not is_flooded or not self._waiting:
                asyncio.get_running_loop().call_soon(self._end_turn)
                return
        if self._start_next(now):
            self._has_computed = True
        else:
            self._is_busy = False
            self.lag = 0.0

    def _refuse_late(self, now: float) -> None:
        """Refuse the requests that will be late behind those before them, such as after a stall."""
        kept: deque[tuple[float, asyncio.Future[None]]] = deque()
        begins = now
        for arrived, turn in self._waiting:
            if turn.done():  # its client has gone
                continue
            if self._is_in_time(arrived, begins):
                kept.append((arrived, turn))
                begins += self.service_time
            else:
                turn.set_exception(self._refusal())
        self._waiting = kept

    def _start_next(self, now: float) -> bool:
        """Let the first request that can still be in time compute; return whether there is one."""
        while self._waiting:
            arrived, turn = self._waiting.popleft()
            if turn.done():  # its client has gone
                continue
            if self._is_in_time(arrived, now):
                turn.set_result(None)
                return True
            turn.set_exception(self._refusal())
        return False

    def _refusal(self, reason: str = TOO_LATE) -> OverloadError:
        """Return the error of a request that is refused now."""
        self._refused_at = self._clock()
        return OverloadError(reason)

    def _is_in_time(self, arrived: float, now: float) -> bool:
        """Return whether a request that computes now can be answered within its budget."""
        return now + self.service_time < arrived + self.budget

    def _learn(self, seconds: float) -> None:
        if not self.service_time:
            self.service_time = seconds
        usual = min(seconds, MAX_RATIO * self.service_time)
        self.service_time += WEIGHT * (usual - self.service_time)


def candidate_share(load: float) -> float:
    """Return the share of the candidates for a load.

    A request that needs its whole budget has a load of 1. The share is 1 up to a load of 0.5, then
    falls linearly to 0.3 at 1.
    """
    excess = max(load - FULL_SHARE_LOAD, 0.0) / (1.0 - FULL_SHARE_LOAD)
    return max(1.0 - (1.0 - MIN_CANDIDATE_SHARE) * excess, MIN_CANDIDATE_SHARE)
