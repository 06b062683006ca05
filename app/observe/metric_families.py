"""Every metric of the service, declared once. ``docs/reference/metrics.md`` is made from it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without ``recfunnel_``, and what it says."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    meaning: str  # for Prometheus and docs/reference/metrics.md
    labels: tuple[str, ...] = ()
    merge: str = ""  # for a gauge: how the values of the workers are combined

    @property
    def full_name(self) -> str:
        """The name that Prometheus stores."""
        return f"recfunnel_{self.name}" + ("_total" if self.kind == "counter" else "")


FAMILIES = (
    Family(
        "histogram",
        "request_seconds",
        "Time from arrival to the answer, queueing included, of all answers.",
        ("route", "status"),
    ),
    Family(
        "gauge",
        "budget_seconds",
        "The setting `budget_ms`: how long a list may take from its arrival.",
        merge="livemax",
    ),
    Family("gauge", "requests_in_flight", "Requests being answered now.", merge="livesum"),
    Family(
        "counter",
        "requests_rejected",
        "Refused with 503 because they could not be answered within the budget.",
    ),
    Family(
        "counter",
        "requests_refused",
        "Refused by the key: `no_key`, `bad_key` (unknown or expired), `role` or `rate`; or by the "
        "`host` header, or because a page of another `origin` sent it.",
        ("reason",),
    ),
    Family(
        "counter",
        "connections_closed",
        "Connections that were refused or closed by their bounds: `503` (too many), `408`, `431`, "
        "`400`, `silent`, `unread answers`, `pipelined` or `idle, for others`.",
        ("reason",),
    ),
    Family(
        "histogram",
        "stage_seconds",
        "Time spent in one stage of one request.",
        ("stage", "outcome"),
    ),
    Family("counter", "stage_candidates_in", "Candidates that a stage received.", ("stage",)),
    Family(
        "counter",
        "stage_candidates_out",
        "Candidates that a stage proposed or let through.",
        ("stage",),
    ),
    Family("counter", "answers", "Lists answered, `whole` or `degraded`.", ("kind",)),
    Family(
        "counter", "degraded", "Lists that lack a stage's part, by outcome.", ("stage", "outcome")
    ),
    Family(
        "counter",
        "fallbacks",
        "Lists without any personal channel (`impersonal`), or of popular items alone (`popular`).",
        ("kind",),
    ),
    Family(
        "counter",
        "side_effects_failed",
        "Side effects of answers that failed: `metrics`, `impressions`, `drift` or `request_log`. "
        "The answer was sent; the log says why.",
        ("effect",),
    ),
    Family(
        "gauge",
        "rules_version",
        "Version of the rules in force, of the worker that is furthest; 0: nothing was ever saved.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "rules_refused",
        "Workers that cannot read the newest version of the rules and go on with an older one.",
        merge="livesum",
    ),
    Family("gauge", "bundle_workers", "Workers that serve this bundle.", ("version",), "livesum"),
    Family(
        "gauge",
        "bundle_created_timestamp_seconds",
        "When the bundle in service was made, unix seconds.",
        merge="livemostrecent",
    ),
    Family("counter", "bundle_refused", "Bundles that were not put into service."),
    Family(
        "gauge",
        "bundle_fallback",
        "1 while a worker serves the last good bundle instead of the one that `current` names.",
        merge="livemax",
    ),
    Family(
        "gauge", "bundle_age_seconds", "Time since the bundle in service was made.", merge="livemax"
    ),
    Family(
        "histogram", "redis_seconds", "Time of one round trip to Redis.", ("command", "outcome")
    ),
    Family(
        "gauge",
        "writes_refused",
        "1 while Redis answers and refuses to write: it is full, read-only, or its disk fails.",
        merge="livemax",
    ),
    Family(
        "counter",
        "events",
        "Events, one outcome each. Stored: `accepted`; `out_of_order`, older than the user's "
        "newest event, stored in order of time; `too_old`, which counts too, but the user's full "
        "history has no room for it. No effect: `duplicate`; `trained`, of the "
        "data that the bundle was trained on. Refused: `invalid`, `type` (not configured), "
        "`future`. Not stored by Redis, answered with 503: `lost`.",
        ("type", "outcome"),
    ),
    Family(
        "counter",
        "events_late",
        "Stored events, whatever their outcome, from longer ago than `late_seconds`.",
        ("type",),
    ),
    Family(
        "counter",
        "gorse_feedback",
        "Stored rows of feedback of Gorse's API: with an event (`event`), or without one: "
        "`no_event_type`, `future` (more than a minute ahead), `written_back`.",
        ("outcome",),
    ),
    Family(
        "counter",
        "lists_shown",
        "Lists by the scene where they are shown: a configured one, or where none are, one of the "
        "first 64 that a worker has met; the others are `other`.",
        ("scene",),
    ),
    Family("counter", "items_shown", "Items of these lists.", ("scene",)),
    Family(
        "counter",
        "scene_events",
        "Stored events by the scene of the list that their `request_id` names, if it is one of the "
        "newest 100,000: clicks and conversions of a scene, over `lists_shown` or `items_shown`.",
        ("scene", "type"),
    ),
    Family("counter", "impressions_dropped", "Lists whose impressions could not be written."),
    Family(
        "counter",
        "served_dropped",
        "Answers that are missing from the request log because its queue was full.",
    ),
    Family(
        "gauge",
        "follower_lag_seconds",
        "How far the slowest worker is behind the event stream.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "events_capped",
        "Events since the bundle came into service that repeat one of the same user, item, type "
        "and hour. They are in the user's history, but not in popularity and trends.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "new_user_events",
        "Counted events since the bundle came into service, of users that it does not have.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "new_user_surges",
        "Items and scenes since the bundle came into service of which at least four fifths of the "
        "events or lists in an hour are from users that it does not have; the log names them.",
        ("kind",),
        "livemax",
    ),
    Family(
        "gauge",
        "scenes_dropped",
        "Scenes since the bundle came into service whose counts were dropped for another one: name "
        "the scenes that exist in the setting `scenes`.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "archive_waiting",
        "Entries that the archiver has not read yet; absent where there never was an archiver.",
        ("stream",),
        "livemostrecent",
    ),
    Family(
        "gauge",
        "archive_lost",
        "Entries trimmed before the archiver read them, since its last round. It falls to 0 once "
        "the archiver is back and has logged the loss: alert on `max_over_time`.",
        ("stream",),
        "livemostrecent",
    ),
    Family(
        "gauge",
        "training_running",
        "1 while a training runs or waits for its start.",
        merge="livemostrecent",
    ),
    Family(
        "gauge",
        "training_failures",
        "Newest trainings in a row that failed or whose bundle the gate refused. Cancelled ones do "
        "not count.",
        merge="livemostrecent",
    ),
    Family(
        "gauge",
        "training_seconds",
        "How long the newest training took that has published a bundle; 0: there is none.",
        merge="livemostrecent",
    ),
    Family(
        "gauge",
        "training_published_timestamp_seconds",
        "When the newest training ended that has published a bundle, unix seconds; 0: none is "
        "recorded.",
        merge="livemostrecent",
    ),
    Family(
        "counter",
        "item_changes",
        "Items `put` or `delete`d over HTTP: `accepted`, `unconfirmed` (a worker did not answer), "
        "`full` (no spare row) or `lost` (Redis did not store it).",
        ("change", "outcome"),
    ),
    Family(
        "counter",
        "traces",
        "Traces of requests: `sent` to the collector, or `lost`, because it did not take them.",
        ("outcome",),
    ),
    Family("gauge", "live_items", "Items in spare rows beside the bundle.", merge="livemax"),
    Family(
        "gauge",
        "waiting_items",
        "Items that wait for a spare row: for some seconds, while rows are added, or because "
        "there are `max_spare_items` of them.",
        merge="livemax",
    ),
    Family(
        "gauge",
        "drift_psi",
        "Population stability index of served lists against the bundle's, in the worker where it "
        "is largest.",
        ("feature",),
        "livemax",
    ),
    Family(
        "gauge",
        "build_info",
        "1; the labels are the versions of recfunnel and of Python.",
        ("version", "python"),
        "livemax",
    ),
    Family("counter", "process_cpu_seconds", "CPU time of all workers, user and system."),
    Family(
        "gauge",
        "process_resident_memory_bytes",
        "Memory of a worker, the mapped files of the bundle included, which all workers share.",
        ("worker",),
        "livesum",
    ),
    Family(
        "gauge",
        "process_private_memory_bytes",
        "Memory of a worker without mapped files.",
        ("worker",),
        "livesum",
    ),
    Family(
        "gauge",
        "process_open_files",
        "Open files and connections of a worker.",
        ("worker",),
        "livesum",
    ),
    Family(
        "gauge",
        "process_start_time_seconds",
        "When a worker started, unix seconds.",
        ("worker",),
        "livesum",
    ),
)
