"""What is served before anything was trained."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.pointer import current_version
from app.trainings.training_folder import TrainingRunsError
from offline import cli
from offline.commands.self_training import SelfTraining, count_new_events, self_training
from offline.commands.serve import serve_from_nothing
from offline.data.errors import DataError
from offline.publish.starter import NO_ITEMS, build_untrained_models, publish_starter
from offline.trainings.background import training_in_background
from tests.fakes import small_catalogue
from tests.serving import free_port, hosted, leisurely


def recfunnel(*command):
    return CliRunner(env={"REDIS_URL": ""}).invoke(cli.app, [str(part) for part in command])


@pytest.fixture
def unchanged_logging():
    """Undo that a service configures the logs of its process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def nothing(tmp_path, redis_url):
    """A service that began with nothing."""
    publish_starter(tmp_path / "out")
    with hosted(leisurely(out=tmp_path / "out", redis_url=redis_url)) as service:
        yield service


def test_what_is_put_is_listed_and_what_is_liked_brings_what_is_similar(nothing):
    shop = nothing
    assert shop.recommend("anna")["items"] == []
    for n in range(40):
        item = {"title": f"No {n}", "categories": [f"kind {n % 20}"], "flags": [f"flag {n}"]}
        assert shop.client.put(f"/items/a{n}", json=item).is_success
    assert len(shop.ids("anna")) == 10
    shop.tell({"user_id": "anna", "item_id": "a3", "type": "purchase"})
    answer = shop.recommend("anna", explore=False, k=20)
    channels = {item["item_id"]: item["reason"]["channel"] for item in answer["items"]}
    assert channels["a23"] == "content"
    assert "a3" not in channels
    assert answer["degraded"] == [{"stage": "models", "outcome": "untrained"}]
    assert shop.ids("bob", filter='category == "kind 7" and flag != "flag 7"') == ["a27"]
    assert shop.client.get("/onboarding").json()["items"] == []


def test_more_items_than_usual_have_a_row_before_the_first_training(nothing):
    items = nothing.service.deployment.live_items
    assert len(items.catalogue) >= 10_000


def test_a_catalogue_without_interactions_is_served(tmp_path, redis_url):
    data, out = tmp_path / "shop", tmp_path / "out"
    data.mkdir()
    lines = [f"p{n},Lamp {n},light|room {n % 3}" for n in range(30)]
    (data / "items.csv").write_text("\n".join(["item_id,title,categories", *lines]))
    diagnosis = recfunnel("doctor", data)
    assert diagnosis.exit_code == 0, diagnosis.output
    assert "No interactions" in diagnosis.output
    training = recfunnel("train", "--data", data, "--out", out)
    assert training.exit_code == 0, training.output
    assert "There are 30 items and no interactions yet" in training.output
    with hosted(leisurely(out=out, redis_url=redis_url)) as shop:
        assert shop.client.get("/readyz").json()["trained"] is False
        assert len(shop.ids("anna")) == 10
        shop.tell({"user_id": "anna", "item_id": "p3", "type": "like"})
        answer = shop.recommend("anna", explore=False)
        assert any(item["reason"]["channel"] == "content" for item in answer["items"])
        assert shop.client.put("/items/new", json={"title": "Lamp", "categories": ["light"]})
        assert "new" in shop.ids("anna", k=50)


def test_an_unknown_file_beside_the_items_may_hold_the_interactions(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n")
    (tmp_path / "what is this.csv").write_text("user_id,item_id\nu,a\n")
    result = recfunnel("doctor", tmp_path)
    assert result.exit_code == 1
    assert "no known layout" in result.stderr


def test_trained_models_are_not_replaced_by_a_catalogue(out, tmp_path):
    data = tmp_path / "shop"
    data.mkdir()
    (data / "items.csv").write_text("item_id,title\na,A\n")
    before = current_version(out)
    result = recfunnel("train", "--data", data, "--out", out)
    assert result.exit_code == 1
    assert f"{before} stays in service" in result.stderr
    absent = recfunnel("train", "--data", tmp_path / "typo", "--from-archive", "--out", out)
    assert absent.exit_code == 1
    assert f"{before} in {out} learned from the files" in absent.stderr
    assert current_version(out) == before


def test_without_data_and_archive_there_is_nothing_to_train_on(tmp_path):
    result = recfunnel("train", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "name a folder with --data" in result.stderr


def test_a_starter_bundle_is_made_only_where_there_is_none_and_it_is_wanted(
    tmp_path, unchanged_logging, capsys
):
    out, served = tmp_path / "out", []
    settings = leisurely(out=out, port=free_port())
    serve_from_nothing(settings.model_copy(update={"serve_untrained": False}), served.append)
    assert current_version(out) is None
    serve_from_nothing(settings, served.append)
    first = current_version(out)
    assert load_bundle(find_current_bundle(out)).manifest.is_starter
    serve_from_nothing(settings, served.append)
    assert current_version(out) == first
    assert len(served) == 3
    assert "begins without items and without models" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_stops_no_service(tmp_path, unchanged_logging, capsys):
    (tmp_path / "out").write_text("a file, and no folder")
    served = []
    serve_from_nothing(leisurely(out=tmp_path / "out", port=free_port()), served.append)
    assert served
    assert "none to start with can be written" in capsys.readouterr().err


def test_the_models_of_a_catalogue_without_content_are_hashed():
    catalogue = small_catalogue(categories=False, titles=False)
    dataset = replace(NO_ITEMS, catalogue=catalogue)
    models = build_untrained_models(dataset, at=1e9)
    assert not models.content.items.any()
    vector, factors = models.cold_item_model.vectors(np.empty(0, np.uint8), "a word", 1999.0, ["c"])
    assert np.isclose(np.linalg.norm(vector), 1.0)
    assert factors.shape == (0,)


def post(service, *items):
    """Post views of items that nobody has put yet: they are kept all the same."""
    events = [{"user_id": "b", "item_id": item, "type": "view"} for item in items]
    assert service.client.post("/events", json=events).json()["accepted"] == len(items)


def test_enough_new_events_begin_one_training(nothing):
    settings = nothing.service.settings.model_copy(update={"train_when_events": 3})
    training = SelfTraining(settings)
    assert training.check() is None
    post(nothing, "i1", "i2")
    assert training.check() is None
    post(nothing, "i3")
    record = training.check()
    assert (record.by, record.from_archive) == ("train_when_events", True)
    assert training.due() is not None
    assert training.due() is None  # the next look is later
    assert training.notice().schedule == "every 3 events"
    manifest = load_bundle(find_current_bundle(settings.out)).manifest
    assert count_new_events(settings, manifest) == 3
    newest = {"events": "99999999999999-0"}
    read = manifest.model_copy(update={"stream_offsets": newest})
    assert count_new_events(settings, read) == 0


def test_a_training_that_fails_is_not_repeated_before_more_events_come(nothing, caplog):
    caplog.set_level(logging.INFO)
    settings = nothing.service.settings.model_copy(update={"train_when_events": 1})
    training = SelfTraining(settings)
    post(nothing, "i1")
    record = training.check()
    training.skipped(TrainingRunsError("another"))
    assert training.check() is not None
    training.ended(record.ended("failed", record.requested, "no memory"))
    assert training.check() is None
    assert "has failed: no memory" in caplog.text
    post(nothing, "i2")
    assert training.check() is not None
    training.ended(record.ended("published", record.requested))
    assert training.check() is not None


def test_whether_to_train_is_decided_later_if_the_archive_cannot_be_read(tmp_path, caplog):
    training = SelfTraining(leisurely(out=tmp_path / "none", train_when_events=1))
    assert training.due() is None
    assert "whether to train cannot be decided now" in caplog.text


def test_a_service_of_a_bundle_that_learned_from_files_does_not_train_itself(trained):
    settings = leisurely(out=trained, train_when_events=1)
    with pytest.raises(DataError, match="set train_data"), training_in_background(settings):
        raise AssertionError("unreachable")
    assert self_training(settings, "data").notice().data == "data"
