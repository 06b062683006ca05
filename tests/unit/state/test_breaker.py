from app.state.store import Breaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_breaker_opens_after_failures_in_a_row_only():
    breaker = Breaker(limit=3)
    for answered in (False, False, True, False, False):
        breaker.record(answered=answered)
    assert not breaker.is_open
    breaker.record(answered=False)
    assert breaker.is_open
    assert not breaker.admit()


def test_an_open_breaker_admits_one_caller_at_a_time():
    clock = Clock()
    breaker = Breaker(limit=1, rest=1.0, clock=clock)
    breaker.record(answered=False)
    clock.now = 1.5
    assert [breaker.admit(), breaker.admit()] == [True, False]
    clock.now = 2.0
    breaker.record(answered=False)
    clock.now = 2.9
    assert not breaker.admit()
    clock.now = 3.0
    assert breaker.admit()
    breaker.record(answered=True)
    assert [breaker.admit(), breaker.admit()] == [True, True]


def test_a_probe_that_never_reports_does_not_keep_the_breaker_open():
    clock = Clock()
    breaker = Breaker(limit=1, rest=1.0, clock=clock)
    breaker.record(answered=False)
    clock.now = 1.0
    assert breaker.admit()
    clock.now = 2.0
    assert breaker.admit()
