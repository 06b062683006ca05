"""What ``recfunnel train`` prints of a training that has ended."""

import io

import orjson
import pytest
from rich.console import Console

from app.bundle.bundle import find_current_bundle
from app.rank.channel_order import ChannelOrder
from app.rank.pointwise_listwise import ORDERS_FILE
from offline.commands.training_result import print_result
from offline.phases import PhaseTimer
from tests.conftest import copy_trained

ORDER = ChannelOrder("ease_rank", 20.0, 5, 20, 0.25, 0.05)


@pytest.fixture
def printed(trained, tmp_path):
    """Print the result of a training whose fine ranker has the order of a channel."""
    folder = find_current_bundle(copy_trained(trained, tmp_path / "out"))
    (folder / f"fine.{ORDERS_FILE}").write_bytes(orjson.dumps([ORDER.to_json()]))
    console = Console(file=io.StringIO(), width=200)
    phases = PhaseTimer(seconds={"read": 2.0}, peak_bytes={"read": 3_000_000})
    print_result(console, folder, phases, "flat")
    return console.file.getvalue()


def test_it_says_for_whom_a_channel_orders_items(printed):
    assert ORDER.sentence in printed


def test_it_has_cost_and_quality(printed):
    assert "took 2 s and 3 MB of memory" in printed
    assert "funnel" in printed


def test_a_channel_that_proposed_nothing_has_no_row(printed):
    assert "item_cf" in printed
    assert "social" not in printed
