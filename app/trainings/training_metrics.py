"""Report the trainings of a service as metrics."""

from collections.abc import Sequence
from itertools import takewhile

from app.observe.metrics import Metrics
from app.trainings.training_folder import TrainingFolder
from app.trainings.training_record import TrainingRecord

UNSUCCESSFUL = frozenset({"failed", "refused"})


class TrainingMetrics:
    """Sets the metrics of trainings as their folder has them. One lives in each worker."""

    def __init__(self, folder: TrainingFolder, metrics: Metrics) -> None:
        self._folder = folder
        self._metrics = metrics
        self._seen = -1  # time of the folder's last change, nanoseconds
        self._is_running = False

    def report(self) -> None:
        """Set the metrics. The records are read if one has changed, or if a training runs."""
        try:
            changed = self._folder.path.stat().st_mtime_ns
            if changed == self._seen and not self._is_running:
                return
            records = self._folder.newest()
        except OSError:  # there never was a training, or its folder belongs to another account
            return
        set_training_metrics(records, self._metrics)
        self._seen = changed
        self._is_running = any(not record.has_ended for record in records)


def set_training_metrics(records: Sequence[TrainingRecord], metrics: Metrics) -> None:
    """Set the metrics of trainings; ``records`` has the newest first."""
    ended = [record for record in records if record.has_ended and record.state != "cancelled"]
    published = next((record for record in ended if record.state == "published"), None)
    failures = takewhile(lambda record: record.state in UNSUCCESSFUL, ended)
    metrics.set("training_running", float(len(records) > sum(r.has_ended for r in records)))
    metrics.set("training_failures", sum(1 for _ in failures))
    if published and published.finished is not None:
        metrics.set("training_published_timestamp_seconds", published.finished)
        metrics.set("training_seconds", published.seconds(published.finished) or 0.0)
