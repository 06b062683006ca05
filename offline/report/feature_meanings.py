"""What each column of the rankers says, in one line; ``app.features.views`` computes them."""

import re

WINDOW = r"(?P<days>[\d.]+|inf)d"
BEHAVIOUR = {"factors": "by who likes them", "content": "by attributes and text"}
PATTERNS: tuple[tuple[str, str], ...] = (
    (r"(?P<what>\w+)_place", "Place in the list of {what}; 0 where it did not propose the item"),
    (r"(?P<what>\w+)_z", "Score by {what} against the others of its list"),
    (r"channels", "How many channels propose the item"),
    (r"fused", "Places in all channels' lists, fused into one"),
    (rf"liked_{WINDOW}", "Likes of everybody, fading with a half-life of {days} days"),
    (rf"share_{WINDOW}", "Share of everybody's likes, fading with a half-life of {days} days"),
    (rf"trend_{WINDOW}", "Likes at a half-life of {days} days against the next longer one"),
    (r"liked_share", "Share of the item's events that are likes"),
    (r"liked_share_30d", "Share of the item's recent events that are likes"),
    (r"age", "Time since anybody first touched the item"),
    (r"mean_value", "Mean rating or amount of the item"),
    (r"taste_(?P<space>factors|content)", "Nearness of user and item {space}"),
    (r"category_lift", "How much more of the user's likes fall into its categories"),
    (r"provider_lift", "How much more of the user's likes are of its provider (brand, artist ...)"),
    (r"segment_lift", "How much more users like this one take it (age band, country ...)"),
    (r"years_since_release", "Years since release"),
    (r"release_distance", "Years between its release and what the user likes"),
    (r"(?P<space>factors|content)_last", "Nearness to the user's last liked item {space}"),
    (r"(?P<space>factors|content)_last(?P<n>\d+)", "Nearness to one of the last {n} {space}"),
    (r"(?P<space>factors|content)_mean", "Mean nearness to the last liked items {space}"),
    (r"(?P<space>factors|content)_session", "Nearness to what the user did just now {space}"),
    (r"(?P<space>factors|content)_disliked", "Nearness to what the user disliked {space}"),
    (r"category_value", "How the user valued its categories, against their own mean"),
    (r"category_recent", "Share of the user's last likes that are of its categories"),
    (r"habit_popularity", "How popular is what the user likes"),
    (r"habit_distance", "How far its popularity is from what the user likes"),
    (r"habit_age", "How far its age is from what the user likes"),
    (r"habit_breadth", "How many categories the user's likes are spread over"),
    (r"user_events", "How many events are known of the user"),
    (r"user_liked", "Share of the user's events that are likes"),
    (r"user_mean", "The user's mean rating or amount"),
    (r"user_span", "Time from the user's first event to the last"),
    (r"user_gap", "Time since the user's last event"),
    (r"user_day", "The user's events on the last active day"),
    (r"time_of_day", "Time of day (UTC)"),
    (r"day_of_week", "Day of the week (UTC)"),
)  # fmt: skip


def meaning(column: str, otherwise: str) -> str:
    """Say what a column is; one that is not known here is told as ``otherwise``."""
    for pattern, text in PATTERNS:
        found = re.fullmatch(pattern, column)
        if found:
            words = found.groupdict()
            words["space"] = BEHAVIOUR.get(words.get("space") or "", "")
            told = text.format(**words)
            return told.replace("fading with a half-life of inf days", "of all time")
    return otherwise
