"""Which requests are admitted, with how many candidates, and when each one computes."""

import asyncio
from itertools import pairwise

import pytest

from app.deadline import OverloadError
from app.service.admission import (
    CLIENT_MEMORY,
    MAX_RATIO,
    MIN_CANDIDATE_SHARE,
    SHARED_LOAD,
    Admission,
    candidate_share,
)

BUDGET = 100.0  # seconds of a clock that only the test moves


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def admission(clock):
    return Admission(BUDGET, max_in_flight=1_000, clock=clock)


async def compute(admission, clock, seconds, order=None, name=None):
    """Answer one request whose computation takes this long."""
    await admission.wait_for_turn(clock.now)
    if order is not None:
        order.append(name)
    clock.now += seconds


async def settle(admission):
    """Let the event loop run until nobody has or awaits a turn."""
    for _ in range(8):
        await asyncio.sleep(0)


async def measured(admission, clock, seconds):
    """Return the admission after it has measured a request of this length."""
    await compute(admission, clock, seconds)
    await settle(admission)
    return admission


def admit_all(admission, clock):
    """Admit requests until one is refused; return the shares of their candidates."""
    shares = []
    while True:
        try:
            shares.append(admission.admit(clock.now).candidate_share)
        except OverloadError:
            return shares


async def test_requests_are_admitted_until_the_measured_time_of_those_ahead_fills_the_budget(
    admission, clock
):
    await measured(admission, clock, 5.0)
    assert len(admit_all(admission, clock)) == 20


async def test_the_candidates_become_fewer_before_any_request_is_refused(admission, clock):
    shares = admit_all(await measured(admission, clock, 2.0), clock)
    assert shares[:25] == [1.0] * 25  # up to half of the budget
    assert shares == sorted(shares, reverse=True)
    assert max(a - b for a, b in pairwise(shares)) < 0.03
    assert shares[-1] == pytest.approx(MIN_CANDIDATE_SHARE)


@pytest.mark.parametrize(("load", "share"), [(0.0, 1.0), (0.5, 1.0), (0.75, 0.65), (9.0, 0.3)])
def test_the_share_of_the_candidates_falls_with_the_load(load, share):
    assert candidate_share(load) == pytest.approx(share)


async def test_the_time_since_arrival_counts(admission, clock):
    await measured(admission, clock, 5.0)
    admission.admit(clock.now)
    with pytest.raises(OverloadError):
        admission.admit(clock.now - 95.0)


def test_the_number_of_requests_in_flight_has_a_ceiling(clock):
    assert len(admit_all(Admission(BUDGET, 7, clock), clock)) == 7


async def test_requests_that_are_read_in_one_round_count_one_after_the_other(admission, clock):
    await measured(admission, clock, 5.0)
    assert [admission.would_admit() for _ in range(25)] == [True] * 20 + [False] * 5
    await asyncio.sleep(0)  # now they ask for admission
    assert len(admit_all(admission, clock)) == 20
    assert not admission.would_admit()
    admission.in_flight -= 1
    assert admission.would_admit()
    assert not admission.would_admit()


async def test_the_turn_of_a_request_is_predicted_from_those_in_flight(admission, clock):
    await measured(admission, clock, 5.0)
    turns = []
    for _ in range(3):
        admission.admit(clock.now)
        turns.append(admission.turn_in)
    assert turns == [0.0, 5.0, 10.0]


async def test_a_request_that_is_read_is_refused_after_those_in_flight_alone(admission, clock):
    await measured(admission, clock, 10 * BUDGET)
    assert admission.would_admit()
    assert not admission.would_admit()


async def test_a_request_that_is_read_is_refused_as_its_client_would_be(admission, clock):
    await measured(admission, clock, 5.0)
    admission.release(admission.admit(clock.now, "light"))
    admit_until_refused(admission, clock, "heavy")
    assert not admission.would_admit("heavy")
    assert admission.would_admit("light")


async def test_after_an_early_refusal_a_late_request_is_refused_too(admission, clock):
    await measured(admission, clock, 1.0)
    arrived = clock.now
    admitted = [admission.admit(arrived) for _ in range(100)]
    clock.now += BUDGET
    assert not admission.would_admit()
    for other in admitted[1:]:
        admission.release(other)
    with pytest.raises(OverloadError):
        await admission.wait_for_turn(arrived)


async def test_a_request_is_admitted_when_no_other_is_in_flight_however_long_one_takes(
    admission, clock
):
    await measured(admission, clock, 10 * BUDGET)
    only = admission.admit(clock.now)
    assert only.candidate_share == pytest.approx(MIN_CANDIDATE_SHARE)
    with pytest.raises(OverloadError):
        admission.admit(clock.now)
    admission.release(only)
    assert admission.in_flight == 0
    assert admission.admit(clock.now)


async def test_one_stall_counts_as_little_more_than_a_slow_request(admission, clock):
    await measured(admission, clock, 1.0)
    await measured(admission, clock, 1e6)
    assert 1.0 < admission.service_time < MAX_RATIO


async def test_the_measured_time_follows_the_requests(admission, clock):
    await measured(admission, clock, 1.0)
    for _ in range(200):
        await measured(admission, clock, 3.0)
    assert admission.service_time == pytest.approx(3.0, rel=0.01)


async def test_requests_compute_in_the_order_of_arrival_one_in_each_turn_of_the_loop(
    admission, clock
):
    order = []
    requests = [
        asyncio.create_task(compute(admission, clock, 2.0, order, name)) for name in range(5)
    ]
    while not requests[-1].done():
        before = len(order)
        await asyncio.sleep(0)
        assert len(order) <= before + 1
    assert order == [0, 1, 2, 3, 4]
    await settle(admission)
    assert admission.service_time == pytest.approx(2.0)


async def test_a_request_that_arrives_during_a_computation_is_admitted_before_the_next_one(
    admission, clock
):
    order = []
    for name in ("first", "second"):
        asyncio.create_task(compute(admission, clock, 2.0, order, name))  # noqa: RUF006
    arriving = asyncio.get_running_loop()
    arriving.call_soon(arriving.call_soon, order.append, "arrival")
    await settle(admission)
    assert order == ["first", "arrival", "second"]


async def test_a_request_on_a_new_connection_is_also_admitted_before_the_next_computation(
    admission, clock
):
    """Such a request is read one round of the loop after its connection."""
    order = []
    for name in ("first", "second"):
        asyncio.create_task(compute(admission, clock, 2.0, order, name))  # noqa: RUF006
    loop = asyncio.get_running_loop()
    connection = lambda: loop.call_soon(order.append, "arrival")  # noqa: E731
    loop.call_soon(loop.call_soon, connection)
    await settle(admission)
    assert order == ["first", "arrival", "second"]


@pytest.mark.parametrize(("refusals", "rounds"), [(1.0, 3), (10.0, 2)])
async def test_in_a_flood_the_loop_reads_the_network_once_between_two_computations(
    admission, clock, refusals, rounds
):
    loop, passed, began = asyncio.get_running_loop(), [], []

    def count_rounds():
        passed.append(loop.call_soon(count_rounds))

    async def request():
        await admission.wait_for_turn(clock.now)
        began.append(len(passed))
        clock.now += 2.0
        loop.call_soon(refuse)

    def refuse():
        clock.now += refusals

    count_rounds()
    await asyncio.gather(*(request() for _ in range(3)))
    passed.pop().cancel()
    assert began[2] - began[1] == rounds


async def test_what_arrives_right_after_a_computation_may_have_waited_for_it(admission, clock):
    loads = []
    await admission.wait_for_turn(clock.now)
    clock.now += 60.0  # a stall
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: loads.append(admission.lag))
    await settle(admission)
    assert loads == [60.0]
    assert admission.lag == 0.0


async def test_a_request_whose_budget_passes_in_the_queue_is_refused_and_costs_no_turn(
    admission, clock
):
    await measured(admission, clock, 1.0)
    order = []
    arrived = clock.now
    stalled = asyncio.create_task(compute(admission, clock, BUDGET, order, "stalled"))
    await asyncio.sleep(0)
    late = asyncio.create_task(admission.wait_for_turn(arrived))
    fresh = asyncio.create_task(compute(admission, clock, 1.0, order, "fresh"))
    await asyncio.gather(stalled, late, fresh, return_exceptions=True)
    with pytest.raises(OverloadError):
        late.result()
    assert order == ["stalled", "fresh"]


async def test_after_a_stall_those_that_will_be_late_are_refused_at_once(admission, clock):
    await measured(admission, clock, 10.0)  # a stall of 70 leaves time for two of five
    order = []
    arrived = clock.now

    async def queue(name):
        await admission.wait_for_turn(arrived)
        order.append(name)
        clock.now += 10.0

    stalled = asyncio.create_task(compute(admission, clock, 70.0, order, "stalled"))
    waiting = [asyncio.create_task(queue(name)) for name in range(5)]
    for _ in range(3):  # they queue, the stall is measured, the refused ones end
        await asyncio.sleep(0)
    assert [one.done() for one in waiting] == [False, False, True, True, True]
    await asyncio.gather(stalled, *waiting, return_exceptions=True)
    assert order == ["stalled", 0, 1]
    for one in waiting[2:]:
        with pytest.raises(OverloadError):
            one.result()


async def test_an_admitted_request_that_is_refused_widens_the_margin(admission, clock):
    admitted = admission.admit(clock.now)
    admission.release(admitted, is_refused=True)
    assert admission.margin > 0


async def test_a_late_request_is_refused_only_if_others_are_in_flight(admission, clock):
    only = admission.admit(clock.now)
    with pytest.raises(TimeoutError):  # the caller has a fallback
        await admission.wait_for_turn(clock.now - BUDGET)
    await settle(admission)
    admission.admit(clock.now)
    with pytest.raises(OverloadError):
        await admission.wait_for_turn(clock.now - BUDGET)
    admission.release(only)


async def test_a_late_request_is_refused_if_others_were_refused_after_it_arrived(admission, clock):
    await measured(admission, clock, 1.0)
    arrived = clock.now
    admitted = [admission.admit(arrived) for _ in range(50)]
    clock.now += BUDGET
    with pytest.raises(OverloadError):
        admission.admit(arrived)
    for other in admitted[1:]:
        admission.release(other)
    with pytest.raises(OverloadError):
        await admission.wait_for_turn(arrived)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_client_that_goes_away_does_not_hold_up_the_others(admission, clock, turns):
    order = []
    requests = [
        asyncio.create_task(compute(admission, clock, 1.0, order, name)) for name in range(3)
    ]
    for _ in range(1 + turns):
        await asyncio.sleep(0)
    requests[1].cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    assert order[0] == 0
    assert order[-1] == 2
    await settle(admission)
    await asyncio.wait_for(admission.wait_for_turn(clock.now), 60)


async def test_predictions_that_turn_out_too_short_widen_the_margin(admission, clock):
    await measured(admission, clock, 1.0)
    capacity = len(admit_all(admission, clock))
    admission.in_flight = 0
    for slip in [5.0] * 20 + [0.0] * 20:
        admitted = admission.admit(clock.now)
        clock.now = admitted.end + slip
        admission.release(admitted)
    assert 4.0 < admission.margin <= 6.0
    assert len(admit_all(admission, clock)) < capacity


def admit_until_refused(admission, clock, client):
    """Admit requests of a client until one is refused, and return how many were admitted."""
    admitted = []
    while True:
        try:
            admitted.append(admission.admit(clock.now, client))
        except OverloadError:
            return admitted


async def test_a_client_alone_may_use_the_whole_budget(admission, clock):
    await measured(admission, clock, 5.0)
    assert len(admit_until_refused(admission, clock, "heavy")) == 20


async def test_a_heavy_client_leaves_room_for_a_light_one(admission, clock):
    await measured(admission, clock, 5.0)
    admission.release(admission.admit(clock.now, "light"))  # it was active just now
    heavy = admit_until_refused(admission, clock, "heavy")
    assert len(heavy) == pytest.approx(SHARED_LOAD * 20, abs=1)
    light = admission.admit(clock.now, "light")
    admission.release(light)
    for _ in range(10):  # the heavy one takes every place that becomes free, and none of the rest
        admission.release(heavy.pop())
        heavy += admit_until_refused(admission, clock, "heavy")
        admission.release(admission.admit(clock.now, "light"))


async def test_a_light_client_is_not_refused_for_the_margin(admission, clock):
    await measured(admission, clock, 5.0)
    admission.release(admission.admit(clock.now, "light"))
    admit_until_refused(admission, clock, "heavy")
    admission.margin = BUDGET / 2  # many requests were later than predicted
    admission.admit(clock.now, "light")
    with pytest.raises(OverloadError):
        admission.admit(clock.now, "heavy")


async def test_clients_that_have_gone_leave_their_share_to_the_others(admission, clock):
    await measured(admission, clock, 5.0)
    for n in range(50):
        admission.release(admission.admit(clock.now, f"client {n}"))
    clock.now += CLIENT_MEMORY + 1.0
    assert len(admit_until_refused(admission, clock, "heavy")) == pytest.approx(20, abs=1)
    assert list(admission.clients) == ["heavy"]


async def test_an_import_waits_for_the_lists_in_the_making(admission, clock):
    order = []

    async def write(name):
        await admission.yield_to_lists()
        order.append(name)

    admitted = admission.admit(clock.now)
    tasks = [asyncio.create_task(write(name)) for name in ("first", "second")]
    await asyncio.sleep(0.01)
    assert not order
    order.append("list")
    admission.release(admitted)
    await asyncio.gather(*tasks)
    assert order == ["list", "first", "second"]


async def test_an_import_does_not_wait_for_ever(admission, clock):
    admission.admit(clock.now)
    await asyncio.gather(*(admission.yield_to_lists() for _ in range(5)))
