// What arrives: events by type and outcome, refused requests, the newest events; the trainings, and
// the data that they read.
import { useEffect, useState } from "preact/hooks";
import { get } from "../api.js";
import { count, moment, number, percent, text } from "../format.js";
import { html } from "../html.js";
import { Badge, Bar, Empty, Loaded, Table, useLoad } from "../parts.js";
import { link } from "../route.js";
import { Doctor } from "./doctor.js";
import { Trainings } from "./trainings.js";

const EVERY = 5000; // milliseconds between two looks at the newest events
const OUTCOMES = {
  accepted: "stored",
  out_of_order: "stored, older than the user's newest event",
  too_old: "stored and counted; the full history has no room for it",
  duplicate: "sent again, no effect",
  trained: "in the data of the bundle already",
  invalid: "refused: not valid",
  type: "refused: the type is not configured",
  future: "refused: from the future",
  lost: "not stored by Redis, answered with 503",
};
const BAD = ["invalid", "type", "future", "lost"];
const MAY_READ_EVENTS = "write";
const MAY_TRAIN = "admin";

function Events({ total }) {
  const sum = total.events.reduce((all, row) => all + row.n, 0);
  return html`
    <${Table}
      caption="Events of the last 24 hours"
      empty="No event came in the last 24 hours."
      rows=${total.events}
      columns=${[
        ["type", (row) => row.labels[0]],
        ["outcome", (row) => html`<${Badge} kind=${BAD.includes(row.labels[1]) ? "bad" : ""}>${row.labels[1]}<//> ${OUTCOMES[row.labels[1]] || ""}`],
        ["events", (row) => count(row.n), "n"],
        ["share", (row) => html`<${Bar} share=${row.n / sum} kind=${BAD.includes(row.labels[1]) ? "bad" : ""} /> ${percent(row.n / sum)}`],
      ]}
    />
    <${Table}
      caption="Requests refused before they were read, in the last 24 hours"
      empty="No request was refused for its key, its role, its rate or its host."
      rows=${total.refused_requests}
      columns=${[
        ["reason", (row) => row.labels[0]],
        ["requests", (row) => count(row.n), "n"],
      ]}
    />
  `;
}

function Newest() {
  const [isLive, setLive] = useState(false);
  const newest = useLoad(() => get("/events", { limit: 25 }), []);
  useEffect(() => {
    if (!isLive) return undefined;
    const timer = setInterval(newest.reload, EVERY);
    return () => clearInterval(timer);
  }, [isLive]);
  return html`
    <div class="row">
      <button type="button" onClick=${newest.reload}>Look again</button>
      <label><input type="checkbox" checked=${isLive} onChange=${(event) => setLive(event.currentTarget.checked)} /> every 5 seconds</label>
    </div>
    <${Loaded} of=${newest} what="events">
      ${({ events }) => html`<${Table}
        caption="The newest events, the last one stored first"
        hideCaption
        empty="No event is stored. Send one with POST /events."
        rows=${events}
        columns=${[
          ["when", (row) => moment(row.timestamp), "when"],
          ["user", (row) => html`<a href=${link("try", { user: row.user_id })}>${row.user_id}</a>`],
          ["type", (row) => row.type],
          ["item", (row) => html`<a href=${link("items", { id: row.item_id })}>${row.item_id}</a>`],
          ["value", (row) => number(row.value, 2), "n"],
          ["list", (row) => (row.request_id ? html`<code>${row.request_id.slice(0, 8)}</code> at ${row.position ?? "–"}` : "–")],
          ["context", (row) => (Object.keys(row.context).length ? text(row.context) : "–")],
        ]}
      />`}
    <//>
  `;
}

export function Data({ overview }) {
  const activity = useLoad(() => get("/activity", { hours: 24 }), []);
  return html`
    <h2>Events</h2>
    <${Loaded} of=${activity} what="events">${({ total }) => html`<${Events} total=${total} />`}<//>
    <h2>Trainings</h2>
    ${overview.roles.includes(MAY_TRAIN)
      ? html`<${Trainings} />`
      : html`<${Empty}>Trainings need a key with the role ${MAY_TRAIN}.<//>`}
    <h2>Data of trainings</h2>
    ${overview.roles.includes(MAY_TRAIN)
      ? html`<${Doctor} />`
      : html`<${Empty}>What is in the data needs a key with the role ${MAY_TRAIN}.<//>`}
    <h2>The newest events</h2>
    ${overview.roles.includes(MAY_READ_EVENTS)
      ? html`<${Newest} />`
      : html`<${Empty}>Events of users need a key with the role ${MAY_READ_EVENTS}.<//>`}
  `;
}
