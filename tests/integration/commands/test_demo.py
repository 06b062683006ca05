"""``recfunnel demo``: from nothing to a list on the screen."""

import io
import signal

import pytest
from rich.console import Console

from app.bundle.bundle import find_current_bundle
from app.settings import Settings
from offline.commands.demo import demo, has_bundle, print_list
from tests.serving import free_port, hosted, leisurely, running, until
from tests.world import world, write_recbole


def printed(url, user="u1", ready_timeout=30.0):
    output = io.StringIO()
    print_list(Console(file=output, width=250), url, user, ready_timeout)
    return output.getvalue()


@pytest.mark.e2e
def test_the_demo_shows_a_list_and_the_addresses_and_ends_with_ctrl_c(out):
    with running(out, "demo", "--user", "u1", COLUMNS="220") as served:
        until(lambda: "Press Ctrl-C to stop" in served.log, 30)
        text = served.log
        assert f"The bundle in {out} is used." in text
        assert f"For user u1, bundle {find_current_bundle(out).name}" in text
        assert "degraded: nothing" in text
        for word in ("recall.item_cf", "coarse", "fine", "rerank", "explore"):
            assert word in text
        for address in ("/docs", "/metrics", "/recommend?user_id=u1&k=10&explain=true"):
            assert f"{served.url}{address}" in text
        assert served.recommend("u2")["items"]
        status, left = served.end(signal.SIGINT)
        assert status in {0, 130, -signal.SIGINT}
        assert left == []
        assert "Traceback" not in served.log


def test_nothing_there_it_gets_the_data_trains_and_serves(tmp_path, capsys):
    data = write_recbole(tmp_path / "ml-100k", world(3, users=30, items=30, ratings=300))
    folders, served = [], []
    stand_ins = {
        "fetch": lambda to: folders.append(to) or data,
        "serve": lambda *passed: served.append(passed),
    }
    settings = Settings(out=tmp_path / "out", port=free_port(), redis_url=None)
    assert not has_bundle(settings.out)
    demo(settings, tmp_path, "u1", **stand_ins)
    assert folders == [tmp_path]
    assert served == [(settings, "u1")]
    assert has_bundle(settings.out)
    output = capsys.readouterr().out
    assert "redistribut" in output  # GroupLens' terms
    assert "NDCG@10" in output
    demo(settings, tmp_path, "u1", **stand_ins)
    assert folders == [tmp_path]
    assert "is used." in capsys.readouterr().out


def test_a_list_names_the_channels_and_reasons_of_each_item(api):
    text = printed(str(api.client.base_url).rstrip("/"))
    assert "The funnel, stage by stage" in text
    assert "took" in text
    first = api.recommend("u1", explore=False)["items"][0]
    assert first["title"] in text


def test_a_list_that_lacks_something_says_what(api):
    text = printed(str(api.client.base_url).rstrip("/"), "somebody new")
    assert "For user somebody new" in text


def test_a_service_that_does_not_become_ready_is_reported():
    text = printed(f"http://127.0.0.1:{free_port()}", ready_timeout=0.3)
    assert "did not become ready" in text


def test_a_service_that_is_alive_but_not_ready_is_reported(tmp_path, redis_url):
    with hosted(leisurely(out=tmp_path, redis_url=redis_url), ready=False) as service:
        text = printed(str(service.client.base_url).rstrip("/"), ready_timeout=0.3)
        assert "did not become ready" in text
