"""Redis is killed, lost, slow and back while the service runs: answers go on and say so."""

import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import redis

from app.process.server_process import find_binary
from app.service.rollout import RolloutTiming
from app.settings import Settings
from offline.commands.accept_loss import accept_loss
from tests.serving import hosted, leisurely, running, until
from tests.world import seen_by

SOON = 15.0  # seconds to heal: a few on an idle machine


class Server:
    """A real server that keeps nothing, on a socket that stays the same."""

    def __init__(self, folder):
        self.path = folder / "their.sock"
        self.url = f"unix://{self.path}"
        self.process = None

    def start(self):
        self.path.unlink(missing_ok=True)
        options = ("--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no")
        self.process = subprocess.Popen(
            [find_binary(), *options, "--unixsocket", str(self.path)],
            stdout=subprocess.DEVNULL,
            cwd=self.path.parent,
        )
        until(self.answers)

    def signal(self, which):
        self.process.send_signal(which)

    def kill(self):
        self.process.kill()
        self.process.wait(5)

    def answers(self):
        try:
            with redis.Redis.from_url(self.url) as link:
                return link.ping()
        except redis.RedisError:
            return False


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("r"))  # a socket's path must be short
    one.start()
    yield one
    one.kill()


def missing(answer):
    return {(d["stage"], d["outcome"]) for d in answer["degraded"]}


def is_whole(served, user="u1"):
    return not served.recommend(user)["degraded"]


def post(served, item, user="newcomer"):
    return served.client.post("/events", json={"user_id": user, "item_id": item, "type": "like"})


def sensible(answer):
    ids = [item["item_id"] for item in answer["items"]]
    return len(set(ids)) == 10 and not set(ids) & seen_by("u1")


def test_redis_killed_and_back_empty_answers_go_on_and_heal_by_themselves(trained, server, caplog):
    with hosted(leisurely(out=trained, redis_url=server.url)) as served:
        assert is_whole(served)
        assert post(served, "i1").status_code == 202

        server.kill()
        for _ in range(10):
            answer = served.recommend("u1")
            assert sensible(answer)
            assert missing(answer) <= {("history", "down"), ("history", "late")}
            assert missing(answer)
        for path in ("/items/i3/similar", "/items/i3/bought-together", "/popular", "/trending"):
            assert served.client.get(path).status_code == 200
        ranked = served.client.post("/rank", json={"user_id": "u1", "items": ["i3", "i4"]}).json()
        assert {stage for stage, _ in missing(ranked)} >= {"history"}
        refused = post(served, "i2")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["error"]["code"] == "unavailable"
        ready = served.client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["redis"] == "down"
        text = served.client.get("/metrics").text
        assert 'recfunnel_degraded_total{outcome="down",stage="history"}' in text
        assert "Traceback" not in caplog.text

        server.start()  # empty: the tables are gone
        until(lambda: is_whole(served), SOON)
        until(lambda: post(served, "i2").status_code == 202, SOON)
        assert "i2" not in [i["item_id"] for i in served.recommend("newcomer", k=100)["items"]]
        until(lambda: served.client.get("/readyz").json()["redis"] == "ok")
        assert any(
            item["explain"]["channels"].get("item_cf")
            for item in served.recommend("u1", explain=True)["items"]
        )


def test_a_redis_that_stands_still_costs_no_more_than_the_budget(trained, server):
    times = {"history": 150, "recall": 900}
    checkpoints = times | dict.fromkeys(("coarse", "fine", "rerank"), 1_500)
    hurry = {"budget_ms": 2_000, "redis_timeout_ms": 1_500, "checkpoints_ms": checkpoints}
    with hosted(leisurely(out=trained, redis_url=server.url, **hurry)) as served:
        until(lambda: is_whole(served), SOON)
        server.signal(signal.SIGSTOP)
        try:
            first = served.recommend("u1")
            assert ("history", "late") in missing(first)
            for _ in range(3):
                began = time.monotonic()
                answer = served.recommend("u1")
                assert sensible(answer)
                assert "history" in {stage for stage, _ in missing(answer)}
                assert {outcome for _, outcome in missing(answer)} <= {"late", "down"}
                assert answer["took_ms"] < 2_000
                assert time.monotonic() - began < 4
            assert post(served, "i4").status_code == 503
        finally:
            server.signal(signal.SIGCONT)
        until(lambda: is_whole(served), SOON)
        until(lambda: post(served, "i5").status_code == 202, SOON)


def test_the_embedded_server_killed_is_back_with_what_was_acknowledged(out):
    with running(out) as served:
        assert post(served, "i1").status_code == 202
        (embedded,) = [p for p in served.family() if "valkey" in p.name()]
        embedded.kill()
        assert sensible(served.recommend("u1"))
        until(lambda: is_whole(served), SOON)
        ids = [item["item_id"] for item in served.recommend("newcomer", k=100)["items"]]
        assert "i1" not in ids
        (another,) = [p for p in served.family() if "valkey" in p.name()]
        assert another.pid != embedded.pid


def test_started_without_a_redis_it_serves_and_takes_it_up_when_it_comes(trained, server):
    server.kill()
    settings = leisurely(out=trained, redis_url=server.url)
    with hosted(settings, ready=False, timing=RolloutTiming(prepare=30)) as served:
        assert served.client.get("/readyz").status_code == 503
        refused = served.client.get("/recommend?user_id=u1")
        assert refused.status_code == 503
        server.start()
        until(lambda: served.client.get("/readyz").is_success, 30)
        until(lambda: is_whole(served), SOON)


def test_live_counts_outlast_new_rows_that_are_needed_while_redis_stands_still(
    trained, server, caplog
):
    known = {"spare_items": 2, "max_spare_items": 40, "reload_seconds": 600}
    settings = leisurely(out=trained, redis_url=server.url, redis_timeout_ms=300, **known)
    with hosted(settings, timing=RolloutTiming(prepare=0.3)) as served:
        for item in ("new-0", "new-1"):
            assert served.client.put(f"/items/{item}", json={}).is_success
        assert post(served, "new-0").status_code == 202

        def likes():
            return served.client.get("/items/new-0/counts").json()["liked"]

        until(lambda: likes() == 1)
        before = served.service.deployment
        server.signal(signal.SIGSTOP)
        try:
            served.service.add_spare_rows_soon()
            until(lambda: "spare rows are added later" in caplog.text)
            assert served.service.deployment is before
            assert likes() == 1
        finally:
            server.signal(signal.SIGCONT)
        until(lambda: is_whole(served), SOON)
        served.service.rollout.timing = RolloutTiming()
        served.service.add_spare_rows_soon()
        until(lambda: served.service.deployment is not before, SOON)
        assert served.service.deployment.live_items.spare_count == 8
        assert likes() == 1


# What users do not want to see. Workers remember "u1" and "u3", whose lists are asked for after it.
# "u2" and "u4" are users that they have to treat as any other.
def forbid(served):
    """Hide and block what is at the top of some users' lists; return it by user."""
    forbidden = {}
    for user in ("u1", "u2", "u3", "u4"):
        items = ids_of(served.recommend(user, k=10))
        forbidden[user] = set(items[:6])
        for item in items[:3]:
            body = {"user_id": user, "item_id": item, "type": "hide"}
            assert served.client.post("/events", json=body).status_code == 202
        blocked = {"items": items[3:6]}
        assert served.client.put(f"/users/{user}/blocked", json=blocked).status_code == 200
    for user in ("u1", "u3"):
        for _ in range(8):  # both workers
            assert not set(ids_of(served.recommend(user))) & forbidden[user]
    return forbidden


def ids_of(answer):
    return [item["item_id"] for item in answer["items"]]


def ask_together(served, forbidden, n=24):
    """Ask for lists of all users, several at once; check that nothing forbidden is shown."""
    users = [list(forbidden)[at % len(forbidden)] for at in range(n)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(served.recommend, users))
    by_user = {}
    for user, answer in zip(users, answers, strict=True):
        assert not set(ids_of(answer)) & forbidden[user], (user, answer)
        by_user.setdefault(user, []).append(answer)
    return by_user


def is_answered_by_the_store(answers):
    return not any("history" in {stage for stage, _ in missing(answer)} for answer in answers)


def test_nothing_hidden_or_blocked_is_shown_whatever_happens_to_redis(out, server):
    brief = {"RECFUNNEL_REDIS_TIMEOUT_MS": "300", "RECFUNNEL_WORKERS": "2"}
    with running(out, REDIS_URL=server.url, **brief) as served:
        until(lambda: is_whole(served), SOON)
        forbidden = forbid(served)
        check_hung(served, server, forbidden)
        time.sleep(1.5)  # the file is written within a second
        server.kill()
        for _ in range(2):
            answers = ask_together(served, forbidden)
            assert all("history" in dict(missing(each)) for each in answers["u2"])
        assert put_blocked(served, "u5", []).status_code == 503
        server.start()  # empty
        check_restarted_empty(served, server, forbidden, out)
    server.kill()
    with running(out, ready=False, REDIS_URL=server.url, **brief) as served:  # the file is left
        until(served.is_ready, 60)
        answers = ask_together(served, forbidden)
        assert all(("filters", "down") in missing(each) for each in chain(*answers.values()))
        assert all(each["items"] for each in chain(*answers.values()))


def check_hung(served, server, forbidden):
    server.signal(signal.SIGSTOP)
    try:
        for _ in range(2):
            answers = ask_together(served, forbidden)
            assert all(("filters", "down") in missing(each) for each in answers["u2"])
            assert all(each["items"] for each in answers["u2"])
    finally:
        server.signal(signal.SIGCONT)
    until(lambda: is_answered_by_the_store(ask_together(served, forbidden)["u2"]), SOON)


def check_restarted_empty(served, server, forbidden, out):
    until(lambda: is_answered_by_the_store(ask_together(served, forbidden)["u2"]), SOON)
    until(lambda: not any(map(missing, ask_together(served, forbidden)["u1"])), SOON)
    stranger = served.recommend("u9")
    assert ("filters", "lost") in missing(stranger)
    assert not set(ids_of(stranger)) & set().union(*forbidden.values())
    restored = served.client.get("/users/u1/blocked").json()["items"]
    assert set(restored) < forbidden["u1"]
    assert len(restored) == 3
    remedy = "accept the loss with `recfunnel accept-loss`"

    def is_warned_of():  # each worker by itself, when it follows the changes again
        return any(remedy in each for each in served.client.get("/readyz").json()["warnings"])

    until(is_warned_of, SOON)
    accept_loss(Settings(out=out, redis_url=server.url))
    until(lambda: not missing(served.recommend("u9")), SOON)


def put_blocked(served, user, items):
    return served.client.put(f"/users/{user}/blocked", json={"items": items})


def test_without_any_redis_ever_the_list_says_that_the_filters_are_unknown(out, server):
    server.kill()
    with running(out, ready=False, REDIS_URL=server.url) as served:
        until(served.is_ready, 60)
        answer = served.recommend("u1")
        assert ("filters", "unknown") in missing(answer)
        assert sensible(answer)


def test_an_erased_user_stays_unknown_without_redis(out, server):
    with running(out, REDIS_URL=server.url) as served:
        personal = ids_of(served.recommend("u1", k=20))
        assert served.client.delete("/users/u1").status_code == 202
        server.kill()
        answer = served.recommend("u1", k=20)
        assert ("filters", "down") in missing(answer)
        assert seen_by("u1") & set(ids_of(served.recommend("u1", k=100)))
        assert ids_of(answer) != personal
