// One request through the funnel: how many candidates each stage left, its time, and what made a score.
import { useState } from "preact/hooks";
import { get } from "../api.js";
import { count, ms, number, signed } from "../format.js";
import { html } from "../html.js";
import { Badge, Bar, Empty, Field, Loaded, Table, useLoad } from "../parts.js";
import { Sankey } from "../sankey.js";
import { because } from "../item_card.js";
import { listParams, ListForm } from "./try_user.js";

const SHOWN_FEATURES = 12;
const RECALL = "recall.";

/** The steps of a request: what each channel proposed, then what each stage kept. */
export function steps(answer) {
  const of = (name) => answer.stages.find((stage) => stage.stage === name);
  const channels = answer.stages
    .filter((stage) => stage.stage.startsWith(RECALL))
    .map((stage) => ({ ...stage, name: stage.stage.slice(RECALL.length) }));
  const [coarse, fine, rerank] = ["coarse", "fine", "rerank"].map(of);
  const kept = [
    coarse && { name: "merged", n: coarse.entered, ms: null },
    coarse && { name: "coarse", n: coarse.left, ms: coarse.ms, outcome: coarse.outcome },
    fine && { name: "fine", n: fine.left, ms: fine.ms, outcome: fine.outcome },
    { name: "list", n: answer.items.length, ms: rerank?.ms ?? null, outcome: rerank?.outcome },
  ].filter(Boolean);
  return { channels, kept };
}

function Stages({ answer }) {
  const most = Math.max(1, ...answer.stages.map((stage) => Math.max(stage.entered, stage.left)));
  return html`<${Table}
    caption="Stages in the order they ended"
    rows=${answer.stages}
    columns=${[
      ["stage", (row) => row.stage],
      ["outcome", (row) => html`<${Badge} kind=${row.outcome === "ok" ? "good" : "warn"}>${row.outcome}<//>`],
      ["entered", (row) => count(row.entered), "n"],
      ["left", (row) => count(row.left), "n"],
      ["", (row) => html`<${Bar} share=${row.left / most} />`],
      ["time", (row) => ms(row.ms), "n"],
    ]}
  />`;
}

function Contributions({ item }) {
  const { contributions, features, scores, channels } = item.explain;
  const parts = Object.entries(contributions || {}).filter(([name]) => name !== "constant");
  parts.sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]));
  const shown = parts.slice(0, SHOWN_FEATURES);
  const rest = parts.slice(SHOWN_FEATURES).reduce((sum, [, value]) => sum + value, 0);
  const most = Math.max(1e-9, ...shown.map(([, value]) => Math.abs(value)));
  const rows = [...shown, ["all other features", rest], ["the same for every item", contributions?.constant ?? 0]];
  return html`
    <p>${item.title || item.item_id}: ${because(item.reason)}. Score of each stage: ${Object.entries(scores)
      .map(([stage, score]) => `${stage} ${number(score)}`)
      .join(", ")}.</p>
    <${Table}
      caption="Channels that proposed it"
      empty="No channel proposed it: it fills up the list."
      rows=${Object.entries(channels)}
      columns=${[
        ["channel", ([name]) => name],
        ["rank", ([, of]) => of.rank + 1, "n"],
        ["score", ([, of]) => number(of.score), "n"],
      ]}
    />
    ${contributions
      ? html`<${Table}
          caption="What each feature added to the score of the fine ranker"
          rows=${rows}
          columns=${[
            ["feature", ([name]) => name],
            ["value", ([name]) => (name in features ? number(features[name]) : ""), "n"],
            ["added", ([, value]) => signed(value), "n"],
            ["", ([, value]) => html`<${Bar} share=${Math.abs(value) / most} kind=${value < 0 ? "bad" : "good"} />`],
          ]}
        />`
      : html`<${Empty}>This answer has no contributions.<//>`}
  `;
}

function Run({ overview, options }) {
  const params = listParams(options);
  const asked = { ...params, contributions: "true", preview: "true" };
  const list = useLoad(() => get("/recommend", asked), [JSON.stringify(params)]);
  const [chosen, setChosen] = useState(0);
  return html`<${Loaded} of=${list} what="funnel">
    ${(answer) => {
      const item = answer.items[Math.min(chosen, answer.items.length - 1)];
      return html`
        <p class="muted">Answered in ${ms(answer.took_ms)} of ${ms(overview.budget_ms)}, by ${answer.bundle}.</p>
        ${(answer.notes || []).map((note) => html`<p class="notice warn">${note}</p>`)}
        <${Sankey} steps=${steps(answer)} />
        <${Stages} answer=${answer} />
        <${Table}
          caption="Policies: what they took out or moved"
          rows=${(answer.policies || []).filter((row) => row.dropped || row.changed)}
          empty="No policy changed anything."
          columns=${[
            ["policy", (row) => row.policy],
            ["taken out", (row) => (row.dropped === undefined ? "" : count(row.dropped)), "n"],
            ["moved", (row) => (row.changed === undefined ? "" : count(row.changed)), "n"],
          ]}
        />
        <h2>An item of the list</h2>
        ${item
          ? html`<${Field} label="Item">
                ${(id) => html`<select id=${id} onChange=${(event) => setChosen(event.currentTarget.selectedIndex)}>
                  ${answer.items.map(
                    (one, n) => html`<option value=${one.item_id} selected=${n === chosen}>${n + 1}. ${one.title || one.item_id}</option>`,
                  )}
                </select>`}
              <//>
              <${Contributions} item=${item} />`
          : html`<${Empty}>The list is empty.<//>`}
      `;
    }}
  <//>`;
}

export function Funnel({ overview, options }) {
  return html`
    <p class="muted">What one request does, stage by stage. It does not count as shown.</p>
    <${ListForm} page="funnel" overview=${overview} options=${options} />
    ${options.user ? html`<${Run} key=${JSON.stringify(options)} overview=${overview} options=${options} />` : html`<${Empty}>Choose a user.<//>`}
  `;
}
