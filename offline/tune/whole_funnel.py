"""Judges a whole configuration: rankers learnt before a window, the real funnel asked in it."""

from dataclasses import replace

from app.cpu import Cpu
from offline.data.split import TimeSplit
from offline.evaluate.metrics import PerUser, user_ndcg
from offline.job import JobConfig, PhaseTimer, build_holdout, fit_rankers, funnel_config
from offline.tune.study import TrialFigures
from offline.tune.windows import TuningData


def evaluate_config(known: TuningData, cpu: Cpu, config: JobConfig, window: int) -> PerUser:
    """Give NDCG@10 of every user who came in a window, (u,); what recall missed counts too."""
    start, end = known.windows[window]
    split = TimeSplit(start, end, known.windows[:window])
    wiring = funnel_config(config, cpu)
    learned = fit_rankers(known.dataset, split, config, wiring, PhaseTimer())
    exam = build_holdout(known.dataset, split, config, wiring)
    return user_ndcg(exam.compute_lists(learned.rankers, config.sizes), exam.relevant)


def evaluate_sizes(known: TuningData, cpu: Cpu, config: JobConfig, window: int) -> TrialFigures:
    """Give NDCG@10 of every user, (u, 1), with as few trees as may be: the sizes do not care."""
    quick = replace(config.rank, rounds=config.rank.least_rounds)
    return evaluate_config(known, cpu, replace(config, rank=quick), window)[:, None]
