// The catalogue: find items; see one with its counts and similar items; hide it, change it.
import { useState } from "preact/hooks";
import { get, path, request } from "../api.js";
import { count, number, text } from "../format.js";
import { html } from "../html.js";
import { cardFields, Cards } from "../item_card.js";
import { Badge, Empty, Failure, Field, Loaded, Table, useLoad, values } from "../parts.js";
import { go, link } from "../route.js";

const MAY_CHANGE = "write";

function Search({ options, overview }) {
  const { prefix, title, filter, cursor } = options;
  const wanted = ["category", "year"].filter((name) => overview.fields.includes(name)).join(",");
  const found = useLoad(() => get("/items", { prefix, title, filter, cursor, fields: wanted, limit: 25 }), [
    JSON.stringify(options),
  ]);
  return html`
    <form class="controls" onSubmit=${(event) => go("items", values(event))}>
      <${Field} label="Words of the title" name="title" value=${title || ""} maxlength="200" />
      <${Field} label="Id begins with" name="prefix" value=${prefix || ""} maxlength="256" />
      <${Field} label="Filter" name="filter" value=${filter || ""} maxlength="500" placeholder="year >= 1990" />
      <button class="main">Find</button>
    </form>
    <${Loaded} of=${found} what="items">
      ${(page) => html`
        <${Table}
          caption="Items"
          hideCaption
          empty="No item matches."
          rows=${page.items}
          columns=${[
            ["item", (row) => html`<a href=${link("items", { id: row.item_id })}>${row.item_id}</a>`],
            ["title", (row) => text(row.title)],
            ...(wanted ? wanted.split(",").map((name) => [name, (row) => text(row.fields?.[name])]) : []),
            ["", (row) => (row.is_available ? "" : html`<${Badge} kind="warn">hidden<//>`)],
          ]}
        />
        ${page.cursor && html`<p><a href=${link("items", { prefix, title, filter, cursor: page.cursor })}>More items</a></p>`}
      `}
    <//>
  `;
}

/** The fields of the form that differ from the item, as the body of PATCH. */
function changesOf(item, form) {
  const changes = {};
  const list = (value) => value.split(",").map((part) => part.trim()).filter(Boolean);
  if (form.title !== (item.title || "")) changes.title = form.title;
  if (form.provider !== (item.provider || "")) changes.provider = form.provider;
  if (form.categories !== item.categories.join(", ")) changes.categories = list(form.categories);
  if (form.released !== String(item.released ?? "") && form.released !== "") changes.released = Number(form.released);
  const attributes = {};
  for (const [name, value] of Object.entries(item.attributes)) {
    const typed = form[`attribute.${name}`];
    if (typed === String(value ?? "") || typed === "") continue;
    attributes[name] = typeof value === "number" ? Number(typed) : typed;
  }
  if (Object.keys(attributes).length) changes.attributes = attributes;
  return changes;
}

function Change({ item, onChange }) {
  const [state, setState] = useState({ busy: false, error: null, done: "" });
  const send = async (body, done) => {
    setState({ busy: true, error: null, done: "" });
    try {
      await request("PATCH", path("items", item.item_id), { body });
      setState({ busy: false, error: null, done });
      onChange();
    } catch (error) {
      setState({ busy: false, error, done: "" });
    }
  };
  const save = (event) => {
    const changes = changesOf(item, values(event));
    if (Object.keys(changes).length) send(changes, "Saved. It holds for the next list.");
    else setState({ busy: false, error: null, done: "Nothing was changed." });
  };
  return html`<section aria-label="Change the item">
    <h3>Change it</h3>
    <p>
      <button
        type="button"
        disabled=${state.busy}
        onClick=${() => send({ is_available: !item.is_available }, item.is_available ? "Hidden from every list." : "It can be in lists again.")}
      >
        ${item.is_available ? "Hide from every list" : "Show in lists again"}
      </button>
    </p>
    <form class="controls" onSubmit=${save}>
      <${Field} label="Title" name="title" value=${item.title || ""} maxlength="1000" />
      <${Field} label="Categories" name="categories" value=${item.categories.join(", ")} hint="with commas" />
      <${Field} label="Provider" name="provider" value=${item.provider || ""} maxlength="256" />
      <${Field} label="Year" name="released" type="number" step="any" value=${item.released ?? ""} />
      ${Object.entries(item.attributes).map(
        ([name, value]) => html`<${Field} label=${name} name=${`attribute.${name}`} value=${value ?? ""} maxlength="256" />`,
      )}
      <button class="main" disabled=${state.busy}>Save</button>
    </form>
    ${state.done && html`<p class="notice good" role="status">${state.done}</p>`}
    ${state.error && html`<${Failure} error=${state.error} />`}
  </section>`;
}

function Counts({ id }) {
  const counts = useLoad(() => get(path("items", id, "counts")), [id]);
  return html`<${Loaded} of=${counts} what="counts">
    ${(data) => html`
      <p>Since the end of the bundle's data: in ${count(data.shown)} lists, ${count(data.liked)} positive events.</p>
      <${Table}
        caption="Likes, fading with a half-life"
        rows=${Object.entries(data.trend)}
        columns=${[
          ["half-life", ([days]) => (days === "all" ? "never" : `${days} day${days === "1" ? "" : "s"}`)],
          ["likes", ([, likes]) => number(likes, 1), "n"],
        ]}
      />
    `}
  <//>`;
}

function Similar({ id, overview }) {
  const [by, setBy] = useState("behaviour");
  const fields = cardFields(overview.fields);
  const similar = useLoad(() => get(path("items", id, "similar"), { k: 8, by, fields }), [id, by]);
  return html`
    <div class="row" role="group" aria-label="Similar by">
      ${["behaviour", "content"].map(
        (name) => html`<button type="button" aria-pressed=${by === name} onClick=${() => setBy(name)}>${name}</button>`,
      )}
    </div>
    <${Loaded} of=${similar} what="similar items">
      ${(answer) => html`
        ${(answer.notes || []).map((note) => html`<p class="notice warn">${note}</p>`)}
        ${answer.items.length
          ? html`<${Cards} items=${answer.items} overview=${overview} />`
          : html`<${Empty}>Nothing is similar.<//>`}
      `}
    <//>
  `;
}

function Item({ id, overview }) {
  const item = useLoad(() => get(path("items", id)), [id]);
  return html`
    <p><a href=${link("items")}>All items</a></p>
    <${Loaded} of=${item} what="item">
      ${(data) => html`
        <h2>${data.title || data.item_id} ${!data.is_available && html`<${Badge} kind="warn">hidden<//>`}</h2>
        <dl class="facts">
          <dt>id</dt><dd><code>${data.item_id}</code></dd>
          <dt>categories</dt><dd>${text(data.categories)}</dd>
          <dt>provider</dt><dd>${text(data.provider)}</dd>
          <dt>year</dt><dd>${text(data.released)}</dd>
          ${data.flags.length > 0 && html`<dt>flags</dt><dd>${text(data.flags)}</dd>`}
          ${Object.entries(data.attributes).map(([name, value]) => html`<dt>${name}</dt><dd>${text(value)}</dd>`)}
          ${data.text && html`<dt>text</dt><dd>${data.text}</dd>`}
          <dt>source</dt><dd>${data.source}</dd>
        </dl>
        ${overview.roles.includes(MAY_CHANGE)
          ? html`<${Change} key=${JSON.stringify(data)} item=${data} onChange=${item.reload} />`
          : html`<${Empty}>Changes need a key with the role ${MAY_CHANGE}.<//>`}
        <h3>Counts</h3>
        <${Counts} id=${id} />
        <h3>Similar items</h3>
        <${Similar} id=${id} overview=${overview} />
      `}
    <//>
  `;
}

export function Items({ overview, options }) {
  if (options.id) return html`<${Item} key=${options.id} id=${options.id} overview=${overview} />`;
  return html`<${Search} key=${JSON.stringify(options)} options=${options} overview=${overview} />`;
}
