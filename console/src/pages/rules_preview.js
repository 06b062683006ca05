// What rules would do: the lists of some users before and after, side by side.
import { useState } from "preact/hooks";
import { request } from "../api.js";
import { count } from "../format.js";
import { html } from "../html.js";
import { Badge, Empty, Failure, Field, values } from "../parts.js";
import { link } from "../route.js";

const OPENED = 3; // users whose lists are shown at once

/** What became of an item between the two lists. */
function Change({ item, position, isAfter }) {
  if (item.other === null) return html`<${Badge} kind=${isAfter ? "good" : "bad"}>${isAfter ? "enters" : "leaves"}<//>`;
  if (!isAfter || item.other === position) return null;
  const up = item.other - position;
  return html`<${Badge}>${up > 0 ? `↑ ${up}` : `↓ ${-up}`}<//>`;
}

function List({ title, items, isAfter }) {
  return html`<section aria-label=${title}>
    <h4>${title}</h4>
    ${items.length
      ? html`<ol class="plain">
          ${items.map(
            (item, n) => html`<li>
              <a href=${link("items", { id: item.item_id })}>${item.title || item.item_id}</a>
              ${item.slot !== "organic" && html` <${Badge} kind="info">${item.slot}<//>`}${" "}
              <${Change} item=${item} position=${n + 1} isAfter=${isAfter} />
              ${item.reason && html`<p class="small muted">${isAfter ? "not before" : "not after"}: ${item.reason}</p>`}
            </li>`,
          )}
        </ol>`
      : html`<${Empty}>No item may be shown.<//>`}
  </section>`;
}

function User({ user, isOpen }) {
  const name = user.user_id || "a new user";
  return html`<details class="card group" open=${isOpen}>
    <summary><strong>${name}</strong> <${Badge} kind=${user.is_changed ? "warn" : ""}>${user.is_changed ? "another list" : "the same list"}<//></summary>
    ${user.degraded.length > 0 && html`<p class="notice warn">These stages failed, so the lists may differ for that reason too: ${user.degraded.join(", ")}</p>`}
    <div class="columns">
      <${List} title=${`${name}, before`} items=${user.before} />
      <${List} title=${`${name}, after`} items=${user.after} isAfter />
    </div>
  </details>`;
}

function Result({ result }) {
  const changed = result.users.filter((user) => user.is_changed);
  const others = result.users.filter((user) => !user.is_changed);
  return html`
    ${result.notes.map((note) => html`<p class="notice warn">${note}</p>`)}
    <p role="status">
      ${changed.length
        ? `${count(changed.length)} of ${count(result.users.length)} users get another list: ${count(result.entered)} items enter, ${count(result.left)} leave.`
        : `Nothing changes for these ${count(result.users.length)} users.`}
    </p>
    ${[...changed, ...others].map((user, n) => html`<${User} key=${user.user_id} user=${user} isOpen=${n < OPENED && user.is_changed} />`)}
  `;
}

/** Try rules that are not saved. */
export function Preview({ rules, scene, onFault }) {
  const [state, setState] = useState({ busy: false, error: null, result: null, of: "" });
  const [k, setK] = useState("10");
  const key = JSON.stringify([rules, scene]);
  const preview = async (event) => {
    const { users } = values(event);
    setState({ busy: true, error: null, result: null, of: key });
    const named = users.split(",").map((user) => user.trim()).filter(Boolean);
    try {
      const result = await request("POST", "/rules/preview", { body: { rules, scene, k: Number(k), users: named } });
      setState({ busy: false, error: null, result, of: key });
    } catch (error) {
      onFault(error);
      setState({ busy: false, error, result: null, of: key });
    }
  };
  return html`<section aria-label="Preview">
    <h2>Preview in the scene ${scene}</h2>
    <form class="controls" onSubmit=${preview}>
      <${Field} label="Items" name="k" type="number" min="1" max="20" value=${k} onInput=${(event) => setK(event.currentTarget.value)} required />
      <${Field} label="Users" name="users" placeholder="20 of the data" maxlength="2000" hint="with commas, at most 20" />
      <button class="main" disabled=${state.busy}>${state.busy ? "Computing…" : "Show lists before and after"}</button>
    </form>
    ${state.busy && html`<p class="muted" role="status">Computing lists…</p>`}
    ${state.error && html`<${Failure} error=${state.error} />`}
    ${state.result && state.of !== key && html`<p class="notice warn">The rules or the scene have changed since: this is the preview of before.</p>`}
    ${state.result && html`<${Result} result=${state.result} />`}
  </section>`;
}
