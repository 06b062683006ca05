// The data that trainings read: what is read as what, what to correct, which rows cannot be used.
import { useEffect, useState } from "preact/hooks";
import { get, request } from "../api.js";
import { age, count, moment, number, percent } from "../format.js";
import { html } from "../html.js";
import { Badge, Empty, Failure, Loaded, Table, useLoad } from "../parts.js";

const EVERY = 2000; // milliseconds between two looks at an examination that waits or runs
const LEVELS = { problem: ["bad", "correct this"], limit: ["warn", "limited"], good: ["good", "works"] };
const ORDER = Object.keys(LEVELS);
const STATES = {
  waiting: "An examination is requested. It begins within seconds, or when the training that runs has ended.",
  running: "An examination runs.",
};

const byLevel = (findings) =>
  ORDER.flatMap((level) => findings.filter((finding) => finding.level === level));

function Facts({ found }) {
  const [least, , median, , , most] = found.events_per_user;
  const facts = [
    ["users", `${count(found.users)}, ${count(found.idle_users)} without interactions`],
    ["items", `${count(found.items)}, ${count(found.idle_items)} without interactions`],
    ["interactions", count(found.interactions)],
    ["time", found.first === null ? "no timestamps" : `${moment(found.first)} to ${moment(found.last)}`],
    ["density", percent(found.density, 3)],
    ["positive, negative", `${percent(found.positive)}, ${percent(found.negative)}`],
    ["events per user", found.events_per_user.length ? `${number(least, 0)} to ${number(most, 0)}, median ${number(median, 1)}` : "none"],
  ];
  return html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function Diagnosis({ found }) {
  const bad = found.files.reduce((sum, file) => sum + file.bad, 0);
  return html`
    <${Table}
      caption="Findings"
      empty="Nothing was found."
      rows=${byLevel(found.findings)}
      columns=${[
        ["", (row) => html`<${Badge} kind=${LEVELS[row.level][0]}>${LEVELS[row.level][1]}<//>`],
        ["finding", (row) => row.text, "sentence"],
      ]}
    />
    <${Facts} found=${found} />
    <${Table}
      caption="Rows of each file"
      empty="No files were read: the events are those of the archive."
      rows=${found.files}
      columns=${[
        ["file", (row) => row.file],
        ["rows", (row) => count(row.rows), "n"],
        ["used", (row) => count(row.good), "n"],
        ["refused", (row) => count(row.bad), "n"],
        ["duplicates", (row) => count(row.duplicates), "n"],
      ]}
    />
    ${bad > 0 &&
    html`<${Table}
      caption=${bad > found.bad_rows.length ? `The first ${found.bad_rows.length} of ${count(bad)} refused rows` : "Refused rows"}
      rows=${found.bad_rows}
      columns=${[
        ["file", (row) => row.file],
        ["line", (row) => count(row.line), "n"],
        ["reason", (row) => row.reason, "sentence"],
        ["row", (row) => html`<code>${row.text}</code>`, "sentence"],
      ]}
    />`}
    ${found.columns.length > 0 &&
    html`<details>
      <summary>Which column is read as what</summary>
      <${Table}
        caption="Columns that are read"
        hideCaption
        rows=${found.columns}
        columns=${[
          ["file", (row) => row.file],
          ["column", (row) => row.column],
          ["read as", (row) => row.field],
        ]}
      />
    </details>`}
  `;
}

function Examination({ data, reload }) {
  const [error, setError] = useState(null);
  const isGoing = data.state !== "none";
  useEffect(() => {
    if (!isGoing) return undefined;
    const timer = setInterval(reload, EVERY);
    return () => clearInterval(timer);
  }, [isGoing]);
  const examine = async () => {
    setError(null);
    try {
      await request("POST", "/doctor");
      reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const source = data.data ? html`<code>${data.data}</code>` : "the archived events";
  const reader = data.training_id ? `the training ${data.training_id}, archived events included` : "recfunnel doctor";
  return html`
    ${data.unavailable
      ? html`<p class="notice warn">${data.unavailable}</p>`
      : html`<button type="button" disabled=${isGoing} onClick=${examine}>Examine now</button>`}
    ${error && html`<${Failure} error=${error} />`}
    ${isGoing && html`<p class="muted" role="status">${STATES[data.state]}</p>`}
    ${data.examined === null
      ? html`<${Empty}>The data were not examined yet. Each training does so.<//>`
      : html`<p class="muted">${source}, read by ${reader}: ${age(data.examined)} ago.</p>`}
    ${data.error && html`<div class="notice bad" role="alert"><strong>The data cannot be read</strong><p>${data.error}</p></div>`}
    ${data.diagnosis && html`<${Diagnosis} found=${data.diagnosis} />`}
  `;
}

export function Doctor() {
  const examination = useLoad(() => get("/doctor"), []);
  return html`<${Loaded} of=${examination} what="data">
    ${(data) => html`<${Examination} data=${data} reload=${examination.reload} />`}
  <//>`;
}
