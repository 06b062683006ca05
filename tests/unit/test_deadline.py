import asyncio
import logging
import math
import time
from time import monotonic

import pytest

from app.contracts import StageError
from app.deadline import NO_CHECKPOINTS, OverloadError, StageRunner


async def three():
    return [1, 2, 3]


async def slow():
    await asyncio.sleep(10)
    return [1, 2, 3]


def raising(error):
    async def work():
        raise error

    return work


def run(age=0.0):
    return StageRunner(monotonic() - age)


async def test_a_stage_in_time_is_ok_and_its_result_is_recorded():
    request = run()
    assert await request.run_async("recall", 5, three, []) == [1, 2, 3]
    step = request.results[0]
    assert (step.stage, step.outcome, step.n_in, step.n_out) == ("recall", "ok", 0, 3)
    assert 0 <= step.seconds < 5


async def test_a_stage_that_takes_too_long_is_late_and_replaced():
    request = run()
    assert await request.run_async("recall", 0.02, slow, [9]) == [9]
    assert request.results[0].outcome == "late"
    assert request.results[0].n_out == 1
    assert request.results[0].seconds < 5


async def test_the_limit_of_a_store_counts_from_the_request_to_it_and_not_from_arrival():
    request = run(age=60.0)
    assert await request.run_async("history", 5, three, []) == [1, 2, 3]
    assert request.results[0].outcome == "ok"


async def test_a_reply_that_comes_while_the_event_loop_is_busy_is_in_time():
    def deliver():
        reply.set_result([1, 2, 3])

    async def read():
        loop.call_later(0.2, deliver)
        time.sleep(0.4)  # noqa: ASYNC251 - the loop reads nothing in this time
        return await reply

    loop = asyncio.get_running_loop()
    reply = loop.create_future()
    request = run()
    assert await request.run_async("history", 0.1, read, []) == [1, 2, 3]
    assert request.results[0].outcome == "ok"


async def test_a_stall_of_the_event_loop_leaves_the_store_the_rest_of_its_time():
    async def read():
        time.sleep(0.4)  # noqa: ASYNC251 - twice the limit
        await asyncio.sleep(0.01)  # the store replies after that
        return [1, 2, 3]

    request = run()
    assert await request.run_async("history", 0.2, read, []) == [1, 2, 3]
    assert request.results[0].outcome == "ok"


async def test_a_store_that_does_not_reply_is_late_although_the_event_loop_is_busy():
    async def read():
        time.sleep(0.1)  # noqa: ASYNC251
        return await slow()

    request = run()
    assert await request.run_async("history", 0.02, read, []) == []
    assert request.results[0].outcome == "late"


async def test_checkpoints_count_from_the_turn_of_a_request():
    async def turn(arrived):
        turns.append(arrived)

    turns = []
    request = StageRunner(monotonic() - 60.0, turn=turn)
    await request.begin()
    assert turns == [request.arrived]
    assert request.run("coarse", 30.0, lambda: [1], []) == [1]
    request.begun -= 60.0
    assert request.run("fine", 30.0, failing(AssertionError("begun")), [9]) == [9]
    assert [step.outcome for step in request.results] == ["ok", "late"]


async def test_a_refusal_is_not_an_outcome():
    request = run()
    with pytest.raises(OverloadError):
        await request.run_async("funnel", math.inf, raising(OverloadError()), None)
    assert request.results == []


async def test_a_stage_error_is_down(caplog):
    request = run()
    assert await request.run_async("history", 5, raising(StageError("no store")), 4) == 4
    assert request.results[0].outcome == "down"
    assert request.results[0].n_out == 0
    assert ("app.deadline", logging.WARNING, "history: no store") in caplog.record_tuples


async def test_any_other_error_is_a_bug_and_its_traceback_is_logged(caplog):
    request = run()
    assert await request.run_async("fine", 5, raising(ZeroDivisionError()), None) is None
    assert request.results[0].outcome == "bug"
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def failing(error):
    def work():
        raise error

    return work


def test_a_computation_records_how_many_candidates_came_in_and_went_out():
    request = run()
    assert request.run("coarse", 5, lambda: [1, 2], [], n_in=7) == [1, 2]
    step = request.results[0]
    assert (step.stage, step.outcome, step.n_in, step.n_out) == ("coarse", "ok", 7, 2)


def test_a_computation_past_its_checkpoint_is_not_started():
    request = run(age=60.0)
    assert request.run("fine", 0.08, failing(AssertionError("begun")), [9], 4) == [9]
    assert (request.results[0].outcome, request.results[0].n_in) == ("late", 4)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(StageError("no model"), "down"), (ZeroDivisionError(), "bug"), (TimeoutError(), "late")],
)
def test_a_computation_that_fails_is_replaced_and_named(error, outcome):
    request = run()
    assert request.run("fine", 5, failing(error), [9]) == [9]
    assert [step.outcome for step in request.results] == [outcome]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_ends_the_process_is_not_caught(error):
    with pytest.raises(error):
        run().run("fine", 5, failing(error()), [])


async def test_a_cancelled_request_records_no_failure():
    request = run()
    task = asyncio.create_task(request.run_async("recall", 60, slow, []))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.results == []


async def test_without_checkpoints_nothing_is_late():
    request = StageRunner(0.0)
    assert await request.run_async("recall", NO_CHECKPOINTS.recall, three, []) == [1, 2, 3]
    assert request.results[0].outcome == "ok"
    assert NO_CHECKPOINTS.rerank == math.inf
