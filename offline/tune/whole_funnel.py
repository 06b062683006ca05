"""Judges a whole configuration: rankers learnt before a window, the real funnel asked in it."""

from dataclasses import replace

from app.cpu import Cpu
from offline.data.split import TimeSplit
from offline.evaluate.funnel_answers import ndcg
from offline.evaluate.metrics import PerUser
from offline.job import JobConfig, Phases, learn, prepare, wired
from offline.tune.study import Figures
from offline.tune.windows import Known


def judge_funnel(known: Known, cpu: Cpu, config: JobConfig, window: int) -> PerUser:
    """Give NDCG@10 of every user who came in a window, (u,); what recall missed counts too."""
    start, end = known.windows[window]
    split = TimeSplit(start, end, known.windows[:window])
    wiring = wired(config, cpu)
    learned = learn(known.dataset, split, config, wiring, Phases())
    exam = prepare(known.dataset, split, config, wiring)
    return ndcg(exam.sit(learned.rankers, config.sizes), exam.relevant)


def judge_sizes(known: Known, cpu: Cpu, config: JobConfig, window: int) -> Figures:
    """Give NDCG@10 of every user, (u, 1), with as few trees as may be: the sizes do not care."""
    quick = replace(config.rank, rounds=config.rank.least_rounds)
    return judge_funnel(known, cpu, replace(config, rank=quick), window)[:, None]
