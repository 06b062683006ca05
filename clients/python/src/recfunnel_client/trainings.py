"""The calls that start, show and cancel trainings. They need a key with the role ``admin``."""

from recfunnel_client.answers import TrainingBody, TrainingList, TrainingWithLog
from recfunnel_client.call import Call, path_of


def start_training(*, from_archive: bool = True, force: bool = False) -> Call[TrainingBody]:
    """Request a training. ``force`` publishes its bundle even if the gate refuses it."""
    body = {"from_archive": from_archive, "force": force}
    return Call("POST", "/trainings", TrainingBody, body=body)


def trainings(*, limit: int | None = None) -> Call[TrainingList]:
    """Return the newest trainings."""
    return Call("GET", "/trainings", TrainingList, {"limit": limit})


def training(training_id: str) -> Call[TrainingWithLog]:
    """Return how far a training is or how it ended, with the end of its log."""
    return Call("GET", path_of("trainings", training_id), TrainingWithLog)


def cancel_training(training_id: str) -> Call[TrainingWithLog]:
    """Request that a training ends."""
    return Call("DELETE", path_of("trainings", training_id), TrainingWithLog)
