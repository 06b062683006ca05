"""Codes of the providers that came after the bundle: given to the first item, then given back."""

from collections import deque
from dataclasses import dataclass, field

from app.live_catalogue.catalogue_overlay import OverlayTexts


@dataclass(slots=True, eq=False)
class ProviderCodes:
    """The codes of all providers, in one deployment. One writer, on the event loop.

    The bundle's providers keep their codes. Another provider has a code while an item in a row is
    of it. The code can be another's after ``rest`` seconds: lists being computed may use it.
    """

    names: OverlayTexts  # name by code, with spare ones; the lists read them
    rest: float  # seconds
    _own: int = field(init=False)  # the number of providers of the bundle; their codes come first
    _codes: dict[str | None, int] = field(init=False)  # by name
    _uses: dict[int, int] = field(default_factory=dict, init=False)  # number of items by code
    _free: deque[int] = field(init=False)
    _resting: dict[int, float] = field(default_factory=dict, init=False)  # until, the oldest first

    def __post_init__(self) -> None:
        self._own = len(self.names) - self.names.spare
        names = self.names.tolist()[: self._own]
        self._codes = dict(zip(names, range(self._own), strict=True))
        self._free = deque(range(self._own, len(self.names)))

    @property
    def added_count(self) -> int:
        """The number of codes that providers outside the bundle have."""
        return len(self._uses)

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    @property
    def will_have_free(self) -> bool:
        """Whether a code is free now, or soon."""
        return bool(self._free or self._resting)

    def has_code(self, name: str) -> bool:
        return name in self._codes

    def take(self, name: str) -> int:
        """Return the provider's code, and count one more item that uses it.

        Raises:
            IndexError: a new provider needs a code, and none is free.
        """
        code = self._codes.get(name)
        if code is None:
            code = self._free.popleft()
            self._codes[name], self.names.overrides[code] = code, name
        if code >= self._own:
            self._uses[code] = self._uses.get(code, 0) + 1
            self._resting.pop(code, None)
        return code

    def give_back(self, code: int, now: float) -> None:
        """Count one item less that uses the code; -1 is no code. ``now`` is in seconds."""
        if code < self._own:
            return
        self._uses[code] -= 1
        if not self._uses[code]:
            del self._uses[code]
            self._resting[code] = now + self.rest

    def free_rested(self, now: float) -> None:
        """Free the codes that nobody has used for ``rest`` seconds. Call this regularly."""
        rested = [code for code, until in self._resting.items() if until <= now]
        for code in rested:
            del self._resting[code]
            name = self.names.overrides.pop(code)
            del self._codes[name]
            self._free.append(code)
