"""A client hangs up: its list is not computed to the end, and nothing is an error."""

import asyncio

import pytest

from app.api.hang_up import CLIENT_CLOSED, HangUp

WORK = 30.0  # seconds that a list would take


class Exchange:
    """One request as a server passes it on, and what came of it."""

    def __init__(self, method="GET", path="/recommend"):
        self.scope = {"type": "http", "method": method, "path": path}
        self.hung_up = asyncio.Event()
        self.sent, self.parts = [], [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self):
        if self.parts:
            return self.parts.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def run(self, app):
        await HangUp(app, frozenset({"/recommend"}))(self.scope, self.receive, self.send)
        return self.sent[0]["status"]


def list_that_takes(seconds, ends):
    async def app(scope, receive, send):
        if scope["method"] == "POST":
            await receive()
        await asyncio.sleep(seconds)
        ends.append("computed")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b""})
        ends.append("sent")

    return app


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_list_of_a_client_that_hung_up_is_not_computed_to_the_end(method):
    ends, exchange = [], Exchange(method)
    asyncio.get_running_loop().call_later(0.05, exchange.hung_up.set)
    assert await exchange.run(list_that_takes(WORK, ends)) == CLIENT_CLOSED
    assert ends == []


async def test_an_answer_that_has_begun_and_any_change_are_finished():
    ends, exchange = [], Exchange()
    exchange.hung_up.set()
    assert await exchange.run(list_that_takes(0.0, ends)) == 200
    change = Exchange("POST", "/events")
    change.hung_up.set()
    assert await change.run(list_that_takes(0.1, ends)) == 200
    assert ends == ["computed", "sent"] * 2


async def test_the_end_of_the_service_is_not_taken_for_a_hang_up():
    exchange = Exchange()
    request = asyncio.create_task(exchange.run(list_that_takes(WORK, [])))
    await asyncio.sleep(0.05)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
