// The trainings: which ran, how far one is, its log; start one, cancel one.
import { useEffect, useState } from "preact/hooks";
import { get, path, request } from "../api.js";
import { count, moment, percent, text } from "../format.js";
import { html } from "../html.js";
import { Badge, Empty, Failure, Loaded, Table, useLoad } from "../parts.js";

const EVERY = 5000; // milliseconds between two looks at a training that runs
const KINDS = { published: "good", running: "info", waiting: "info", refused: "warn", failed: "bad" };
const GOING = ["waiting", "running"];

function Log({ id }) {
  const training = useLoad(() => get(path("trainings", id)), [id]);
  return html`<${Loaded} of=${training} what="log">
    ${({ log, reason }) => html`
      ${reason && html`<p class="notice warn">${reason}</p>`}
      ${log.length
        ? html`<pre tabindex="0" role="region" aria-label=${`Log of ${id}`}>${log.join("\n")}</pre>`
        : html`<${Empty}>Its log is empty.<//>`}
    `}
  <//>`;
}

function List({ data, reload }) {
  const [chosen, setChosen] = useState("");
  const [error, setError] = useState(null);
  const isGoing = data.trainings.some((row) => GOING.includes(row.state));
  useEffect(() => {
    if (!isGoing) return undefined;
    const timer = setInterval(reload, EVERY);
    return () => clearInterval(timer);
  }, [isGoing]);
  const send = async (method, address, body) => {
    setError(null);
    try {
      await request(method, address, { body });
      reload();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`
    <p class="muted">
      ${data.schedule ? `By schedule: ${data.schedule}, next at ${moment(data.next)}.` : "No schedule."}
    </p>
    ${data.unavailable
      ? html`<p class="notice warn">${data.unavailable}</p>`
      : html`<button type="button" disabled=${isGoing} onClick=${() => send("POST", "/trainings", {})}>Train now</button>`}
    ${error && html`<${Failure} error=${error} />`}
    <${Table}
      caption="Trainings, newest first"
      hideCaption
      empty="None yet."
      rows=${data.trainings}
      columns=${[
        ["requested", (row) => moment(row.requested), "when"],
        ["by", (row) => text(row.by)],
        ["state", (row) => html`<${Badge} kind=${KINDS[row.state]}>${row.state}<//>`],
        ["phase", (row) => (GOING.includes(row.state) ? `${text(row.phase)} ${percent(row.progress, 0)}` : text(row.phase))],
        ["seconds", (row) => count(row.seconds), "n"],
        ["gate", (row) => text(row.gate)],
        ["bundle", (row) => text(row.bundle)],
        [
          "",
          (row) => html`<span class="row">
            <button
              type="button"
              aria-pressed=${chosen === row.training_id}
              aria-label=${`Log of ${row.training_id}`}
              onClick=${() => setChosen(chosen === row.training_id ? "" : row.training_id)}
            >
              Log
            </button>
            ${GOING.includes(row.state) &&
            html`<button
              type="button"
              disabled=${row.cancelling}
              aria-label=${`Cancel ${row.training_id}`}
              onClick=${() => send("DELETE", path("trainings", row.training_id))}
            >
              Cancel
            </button>`}
          </span>`,
        ],
      ]}
    />
    ${chosen && html`<${Log} key=${chosen + isGoing} id=${chosen} />`}
  `;
}

export function Trainings() {
  const trainings = useLoad(() => get("/trainings"), []);
  return html`<${Loaded} of=${trainings} what="trainings">
    ${(data) => html`<${List} data=${data} reload=${trainings.reload} />`}
  <//>`;
}
