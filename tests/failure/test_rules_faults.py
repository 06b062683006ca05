"""The store fails while rules are in force: they hold, a start without it says what is known."""

import signal

import pytest

from app.service.rollout import RolloutTiming
from tests.failure.test_redis import SOON, Server, ids_of, missing
from tests.serving import hosted, leisurely, running, until

BRIEF = {"RECFUNNEL_REDIS_TIMEOUT_MS": "300", "RECFUNNEL_WORKERS": "2"}


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("r"))
    one.start()
    yield one
    one.kill()


def block(served, items):
    body = {
        "version": served.client.get("/rules").json()["newest"],
        "author": "anna",
        "rules": {"policy": {"blocked_items": items}},
    }
    return served.client.put("/rules", json=body)


def asked_of_both_workers(served, n=16):
    return [served.recommend("u1") for _ in range(n)]


def shows_none_of(answers, items):
    return not any(set(ids_of(answer)) & set(items) for answer in answers)


def file_of_rules(out):
    return next(iter((out / "withheld").glob("*.rules.json")), None)


def test_rules_hold_whatever_happens_to_redis_and_are_kept_for_a_start_without_it(out, server):
    with running(out, REDIS_URL=server.url, **BRIEF) as served:
        until(lambda: not served.recommend("u1")["degraded"], SOON)
        blocked = ids_of(served.recommend("u1"))[:4]
        assert block(served, blocked).status_code == 200
        assert shows_none_of(asked_of_both_workers(served), blocked)
        until(lambda: b"blocked_items" in file_of_rules(out).read_bytes())

        server.kill()
        assert shows_none_of(asked_of_both_workers(served), blocked)
        refused = block(served, [])
        assert refused.status_code == 503
        assert "the rules were not saved" in refused.json()["error"]["message"]
        server.start()  # empty: the workers write the rules again

        def history():
            answer = served.client.get("/rules/history")
            return answer.json()["versions"] if answer.is_success else []

        (version,) = until(history, SOON)
        assert (version["version"], version["author"]) == (1, "anna")
        assert shows_none_of(asked_of_both_workers(served), blocked)
        assert until(lambda: block(served, blocked[:1]).is_success, SOON)
        until(lambda: file_of_rules(out).read_bytes().startswith(b"2\n"))
    server.kill()
    check_start_without_redis(out, server, blocked[:1])


def check_start_without_redis(out, server, blocked):
    settings = leisurely(out=out, redis_url=server.url, key_prefix="recfunnel")
    with hosted(settings, timing=RolloutTiming(prepare=0.1)) as served:
        answer = served.recommend("u1")
        assert shows_none_of([answer], blocked)
        assert "rules" not in dict(missing(answer))
        warnings = served.client.get("/readyz").json()["warnings"]
        assert any("version 2 of the rules is in force" in each for each in warnings)
    file_of_rules(out).unlink()
    with hosted(settings, timing=RolloutTiming(prepare=0.1)) as served:
        answer = served.recommend("u1")
        assert ("rules", "unknown") in missing(answer)
        assert answer["items"]
        for path in ("/popular", "/trending", "/items/i3/similar", "/onboarding"):
            (note, *_) = served.client.get(path).json()["notes"]
            assert note.startswith("the rules are not known, because Redis has not answered")
        warnings = served.client.get("/readyz").json()["warnings"]
        assert any("the rules are not known" in each for each in warnings)
        assert served.client.get("/rules").json()["is_known"] is False


def test_after_a_time_out_nobody_claims_to_know_whether_rules_were_saved(out, server):
    with running(out, REDIS_URL=server.url, **BRIEF) as served:
        until(lambda: not served.recommend("u1")["degraded"], SOON)
        blocked = ids_of(served.recommend("u1"))[:2]
        change = {
            "version": 0,
            "author": "anna",
            "rules": {"policy": {"blocked_items": blocked}},
        }
        server.signal(signal.SIGSTOP)
        refused = served.client.put("/rules", json=change)
        server.signal(signal.SIGCONT)
        assert refused.status_code == 503
        assert "it is not known whether the rules were saved" in refused.json()["error"]["message"]
        saved = until(lambda: (one := served.client.put("/rules", json=change)).is_success and one)
        assert saved.json()["version"] == 1
        assert len(served.client.get("/rules/history").json()["versions"]) == 1
        assert shows_none_of(asked_of_both_workers(served), blocked)
