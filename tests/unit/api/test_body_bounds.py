"""The bounds of a body hold before it is parsed, whatever the sizes of its chunks."""

import json

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request

from app.api import errors
from app.api.body_bounds import EVENTS, MAX_DEPTH, OTHERS, BodyLimit
from app.kernels.json_scan import DEEPEST, STATE_SIZE, VALUES, scan_json


def measure(text, chunk=10**9):
    state = np.zeros(STATE_SIZE, np.int64)
    for start in range(0, len(text), chunk):
        scan_json(np.frombuffer(text[start : start + chunk], np.uint8), state)
    return int(state[VALUES]), int(state[DEEPEST])


@pytest.mark.parametrize("chunk", [1, 2, 7, 1_000])
@pytest.mark.parametrize(
    ("content", "values", "depth"),
    [
        (7, 0, 0),
        ([1, 2, 3], 3, 1),
        ({"a": {"b": [1, 2]}, "c": 3}, 5, 3),
        ({'a,[{"\\': '\\",,,[[['}, 1, 1),
        ([], 1, 1),
    ],
)
def test_values_and_depth_are_counted_outside_strings_in_chunks_of_any_size(
    content, values, depth, chunk
):
    assert measure(json.dumps(content).encode(), chunk) == (values, depth)


def echo(max_held_bytes=10**9):
    app = FastAPI()
    app.add_middleware(BodyLimit, max_held_bytes=max_held_bytes)
    errors.install(app)

    @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
    async def read(http: Request) -> int:
        return len(await http.body())

    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def refusal(path, body):
    async with echo() as client:
        answer = await client.post(path, content=body)
        return answer.status_code, answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "bounds"), [("/events", EVENTS), ("/recommend", OTHERS)])
async def test_a_route_reads_bodies_up_to_its_bounds_and_no_larger_ones(path, bounds):
    async with echo() as client:
        full = b" " * bounds.bytes
        assert (await client.post(path, content=full)).json() == bounds.bytes
        many = b"," * bounds.values
        assert (await client.post(path, content=many)).json() == bounds.values
    assert await refusal(path, full + b" ") == (
        413,
        f"the body has more than {bounds.bytes} bytes; send less",
    )
    assert await refusal(path, many + b",") == (
        413,
        f"the body has more than {bounds.values} list entries and fields; send less",
    )


async def test_brackets_in_brackets_have_a_bound():
    deep = b"[" * (MAX_DEPTH + 1)
    assert (await refusal("/events", deep))[0] == 422
    async with echo() as client:
        assert (await client.post("/events", content=deep[1:])).json() == MAX_DEPTH


async def test_a_body_in_chunks_is_not_read_on_after_its_bound():
    read = 0

    async def chunks():
        nonlocal read
        while read < 100:
            read += 1
            yield b" " * OTHERS.bytes

    assert (await refusal("/recommend", chunks()))[0] == 413
    # httpx's transport for tests hands over the next chunk only when the application asks for it.
    assert read == 2


async def test_a_declared_size_is_refused_before_anything_is_read():
    async def never():
        raise AssertionError("the body was read")
        yield b""

    async with echo() as client:
        headers = {"content-length": str(EVENTS.bytes + 1)}
        answer = await client.post("/events", content=never(), headers=headers)
        assert answer.status_code == 413


async def test_the_bodies_that_are_held_at_a_time_have_a_bound_and_are_released():
    async with echo(max_held_bytes=100) as client:
        for _ in range(3):
            assert (await client.post("/events", content=b" " * 100)).status_code == 200
        answer = await client.post("/events", content=b" " * 101)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await client.post("/events", content=b" " * 100)).status_code == 200


async def test_a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has():
    async with echo() as client:
        answer = await client.put("/events")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "POST", "DELETE"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_a_body_in_an_encoding_that_hides_its_structure_is_refused(encoding):
    body = ('{"\u0122": 1, "history": ' + "[" * 50).encode(encoding)
    assert await refusal("/recommend", body) == (422, "the body is not JSON: write it in UTF-8")
