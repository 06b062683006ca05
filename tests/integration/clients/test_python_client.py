"""The Python client against a real service with keys, directly and over a connection that fails."""

import http.client
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from recfunnel_client import (
    AsyncClient,
    AsyncEventBuffer,
    Client,
    EventBuffer,
    RecfunnelError,
    Retry,
    UnreachableError,
)

from tests.conftest import ROOT
from tests.integration.clients.conftest import KEY
from tests.serving import free_port, until

QUICKLY = Retry(attempts=3, first_pause=0.001, longest_pause=1.0)


@pytest.fixture(scope="module")
def client(url):
    with Client(url, api_key=KEY, verify=False) as one:
        yield one


@pytest.fixture
def user():
    return f"u-{uuid4().hex}"


def item_ids(answer):
    return [item.item_id for item in answer.items]


class FailingProxy(ThreadingHTTPServer):
    """Passes requests on to the service, but does first what its faults say.

    ``lose``: pass the request on, and break the connection instead of answering. ``(status,
    seconds)``: answer with the status and ``Retry-After`` seconds.
    """

    daemon_threads = True

    def __init__(self, url):
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.service = urlsplit(url).netloc
        self.faults = []
        self.bodies = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class ProxyHandler(BaseHTTPRequestHandler):
    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append(body)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, tuple):
            self.send_response(fault[0])
            self.send_header("Retry-After", str(fault[1]))
            self.end_headers()
            return
        connection = http.client.HTTPConnection(self.server.service)
        connection.request(self.command, self.path, body, {**self.headers, "Connection": "close"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault == "lose":
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = pass_on  # noqa: N815 (the names that the base class calls)

    def log_message(self, *arguments):
        """Write nothing to the terminal."""


@contextmanager
def failing(url, *faults):
    with FailingProxy(url) as proxy:
        proxy.faults = list(faults)
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def patient(proxy):
    return Client(proxy.url, api_key=KEY, retry=QUICKLY, verify=False)


def test_lists_of_every_kind_come_as_typed_answers(client, user):
    first = client.recommend(user, k=3, explore=False, explain=True, fields=["title"])
    assert len(first.items) == 3
    assert first.items[0].reason.channel
    assert first.items[0].fields == {"title": first.items[0].title}
    assert first.stages[0].stage
    second = client.recommend(user, k=3, explore=False, page_token=first.page_token)
    assert not set(item_ids(first)) & set(item_ids(second))
    excluded = client.recommend(user, k=3, exclude=[f"i{n}" for n in range(60)])
    assert not set(item_ids(excluded)) & {f"i{n}" for n in range(60)}
    session = client.recommend(history=[{"item_id": "i3", "type": "like"}], k=2)
    assert (len(session.items), session.user_id) == (2, None)
    ranked = client.rank(user, ["i5", "i6", "nothing"], explore=False)
    assert (set(item_ids(ranked)), ranked.unknown) == ({"i5", "i6"}, ["nothing"])
    assert client.similar("i3", by="content", k=2).by == "content"
    assert "without purchases" in client.bought_together("i3").notes[0]
    assert len(client.popular(k=4).items) == len(client.trending(k=4).items) == 4
    why = client.explain(user, "nothing")
    assert (why.item_id, why.stage) == ("nothing", "catalogue")


def test_items_are_put_changed_found_over_pages_and_deleted(client):
    prefix = f"new {uuid4().hex[:8]} ü?#%"
    names = [f"{prefix}{n}" for n in range(5)]
    assert client.put_item(names[0], {"title": "One"}).title == "One"
    assert client.patch_item(names[0], {"title": "First"}).title == "First"
    stored = client.put_items([*({"item_id": n} for n in names), {"item_id": ""}], partial=True)
    assert (stored.stored, [one.index for one in stored.refused]) == (5, [5])
    assert [item.item_id for item in client.items(prefix=prefix, limit=2)] == names
    assert client.item(names[0]).item_id == names[0]
    assert client.item_counts("i3").item_id == "i3"
    assert client.delete_item(names[0]) is None
    with pytest.raises(RecfunnelError, match="was deleted") as refused:
        client.item(names[0])
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_users_are_described_and_erased(client, user):
    assert client.put_user(user, {"age": 25}).attributes == {"age": "25"}
    assert client.patch_user(user, {"age": None, "country": "NL"}).attributes == {"country": "NL"}
    assert client.put_users([{"user_id": f"{user}-2", "attributes": {}}]).stored == 1
    assert client.put_friends(user, ["1", "2"]).friends == ["1", "2"]
    assert client.put_blocked(user, items=["i3"]).items == ["i3"]
    assert client.blocked(user).items == ["i3"]
    asked = client.onboarding(4)
    assert client.send_picks(user, liked=[asked.items[0].item_id]).accepted == 1
    known = client.user(user)
    assert (known.blocked.items, known.counts.live_events) == (["i3"], 1)
    assert known.history[0].item_id == asked.items[0].item_id
    assert user in [one.user_id for one in client.users(prefix=user, limit=1)]
    receipt = client.delete_user(user)
    assert client.erasure(receipt.erasure_id).user_digest == receipt.user_digest


def test_a_refusal_is_an_exception_with_the_sentence_and_every_fault(client, url, user):
    with pytest.raises(RecfunnelError, match=r"or equal to 1 \(field k\)") as refused:
        client.recommend(user, k=0)
    assert (refused.value.status, refused.value.field) == (422, "k")
    with pytest.raises(RecfunnelError) as refused:
        client.recommend(user, k=0, scene="x" * 65)
    assert {fault.field for fault in refused.value.errors} == {"k", "scene"}
    with (
        Client(url, api_key="wrong", verify=False) as stranger,
        pytest.raises(RecfunnelError) as refused,
    ):
        stranger.popular()
    assert refused.value.status == 401
    with pytest.raises(TypeError, match="list of texts"):
        client.recommend(user, fields="title")


def test_nobody_at_the_address_is_named_after_the_attempts():
    address = f"http://127.0.0.1:{free_port()}"
    sentence = f"{address}/popular had no answer"
    with (
        Client(address, retry=QUICKLY, verify=False) as client,
        pytest.raises(UnreachableError, match=sentence) as failed,
    ):
        client.popular()
    assert failed.value.status is None


def test_a_lost_answer_and_a_503_repeat_the_events_with_the_same_ids(client, url, user):
    with failing(url, "lose", (503, 0), (429, 0)) as proxy, patient(proxy) as over_proxy:
        over_proxy.retry = Retry(attempts=4, first_pause=0.001, longest_pause=1.0)
        answer = over_proxy.send({"user_id": user, "item_id": "i1", "type": "like"})
    assert (answer.accepted, answer.duplicates) == (0, 1)
    assert len(proxy.bodies) == 4
    assert len(set(proxy.bodies)) == 1
    assert client.user(user).counts.live_events == 1


def test_a_503_that_lasts_and_one_that_asks_for_long_patience_are_raised(url, user):
    with failing(url, *[(503, 0)] * 3, (503, 60)) as proxy, patient(proxy) as over_proxy:
        with pytest.raises(RecfunnelError, match="503"):
            over_proxy.recommend(user)
        assert len(proxy.bodies) == 3
        with pytest.raises(RecfunnelError, match="503"):
            over_proxy.recommend(user)
        assert len(proxy.bodies) == 4


def events_of(user, n):
    return [{"user_id": user, "item_id": f"i{i}", "type": "click"} for i in range(n)]


def test_a_buffer_sends_by_number_by_time_and_at_its_end(client, user):
    with EventBuffer(client, size=3, seconds=60.0) as buffer:
        for event in events_of(user, 3):
            buffer.add(event)
        until(lambda: buffer.n_sent == 3)
        buffer.add({"user_id": user, "item_id": "i9"})
    assert (buffer.n_sent, buffer.n_dropped, buffer.n_waiting) == (4, 0, 0)
    with pytest.raises(RuntimeError, match="closed"):
        buffer.add({"user_id": user, "item_id": "i9"})
    with EventBuffer(client, seconds=0.01) as buffer:
        buffer.add({"user_id": user, "item_id": "i10"})
        until(lambda: buffer.n_sent == 1)
    assert client.user(user).counts.live_events == 5


def test_a_buffer_outlives_failures_counts_once_and_names_what_it_dropped(client, url, user):
    dropped = []
    faults = ["lose", *[(503, 0)] * 4]
    options = {"size": 3, "seconds": 60.0, "on_drop": dropped.extend}
    with (
        failing(url, *faults) as proxy,
        patient(proxy) as over_proxy,
        EventBuffer(over_proxy, **options) as buffer,
    ):
        for event in events_of(user, 2):
            buffer.add(event)
        buffer.add({"user_id": user, "item_id": "i3", "position": -1})
        until(lambda: buffer.n_sent == 2)
    assert len(proxy.bodies) == 6
    assert [one.event["position"] for one in dropped] == [-1]
    assert dropped[0].reason
    assert client.user(user).counts.live_events == 2


def test_a_buffer_that_cannot_send_at_its_end_names_every_event(user):
    dropped = []
    with (
        Client(f"http://127.0.0.1:{free_port()}", retry=QUICKLY, verify=False) as nobody,
        EventBuffer(nobody, seconds=60.0, on_drop=dropped.extend) as buffer,
    ):
        for event in events_of(user, 2):
            buffer.add(event)
    assert [one.event["item_id"] for one in dropped] == ["i0", "i1"]
    assert "the last attempt failed" in dropped[0].reason


async def test_the_client_of_an_event_loop_does_the_same(url, user):
    async with AsyncClient(url, api_key=KEY, verify=False) as client:
        assert len((await client.recommend(user, k=3)).items) == 3
        assert [one.item_id async for one in client.items(prefix="i1", limit=2)]
        with pytest.raises(RecfunnelError, match="there is no item"):
            await client.item("nothing")
        async with AsyncEventBuffer(client, size=2, seconds=60.0) as buffer:
            for event in events_of(user, 3):
                buffer.add(event)
        assert (buffer.n_sent, buffer.n_dropped) == (3, 0)
        assert (await client.user(user)).counts.live_events == 3


async def test_in_an_event_loop_failures_are_repeated_and_drops_are_named(url, user):
    dropped = []
    with failing(url, "lose", (503, 0)) as proxy:
        async with AsyncClient(proxy.url, api_key=KEY, retry=QUICKLY, verify=False) as client:
            answer = await client.send({"user_id": user, "item_id": "i1"})
    assert answer.duplicates == 1
    async with (
        AsyncClient(proxy.url, retry=QUICKLY, verify=False) as nobody,
        AsyncEventBuffer(nobody, seconds=60.0, on_drop=dropped.extend) as buffer,
    ):
        buffer.add({"user_id": user, "item_id": "i2"})
    assert "the last attempt failed" in dropped[0].reason


@pytest.mark.parametrize("page", ["docs/guides/clients.md", "clients/python/README.md"])
def test_the_examples_of_the_pages_work(page, url):
    examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert examples
    for example in examples:
        here = f'"{url}", api_key="{KEY}", verify=False'
        exec(example.replace('"http://127.0.0.1:8000"', here), {})  # noqa: S102 (our own pages)
