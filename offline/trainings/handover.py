"""What a process that starts a training passes on to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handover:
    """The training that a new process is, and the lock that the old one holds for it."""

    training_id: str
    lock: int  # a file descriptor

    @classmethod
    def parse(cls, text: str) -> "Handover":
        """Read the form ``ID:DESCRIPTOR`` of the command line."""
        training_id, _, lock = text.partition(":")
        return cls(training_id, int(lock))

    def argument(self) -> str:
        """Return the form that ``parse`` reads."""
        return f"{self.training_id}:{self.lock}"
