from app.state.last_known import LastKnownReplies
from app.state.user_store import user_digest

EMPTY = [[], [None, None, None, None], []]


def test_the_newest_reply_of_a_user_is_kept_until_it_is_forgotten():
    replies = LastKnownReplies()
    replies.put("u", EMPTY)
    newer = [[b"member", b"1"], *EMPTY[1:]]
    replies.put("u", newer)
    assert replies.get("u") is newer
    assert list(replies) == [("u", newer)]
    replies.forget(user_digest("u"))
    replies.forget(user_digest("u"))
    assert replies.get("u") is None


def test_the_users_who_came_longest_ago_are_dropped_first():
    replies = LastKnownReplies(max_parts=90)
    for user in "abcdefgh":
        replies.put(user, EMPTY)
    replies.put("g", EMPTY)
    kept = len(replies)
    assert kept < 8
    replies.put("large", [[], [b"x" * 80 * 50, None, None, None], []])
    assert [user for user, _ in replies][-2:] == ["g", "large"]
    assert len(replies) < kept
    replies.clear()
    assert len(replies) == 0
    replies.put("a", EMPTY)
    assert len(replies) == 1
