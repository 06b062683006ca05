// Parts that several pages share: loading, errors, tables, tiles, fields of forms.
import { useCallback, useEffect, useId, useState } from "preact/hooks";
import { html } from "./html.js";

/** Load data, again whenever `keys` change. `load` may return null to load nothing. */
export function useLoad(load, keys) {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    const loading = load();
    if (!loading) {
      setState({ data: null, error: null, loading: false });
      return undefined;
    }
    setState((before) => ({ ...before, error: null, loading: true }));
    loading.then(
      (data) => isCurrent && setState({ data, error: null, loading: false }),
      (error) => isCurrent && setState({ data: null, error, loading: false }),
    );
    return () => {
      isCurrent = false;
    };
  }, [...keys, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { ...state, reload };
}

/** What is loaded, or why it is not there. */
export function Loaded({ of, children, what = "" }) {
  if (of.error) return html`<${Failure} error=${of.error} retry=${of.reload} what=${what} />`;
  if (of.data === null) return of.loading ? html`<p class="muted loading" role="status">Loading…</p>` : null;
  return children(of.data);
}

export function Failure({ error, retry, what }) {
  const reasons = { 403: "Your key may not do this", 404: "Not found", 503: "Not available now" };
  return html`<div class="notice bad" role="alert">
    <strong>${reasons[error.status] || "This did not work"}${what && ` (${what})`}</strong>
    <p>${error.message}</p>
    ${retry && error.status !== 403 && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

export const Empty = ({ children }) => html`<p class="muted empty">${children}</p>`;

export const Tile = ({ name, value, note, bad }) => html`<div class=${`tile${bad ? " bad" : ""}`}>
  <dt>${name}</dt>
  <dd>${value}</dd>
  ${note && html`<dd class="note">${note}</dd>`}
</div>`;

export const Badge = ({ kind, children }) => html`<span class=${`badge ${kind || ""}`}>${children}</span>`;

/** A table; `columns` are [title, cell of a row, class]. It scrolls by itself if it must. */
export function Table({ caption, columns, rows, empty = "Nothing yet.", hideCaption }) {
  if (!rows.length) return html`<${Empty}>${empty}<//>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption class=${hideCaption ? "hidden" : ""}>${caption}</caption>
      <thead>
        <tr>${columns.map(([title, , kind]) => html`<th scope="col" class=${kind}>${title}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr>
            ${columns.map(([, cell, kind]) => html`<td class=${kind}>${cell(row)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A share of a whole as a bar; the number beside it says the same. */
export const Bar = ({ share, kind }) => html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
  <rect class="track" width="100" height="8" rx="2" />
  <rect class=${`fill ${kind || ""}`} width=${Math.max(0, Math.min(100, 100 * share))} height="8" rx="2" />
</svg>`;

export function Field({ label, hint, children, ...input }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children ? children(id) : html`<input id=${id} ...${input} aria-describedby=${hint ? `${id}-hint` : undefined} />`}
    ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
  </div>`;
}

/** The values of a form by the names of its fields. */
export function values(event) {
  event.preventDefault();
  return Object.fromEntries(new FormData(event.currentTarget));
}

/** A field for a user's id that proposes the users who begin with what is typed. */
export function UserField({ value, suggest }) {
  const list = useId();
  const [typed, setTyped] = useState(value || "");
  const [found, setFound] = useState([]);
  useEffect(() => {
    const wait = setTimeout(() => suggest(typed).then(setFound, () => setFound([])), 200);
    return () => clearTimeout(wait);
  }, [typed]);
  return html`<${Field}
      label="User"
      name="user"
      required
      maxlength="256"
      autocomplete="off"
      list=${list}
      value=${typed}
      onInput=${(event) => setTyped(event.currentTarget.value)}
    />
    <datalist id=${list}>${found.map((user) => html`<option value=${user} />`)}</datalist>`;
}

/** The controls of a list: scene, filter, length. */
export const ListFields = ({ overview, options }) => html`
  <${Field} label="Scene">
    ${(id) => html`<select id=${id} name="scene">
      ${overview.scenes.map(
        (scene) => html`<option value=${scene} selected=${scene === (options.scene || "home")}>${scene}</option>`,
      )}
    </select>`}
  <//>
  <${Field} label="Filter" name="filter" maxlength="500" value=${options.filter || ""} placeholder=${'category == "Drama"'} />
  <${Field} label="Items" name="k" type="number" min="1" max=${overview.k_max} value=${options.k || 10} />
`;
