"""The suite that every implementation of ``app.stages.Histories`` inherits."""

import numpy as np
import pytest

from app.catalogue.ids import IdIndex
from app.state.event_codec import Event

IDS = IdIndex.of(["a", "b", "c", "d", 'q"uo{t}e', "\u00fcber,[1]"])
LIMIT = 4


def event(number, item="a", timestamp=100.0, **fields):
    defaults = {"user": "u", "type": "like", "value": 1.0}
    return Event(event_id=f"e{number}", item=item, timestamp=timestamp, **(defaults | fields))


def items(history):
    return IDS.names(history.rows)


class HistoriesContract:
    """What every implementation of ``app.stages.Histories`` does with the same events.

    A subclass has a fixture ``histories`` with a method ``append(events)``. The data is 1000 s
    behind the wall clock. Each history keeps ``LIMIT`` events.
    """

    async def test_an_unknown_user_has_no_history(self, histories):
        assert len(await histories.recent("nobody")) == 0

    async def test_events_come_newest_first_with_weights_and_the_time_of_the_data(self, histories):
        await histories.append([event(1, "a", 1001.5), event(2, "b", 1002.25, type="view")])
        history = await histories.recent("u")
        assert items(history) == ["b", "a"]
        assert history.times.tolist() == [2.25, 1.5]
        assert history.weights.tolist() == [pytest.approx(0.2), 1.0]
        assert [history.rows.dtype, history.values.dtype] == [np.int64, np.float32]
        assert [history.weights.dtype, history.times.dtype] == [np.float32, np.float64]

    async def test_a_rating_is_weighted_by_its_stars_and_a_play_by_its_amount(self, histories):
        stars = [event(n, "a", n, type="rating", value=float(n)) for n in (2, 3, 5)]
        await histories.append([*stars, event(9, "b", 1, type="play", value=7.0)])
        history = await histories.recent("u")
        assert history.values.tolist() == [5, 3, 2, 7]
        assert history.weights.tolist() == [1, 0, -1, pytest.approx(np.log(8))]

    async def test_a_repeated_event_is_kept_once(self, histories):
        await histories.append([event(1), event(1)])
        await histories.append([event(1)])
        assert len(await histories.recent("u")) == 1

    async def test_two_events_on_one_item_are_both_kept(self, histories):
        await histories.append([event(1), event(2)])
        assert items(await histories.recent("u")) == ["a", "a"]

    async def test_a_late_event_is_inserted_by_its_time(self, histories):
        await histories.append([event(1, "a", 10), event(2, "c", 30)])
        await histories.append([event(3, "b", 20)])
        assert items(await histories.recent("u")) == ["c", "b", "a"]

    async def test_only_the_newest_events_are_kept(self, histories):
        await histories.append([event(n, "abcd"[n % 4], float(n)) for n in range(3, 9)])
        await histories.append([event(0, "a", 0.5)])
        assert (await histories.recent("u")).times.tolist() == [-992, -993, -994, -995]

    async def test_unknown_items_types_and_values_are_left_out(self, histories):
        await histories.append(
            [
                event(1, "a", 1),
                event(2, "zz", 2),
                event(3, "b", 3, type="stare"),
                event(4, "c", 4, value=float("nan")),
            ]
        )
        assert items(await histories.recent("u")) == ["a"]

    async def test_a_history_of_unknown_items_only_is_empty(self, histories):
        await histories.append([event(1, "zz")])
        assert len(await histories.recent("u")) == 0

    @pytest.mark.parametrize("user", ["", "{u}", "a:h", "\u00fc \n%7B", "x" * 256, "u}{"])
    async def test_users_with_any_name_have_their_own_history(self, histories, user):
        await histories.append([event(1, 'q"uo{t}e', user=user), event(2, "b", user=f"{user}2")])
        assert items(await histories.recent(user)) == ['q"uo{t}e']

    async def test_items_with_any_name_are_read(self, histories):
        await histories.append([event('"],[', "\u00fcber,[1]")])
        assert items(await histories.recent("u")) == ["\u00fcber,[1]"]

    async def test_events_of_the_same_time_have_a_fixed_order(self, histories):
        await histories.append([event(n, "abc"[n]) for n in (1, 0, 2)])
        assert items(await histories.recent("u")) == ["c", "b", "a"]
