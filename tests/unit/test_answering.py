"""What happens after an answer."""

import pytest

from app.contracts import StageError
from app.observe.metrics import Metrics
from app.service.answering import SideEffect, run_side_effects


@pytest.mark.parametrize("failure", [ZeroDivisionError("a bug"), StageError("the store is down")])
def test_a_failing_side_effect_is_logged_and_counted_and_the_others_run(failure, caplog):
    answers, metrics = [], Metrics()

    def fail(_answer):
        raise failure

    effects = [SideEffect("drift", fail), SideEffect("impressions", answers.append)]
    run_side_effects(effects, "the answer", metrics)
    assert answers == ["the answer"]
    assert "after.drift" in caplog.text
    assert str(failure) in caplog.text
    counted = 'recfunnel_side_effects_failed_total{effect="drift"} 1.0'
    assert counted in metrics.scrape().decode()
