"""A bundle trained from the archive is served: what it contains is not counted again."""

import time

import numpy as np
import pytest
import redis

from app.bundle.bundle import find_current_bundle, load_bundle
from app.state.event_codec import events_key, impressions_key
from offline.archive.files import archive_folder
from offline.commands.archive import archive
from offline.commands.replay import find_differences
from offline.commands.train import TrainOptions, train
from offline.evaluate.gate import GateConfig
from offline.replay_log.replay import RequestReplayer
from offline.replay_log.stream_reader import StreamReader
from tests.conftest import copy_trained
from tests.serving import QUICK, hosted, leisurely, until
from tests.tracing import untraced

USERS = [f"u{n}" for n in range(30)]
CLICKS = 2  # of each user before the archive's end


@pytest.fixture(scope="module")
def story(data, trained, redis_url, tmp_path_factory):
    """Clicks, an archive, more clicks, a training from the archive, and its bundle in service."""
    out = copy_trained(trained, tmp_path_factory.mktemp("archived") / "out")
    settings = leisurely(out=out, redis_url=redis_url, reload_seconds=0.05)
    choice = TrainOptions(from_archive=True, gate=GateConfig(force=True), config=QUICK)
    with hosted(settings) as service, redis.Redis.from_url(redis_url) as client:
        shown = impressions_key(settings.key_prefix)
        clicked = [click(service, user) for user in USERS for _ in range(CLICKS)]
        click(service, "u0", timestamp=time.time() - 86_400)  # it comes late
        until(lambda: client.xlen(shown) == len(clicked) + 1)
        archive(settings, once=True)
        later = [click(service, user) for user in USERS[:10]]
        until(lambda: client.xlen(shown) == len(clicked) + 1 + len(later))
        n_applied = consumer_of(service).applied
        folder = untraced(train)(data, settings, choice)
        until(lambda: service.service.deployment.bundle.version == folder.name)
        applied = n_applied, consumer_of(service).applied
        yield settings, service, load_bundle(folder), later, (*applied, counts_of(service))


def counts_of(service):
    """The counters as they are now, before other tests ask for lists."""
    counters = service.service.deployment.counters
    newest = counters.counts[-1].copy(), counters.liked[-1].copy()
    return (counters.trials, counters.positives.sum(), *newest)


def click(service, user, **fields):
    """Click an item of a list; return its id."""
    answer = service.recommend(user, explore=False)
    item = answer["items"][0]["item_id"]
    event = {"user_id": user, "item_id": item, "type": "like", "request_id": answer["request_id"]}
    service.tell(event | fields)
    return item


def consumer_of(service):
    return service.service.deployment.consumer


def counted(bundle, items):
    """How often each row of the bundle's catalogue is among these items."""
    rows = bundle.models.catalogue.ids.rows(items)
    return np.bincount(rows, minlength=len(bundle.models.catalogue))


def test_only_events_after_the_bundle_are_applied(story):
    _, _, bundle, later, (n_before, n_applied, counts) = story
    trials, n_positives, counted_events, liked = counts
    base, extra = bundle.models.popularity, counted(bundle, later)
    n = len(bundle.models.catalogue)
    assert n_before == CLICKS * len(USERS) + 1 + len(later)
    assert n_applied == n_positives == len(later)
    assert trials == 10 * len(later)  # lists of 10, as many as there were clicks on them
    assert counted_events[:n].tolist() == (base.counts[-1] + extra).tolist()
    assert liked[:n] == pytest.approx(base.liked[-1] + extra)


def test_an_event_in_bundle_and_store_is_in_the_history_once(story, trained):
    settings, service, bundle, _, _ = story
    before = load_bundle(find_current_bundle(trained))
    assert bundle.manifest.time_shift == before.manifest.time_shift > 0
    with redis.Redis.from_url(settings.redis_url) as client:
        reader = StreamReader(client, settings.key_prefix, archive_folder(settings.out))
        for user, clicks in (("u0", CLICKS + 2), ("u5", CLICKS + 1), ("u20", CLICKS)):
            answer = service.recommend(user)
            entry = until(lambda answer=answer: reader.find(answer["request_id"]))
            old = before.models.users.history(before.models.users.ids.row(user))
            assert entry.head["history_length"] == len(old) + clicks


def test_answers_of_both_bundles_are_replayed_equal_to_the_bit(story, cpu):
    settings, service, bundle, _, _ = story
    request_id = service.recommend("u3")["request_id"]
    with redis.Redis.from_url(settings.redis_url) as client:
        reader = StreamReader(client, settings.key_prefix, archive_folder(settings.out))
        until(lambda: reader.find(request_id))
        replayer = RequestReplayer(settings, reader, cpu)
        entries = list(reader.log_entries())
        assert {entry.head["bundle"] for entry in entries} > {bundle.version}
        newest = next(one for one in entries if one.head["bundle"] == bundle.version)
        assert newest.head["offsets"][0]["events"][0] > bundle.manifest.stream_offsets["events"]
        assert not any(find_differences(entry, replayer.replay(entry)) for entry in entries)
        oldest = entries[-1].head["bundle"]
        replayed = replayer.replay(newest, bundle=oldest)  # which does not contain the clicks
        first = client.xrange(events_key(settings.key_prefix), count=1)[0][0].decode()
        assert replayed.head["offsets"][0]["events"][0] == first
        replayer.close()
