"""What is measured of trainings."""

from app.observe.metrics import Metrics
from app.trainings.training_folder import TrainingFolder
from app.trainings.training_metrics import TrainingMetrics
from app.trainings.training_record import TrainingRecord, describe_end, new_training_id

NOW = 1_796_000_000.0


def ended(at, state, **changes):
    record = TrainingRecord(training_id=new_training_id(at), requested=at, started=at, **changes)
    return record.ended(state, at + 30, "why")


def value(metrics, name):
    lines = metrics.scrape().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"recfunnel_{name} "))


def test_failures_count_from_the_newest_one_that_published_and_cancelled_ones_do_not(tmp_path):
    folder, metrics = TrainingFolder(tmp_path / "trainings"), Metrics()
    reporter = TrainingMetrics(folder, metrics)
    reporter.report()
    assert value(metrics, "training_failures") == 0
    folder.path.mkdir()
    for n, state in enumerate(("failed", "published", "failed", "cancelled", "refused")):
        folder.write(ended(NOW + 100 * n, state))
    reporter.report()
    assert value(metrics, "training_failures") == 2
    assert value(metrics, "training_published_timestamp_seconds") == NOW + 130
    assert value(metrics, "training_seconds") == 30
    folder.write(ended(NOW + 900, "published"))
    reporter.report()
    assert value(metrics, "training_failures") == 0


def test_a_training_is_running_until_it_ends_or_its_process_dies(tmp_path):
    folder, metrics = TrainingFolder(tmp_path / "trainings"), Metrics()
    reporter = TrainingMetrics(folder, metrics)
    record = TrainingRecord(training_id=new_training_id(NOW), requested=NOW, state="running")
    with folder.claim(record):
        reporter.report()
        assert value(metrics, "training_running") == 1
    reporter.report()  # no file has changed since
    assert value(metrics, "training_running") == 0
    assert value(metrics, "training_failures") == 1


def test_each_end_of_a_training_has_its_sentence():
    start = f"the training {ended(NOW, 'failed').training_id[:-6]}"
    published = ended(NOW, "published", bundle="b1", gate="passed")
    assert describe_end(published).startswith(start)
    assert describe_end(published).endswith("has published b1 after 30 s; the gate: passed; why")
    assert describe_end(ended(NOW, "failed")).endswith("has failed after 30 s: why")
    assert describe_end(ended(NOW, "refused")).endswith("has published nothing after 30 s: why")
    assert describe_end(ended(NOW, "cancelled")).endswith("was cancelled after 30 s: why")
