// What is in service, whether it is well, and what it did in a day or a week.
import { useMemo, useState } from "preact/hooks";
import { get } from "../api.js";
import { Chart } from "../chart.js";
import { age, count, moment, ms, number, percent, rate } from "../format.js";
import { html } from "../html.js";
import { Badge, Bar, Empty, Loaded, Table, Tile, useLoad } from "../parts.js";

const PERIODS = { 24: "24 hours", 168: "7 days" };
const GATES = { passed: "good", refused: "bad", forced: "warn" };

function Health({ ready }) {
  const warnings = [
    ...(ready.refused ? [`The newest bundle is not served: ${ready.refused}`] : []),
    ...(ready.redis === "down" ? ["Redis does not answer: lists rest on what is in memory."] : []),
    ...(ready.draining ? ["The service is about to end."] : []),
    ...(ready.fallback ? ["The last good bundle is served instead of the current one."] : []),
    ...(ready.trained === false && ready.bundle ? ["Nothing has been trained yet."] : []),
    ...(ready.warnings || []),
  ];
  if (!warnings.length) return html`<p class="notice good" role="status">Ready, and nothing to warn of.</p>`;
  return html`<div class="notice warn" role="status">
    <strong>${ready.ready ? "Ready, with warnings" : "Not ready"}</strong>
    <ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>
  </div>`;
}

function BundleTiles({ bundle }) {
  if (!bundle) return html`<${Empty}>No bundle is in service. Train one with <code>recfunnel train</code>.<//>`;
  const { ndcg } = bundle;
  return html`<dl class="tiles">
    <${Tile} name="Bundle" value=${html`<code>${bundle.version}</code>`} note=${bundle.dataset} />
    <${Tile} name="Age" value=${age(bundle.created)} note=${`made ${moment(bundle.created)}`} />
    <${Tile} name="Gate" value=${html`<${Badge} kind=${GATES[bundle.gate]}>${bundle.gate || "did not run"}<//>`} />
    <${Tile}
      name="NDCG@10 in the test"
      value=${number(ndcg?.mean)}
      note=${ndcg && `${number(ndcg.low)} to ${number(ndcg.high)}`}
    />
    <${Tile} name="Items that can be shown" value=${count(bundle.items)} />
    <${Tile} name="Users of the bundle" value=${count(bundle.users)} />
  </dl>`;
}

function Period({ activity, hours }) {
  const { total, budget_ms: budget } = activity;
  const degraded = activity.hours.reduce((sum, hour) => sum + hour.degraded, 0);
  const rejected = activity.hours.reduce((sum, hour) => sum + hour.rejected, 0);
  const events = activity.hours.reduce((sum, hour) => sum + hour.events, 0);
  const seconds = Math.max(60, Date.now() / 1000 - activity.hours[0].at);
  const charts = useMemo(() => {
    const shown = activity.hours;
    return {
      times: shown.map((hour) => hour.at),
      lists: [{ name: "lists", stroke: "--accent", values: shown.map((hour) => hour.lists) }],
      latency: [
        { name: "p99", stroke: "--accent", values: shown.map((hour) => hour.p99_ms) },
        { name: "budget", stroke: "--bad", dash: [6, 4], values: shown.map(() => budget) },
      ],
    };
  }, [activity]);
  return html`
    <dl class="tiles">
      <${Tile} name="Lists" value=${count(total.lists)} note=${rate(total.lists / seconds)} />
      <${Tile}
        name="p99 of a list"
        value=${ms(total.p99_ms)}
        note=${`budget ${ms(budget)}, p50 ${ms(total.p50_ms)}`}
        bad=${total.p99_ms > budget}
      />
      <${Tile} name="Degraded" value=${percent(total.lists ? degraded / total.lists : null)} note=${`${count(degraded)} lists`} />
      <${Tile} name="Rejected" value=${count(rejected)} note="full, answered 503" bad=${rejected > 0} />
      <${Tile} name="Events stored" value=${count(events)} />
    </dl>
    ${total.lists
      ? html`<div class="pair">
          <${Chart} title="Lists in each hour" times=${charts.times} series=${charts.lists} format=${count} />
          <${Chart} title="p99 against the budget" times=${charts.times} series=${charts.latency} format=${ms} />
        </div>`
      : html`<${Empty}>No list was asked for in the last ${PERIODS[hours]}.<//>`}
    <h3>Scenes</h3>
    <${Shown} scenes=${total.scenes} />
    <h3>Degraded, by stage</h3>
    <${Table}
      caption="Lists that lack a stage's part"
      hideCaption
      empty="Every list was whole."
      rows=${total.degraded}
      columns=${[
        ["stage", (row) => row.labels[0]],
        ["outcome", (row) => row.labels[1]],
        ["lists", (row) => count(row.n), "n"],
        ["share", (row) => html`<${Bar} share=${row.n / total.lists} kind="warn" /> ${percent(row.n / total.lists)}`],
      ]}
    />
  `;
}

/** What each scene showed in the period, and the events that name one of its lists. */
function Shown({ scenes }) {
  const types = [...new Set(scenes.flatMap((scene) => Object.keys(scene.events)))].sort();
  const rate = (row, type) => html`${count(row.events[type] || 0)} <span class="muted">${percent((row.events[type] || 0) / row.lists)}</span>`;
  return html`<${Table}
    caption="Lists by scene, and the events that name one by request_id: their number, and for each 100 lists"
    empty="No list was shown."
    rows=${scenes}
    columns=${[
      ["scene", (row) => row.scene || "–"],
      ["lists", (row) => count(row.lists), "n"],
      ["items", (row) => count(row.items), "n"],
      ...types.map((type) => [type, (row) => rate(row, type), "n"]),
    ]}
  />`;
}

function Coverage({ newest }) {
  return html`<${Table}
    caption=${`Coverage of the newest ${count(newest.lists)} lists${newest.since ? `, since ${moment(newest.since)}` : ""}`}
    empty="No list was shown yet."
    rows=${newest.scenes}
    columns=${[
      ["scene", (row) => row.scene || "–"],
      ["lists", (row) => count(row.lists), "n"],
      ["users", (row) => count(row.users), "n"],
      ["different items", (row) => count(row.items), "n"],
      ["of the catalogue", (row) => html`<${Bar} share=${row.coverage} /> ${percent(row.coverage)}`],
      ["lists with an event", (row) => percent(row.lists ? row.answered_lists / row.lists : null), "n"],
    ]}
  />`;
}

export function Overview({ overview, reload }) {
  const [hours, setHours] = useState(24);
  const ready = useLoad(() => get("/readyz", {}, { accept: [503] }), []);
  const activity = useLoad(() => get("/activity", { hours }), [hours]);
  const scenes = useLoad(() => (overview.bundle ? get("/activity/scenes") : null), [overview.bundle?.version]);
  const again = () => [reload, ready.reload, activity.reload, scenes.reload].forEach((load) => load());
  return html`
    <div class="row">
      <button type="button" onClick=${again}>Refresh</button>
    </div>
    <${Loaded} of=${ready}>${(data) => html`<${Health} ready=${data} />`}<//>
    <h2>In service</h2>
    <${BundleTiles} bundle=${overview.bundle} />
    <h2>Activity</h2>
    <div class="row" role="group" aria-label="Period">
      ${Object.entries(PERIODS).map(
        ([length, name]) =>
          html`<button type="button" aria-pressed=${Number(length) === hours} onClick=${() => setHours(Number(length))}>
            ${name}
          </button>`,
      )}
    </div>
    <${Loaded} of=${activity} what="activity">${(data) => html`<${Period} activity=${data} hours=${hours} />`}<//>
    <h2>Coverage</h2>
    ${overview.bundle
      ? html`<${Loaded} of=${scenes} what="coverage">${(data) => html`<${Coverage} newest=${data} />`}<//>`
      : html`<${Empty}>No bundle, no lists.<//>`}
  `;
}
