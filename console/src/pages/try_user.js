// The history of a user beside the list that this user would get, and why an item is not in it.
import { useState } from "preact/hooks";
import { get, path } from "../api.js";
import { moment, number, text } from "../format.js";
import { html } from "../html.js";
import { cardFields, Cards } from "../item_card.js";
import { Badge, Empty, Failure, Field, ListFields, Loaded, Table, UserField, useLoad, values } from "../parts.js";
import { go, link } from "../route.js";

const MAY_READ_USERS = "write";
export const mayReadUsers = (overview) => overview.roles.includes(MAY_READ_USERS);

/** The ids of users who begin with a text; none if the key may not read users. */
export const suggestUsers = (overview) => async (prefix) =>
  mayReadUsers(overview) ? (await get("/users", { prefix, limit: 20 })).users.map((user) => user.user_id) : [];

/** The parameters of a list that does not count as shown. */
export const listParams = ({ user, scene, filter, k, explore, boost, pin }) => ({
  user_id: user,
  boost,
  pin,
  scene,
  filter,
  k: k || 10,
  explore: explore === "no" ? "false" : "true",
});

export function ListForm({ page, overview, options, children }) {
  return html`<form class="controls" onSubmit=${(event) => go(page, values(event))}>
    <${UserField} value=${options.user} suggest=${suggestUsers(overview)} />
    <${ListFields} overview=${overview} options=${options} />
    ${children}
    <button class="main">Show the list</button>
  </form>`;
}

function History({ user }) {
  const history = useLoad(() => get(path("users", user, "history"), { limit: 30 }), [user]);
  const kinds = (weight) => (weight > 0 ? ["good", "liked"] : weight < 0 ? ["bad", "disliked"] : ["", "neutral"]);
  return html`<${Loaded} of=${history} what="history">
    ${({ events }) => html`<${Table}
      caption=${`The newest events of ${user}`}
      hideCaption
      empty="No events: this user is new."
      rows=${events}
      columns=${[
        ["item", (row) => html`<a href=${link("items", { id: row.item_id })}>${row.title || row.item_id}</a>`],
        ["event", (row) => html`${row.type || "event"} ${row.value !== 1 || !row.type || row.type === "rating" ? number(row.value, 2) : ""}`, "when"],
        ["", (row) => html`<${Badge} kind=${kinds(row.weight)[0]}>${kinds(row.weight)[1]}<//>`],
        ["when", (row) => moment(row.timestamp), "when"],
      ]}
    />`}
  <//>`;
}

/** A figure of an explanation as text; channels and what they say of the item one after another. */
function fact(value) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return text(typeof value === "number" ? number(value, 4) : value);
  const parts = Object.entries(value).map(([name, of]) =>
    typeof of === "object" ? `${name} at rank ${of.rank + 1}` : `${name} ${number(of)}`,
  );
  return parts.join(", ") || "–";
}

function WhyNot({ params }) {
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState(null);
  const ask = async (event) => {
    const { item } = values(event);
    setError(null);
    setAnswer(null);
    try {
      setAnswer(await get("/explain", { ...params, item_id: item.trim() }));
    } catch (failure) {
      setError(failure);
    }
  };
  const shown = ["item_id", "stage", "reason", "user_id", "bundle"];
  return html`<section aria-label="Why not this item?">
    <h2>Why not this item?</h2>
    <form class="controls" onSubmit=${ask}>
      <${Field} label="Item" name="item" required maxlength="256" autocomplete="off" />
      <button>Ask</button>
    </form>
    ${error && html`<${Failure} error=${error} />`}
    ${answer &&
    html`<div class="card" role="status">
      <p><${Badge} kind=${answer.stage === "shown" ? "good" : "warn"}>${answer.stage}<//> ${answer.reason}</p>
      <dl class="facts">
        ${Object.entries(answer)
          .filter(([name]) => !shown.includes(name))
          .map(([name, value]) => html`<dt>${name.replaceAll("_", " ")}</dt><dd>${fact(value)}</dd>`)}
      </dl>
    </div>`}
  </section>`;
}

function Answer({ overview, options }) {
  const params = listParams(options);
  const fields = cardFields(overview.fields);
  const list = useLoad(() => get("/recommend", { ...params, fields, preview: "true" }), [JSON.stringify(params)]);
  return html`
    <div class="columns">
      <section aria-label="History">
        <h2>History</h2>
        ${mayReadUsers(overview)
          ? html`<${History} user=${options.user} />`
          : html`<${Empty}>Histories need a key with the role ${MAY_READ_USERS}.<//>`}
      </section>
      <section aria-label="List">
        <h2>List</h2>
        <${Loaded} of=${list} what="list">
          ${(answer) => html`
            <p class="row">
              <span class="muted">${answer.items.length} items in ${answer.took_ms} ms, not counted as shown.</span>
              <a href=${link("funnel", options)}>Through the funnel</a>
            </p>
            ${answer.degraded.length > 0 &&
            html`<p class="notice warn">Degraded: ${answer.degraded.map((one) => `${one.stage} ${one.outcome}`).join(", ")}</p>`}
            ${(answer.notes || []).map((note) => html`<p class="notice warn">${note}</p>`)}
            ${answer.items.length
              ? html`<${Cards} items=${answer.items} overview=${overview} />`
              : html`<${Empty}>The list is empty: no item passes.<//>`}
          `}
        <//>
        <${WhyNot} params=${params} />
      </section>
    </div>
  `;
}

export function TryUser({ overview, options }) {
  return html`
    <p class="muted">The list that a user would get now. Looking at it changes nothing.</p>
    <${ListForm} page="try" overview=${overview} options=${options}>
      <${Field} label="Exploration">
        ${(id) => html`<select id=${id} name="explore">
          <option value="yes">yes</option>
          <option value="no" selected=${options.explore === "no"}>no</option>
        </select>`}
      <//>
      <${Field} label="Boost" name="boost" value=${options.boost || ""} maxlength="500" placeholder=${'0.3 if category == "Drama"'} />
      <${Field} label="Pin" name="pin" value=${options.pin || ""} maxlength="300" placeholder="1:50" />
    <//>
    ${options.user ? html`<${Answer} key=${JSON.stringify(options)} overview=${overview} options=${options} />` : html`<${Empty}>Choose a user. Any id works: one that is not known gets a list too.<//>`}
  `;
}
