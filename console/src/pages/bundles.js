// The bundles on this machine: what the gate found, how two of them differ, and which one serves.
import { useRef, useState } from "preact/hooks";
import { get, path, request } from "../api.js";
import { bytes, count, moment, number, text } from "../format.js";
import { html } from "../html.js";
import { Badge, Empty, Failure, Field, Loaded, Table, useLoad } from "../parts.js";

const GATES = { passed: "good", refused: "bad", forced: "warn" };
const OUTCOMES = { passed: "good", failed: "bad", unclear: "warn" };
const MAY_ACTIVATE = "admin";
const SHOWN_METRICS = /^(ndcg|recall|hit|coverage|mrr|map)/i;

function Checks({ bundle }) {
  return html`
    ${bundle.fault && html`<p class="notice bad">${bundle.fault}</p>`}
    <${Table}
      caption=${`What the gate compared ${bundle.version} with`}
      empty="The gate did not run."
      rows=${bundle.checks || []}
      columns=${[
        ["against", (row) => row.baseline],
        ["users", (row) => `${count(row.user_count)} ${row.users.replace("_", ", ")}`],
        ["outcome", (row) => html`<${Badge} kind=${OUTCOMES[row.outcome]}>${row.outcome}<//>`],
        ["", (row) => row.explanation, "wide"],
      ]}
    />
  `;
}

function differences(one, other) {
  const names = [...new Set([...Object.keys(one || {}), ...Object.keys(other || {})])].sort();
  return names.filter((name) => JSON.stringify(one?.[name]) !== JSON.stringify(other?.[name]));
}

function Compare({ bundles }) {
  const sound = bundles.filter((bundle) => !bundle.fault);
  const [chosen, setChosen] = useState([0, 1]);
  if (sound.length < 2) return html`<${Empty}>There is one bundle, and nothing to compare it with.<//>`;
  const [one, other] = chosen.map((n) => sound[n]);
  const select = (at) => (event) =>
    setChosen(chosen.map((n, each) => (each === at ? event.currentTarget.selectedIndex : n)));
  const metrics = differences(one.metrics, other.metrics).filter((name) => SHOWN_METRICS.test(name));
  const columns = (of) => [
    ["", (name) => name],
    [one.version, (name) => of(one, name), "n"],
    [other.version, (name) => of(other, name), "n"],
  ];
  return html`
    <div class="controls">
      ${["One bundle", "Another"].map(
        (label, at) => html`<${Field} label=${label}>
          ${(id) => html`<select id=${id} onChange=${select(at)}>
            ${sound.map((bundle, n) => html`<option value=${bundle.version} selected=${n === chosen[at]}>${bundle.version}</option>`)}
          </select>`}
        <//>`,
      )}
    </div>
    <${Table} caption="Metrics that differ" empty="The metrics are the same." rows=${metrics} columns=${columns((bundle, name) => number(bundle.metrics?.[name]))} />
    <${Table}
      caption="Rows that differ"
      empty="Both have the same numbers of users, items and events."
      rows=${differences(one.rows, other.rows)}
      columns=${columns((bundle, name) => count(bundle.rows?.[name]))}
    />
    <${Table}
      caption="Settings that differ"
      empty="They were trained with the same settings."
      rows=${differences(one.settings, other.settings)}
      columns=${columns((bundle, name) => text(bundle.settings?.[name]))}
    />
  `;
}

function Activate({ bundle, onDone }) {
  const dialog = useRef(null);
  const [error, setError] = useState(null);
  const activate = async () => {
    dialog.current.close();
    setError(null);
    try {
      await request("POST", path("bundles", bundle.version, "activate"));
      onDone(bundle.version);
    } catch (failure) {
      setError(failure);
    }
  };
  return html`
    <button type="button" onClick=${() => dialog.current.showModal()} aria-label=${`Activate ${bundle.version}`}>Activate</button>
    <dialog ref=${dialog} aria-label=${`Put ${bundle.version} into service`}>
      <p>Put <code>${bundle.version}</code> into service? Every worker loads it within some seconds.</p>
      ${bundle.gate === "refused" && html`<p class="notice warn">The gate refused this bundle.</p>`}
      <p class="row">
        <button type="button" class="main" onClick=${activate}>Put it into service</button>
        <button type="button" onClick=${() => dialog.current.close()}>Leave it</button>
      </p>
    </dialog>
    ${error && html`<${Failure} error=${error} />`}
  `;
}

function List({ bundles, canActivate, overview, reload }) {
  const [chosen, setChosen] = useState(bundles.find((bundle) => bundle.in_service)?.version || bundles[0]?.version);
  const [done, setDone] = useState("");
  const mayActivate = canActivate && overview.roles.includes(MAY_ACTIVATE);
  const activated = (version) => {
    setDone(version);
    reload();
  };
  const actions = (row) =>
    row.in_service
      ? html`<${Badge} kind="good">in service<//>`
      : mayActivate && !row.fault
        ? html`<${Activate} bundle=${row} onDone=${activated} />`
        : "";
  const shown = bundles.find((bundle) => bundle.version === chosen);
  return html`
    ${!canActivate && html`<p class="muted">This service may only read the folder of bundles: run recfunnel rollback --to where they are trained.</p>`}
    ${done && html`<p class="notice good" role="status">${done} is put into service.</p>`}
    <${Table}
      caption="Bundles, newest first"
      hideCaption
      empty="There is no bundle. Train one with recfunnel train."
      rows=${bundles}
      columns=${[
        [
          "version",
          (row) => html`<button type="button" class="link" aria-pressed=${row.version === chosen} onClick=${() => setChosen(row.version)}>
            ${row.version}
          </button>`,
        ],
        ["made", (row) => moment(row.created)],
        ["data", (row) => text(row.dataset)],
        ["NDCG@10", (row) => number(row.ndcg?.mean), "n"],
        ["gate", (row) => html`<${Badge} kind=${row.fault ? "bad" : GATES[row.gate]}>${row.fault ? "damaged" : row.gate || "–"}<//>`],
        ["size", (row) => bytes(row.bytes), "n"],
        ["", actions],
      ]}
    />
    ${shown && html`<h2>The gate</h2><${Checks} bundle=${shown} />`}
    <h2>Compare</h2>
    <${Compare} bundles=${bundles} />
  `;
}

export function Bundles({ overview, reload }) {
  const bundles = useLoad(() => get("/bundles"), []);
  const again = () => {
    bundles.reload();
    reload();
  };
  return html`
    ${!overview.roles.includes(MAY_ACTIVATE) && html`<p class="muted">To activate a bundle, use a key with the role ${MAY_ACTIVATE}.</p>`}
    <${Loaded} of=${bundles} what="bundles">
      ${(data) => html`<${List} bundles=${data.bundles} canActivate=${data.can_activate} overview=${overview} reload=${again} />`}
    <//>
  `;
}
