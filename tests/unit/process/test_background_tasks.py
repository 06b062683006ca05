"""Tasks that nobody awaits."""

import asyncio

from app.cpu import BackgroundTasks


async def test_a_failing_task_is_logged_and_the_others_go_on(caplog):
    async def fail():
        raise ZeroDivisionError("a bug")

    tasks = BackgroundTasks()
    failing, other = tasks.start(fail()), tasks.start(asyncio.Event().wait())
    await asyncio.wait([failing])
    await asyncio.sleep(0)  # the callbacks of a task run in the next round of the loop
    assert "a background task failed" in caplog.text
    assert "a bug" in caplog.text
    (alert,) = tasks.alerts
    assert "fail failed in a worker" in alert
    assert len(tasks) == 1
    await tasks.stop()
    assert other.cancelled()
    assert not tasks
