// The versions of the rules: who changed what, what differs, and going back to one of them.
import { useRef, useState } from "preact/hooks";
import { get, path, request } from "../api.js";
import { moment, text } from "../format.js";
import { html } from "../html.js";
import { Empty, Failure, Field, Loaded, Table, useLoad, values } from "../parts.js";
import { label, shown } from "./rules_form.js";

export const ALL = "all scenes";
const SHOWN = 30; // versions; one more is loaded, to compare the last one with

/** The settings of rules by scene and name, as [scene, name, value]. */
function flatten(rules) {
  const parts = [[ALL, rules?.policy || {}], ...Object.entries(rules?.scenes || {})];
  return parts.flatMap(([scene, part]) => Object.entries(part).map(([name, value]) => [scene, name, value]));
}

/** What differs between two rules: [scene, name, before, after]; undefined: not set. */
export function differences(one, other) {
  const find = (rules) => new Map(flatten(rules).map(([scene, name, value]) => [JSON.stringify([scene, name]), value]));
  const [before, after] = [find(one), find(other)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)))
    .sort()
    .map((key) => [...JSON.parse(key), before.get(key), after.get(key)]);
}

const ruled = (value) => (value === undefined ? "no rule" : shown(value));

export const Differences = ({ caption, one, other, before = "before", after = "after" }) => html`<${Table}
  caption=${caption}
  empty="The rules are the same."
  rows=${differences(one, other)}
  columns=${[
    ["scene", ([scene]) => scene],
    ["setting", ([, name]) => label(name)],
    [before, ([, , value]) => ruled(value), "sentence"],
    [after, ([, , , value]) => ruled(value), "sentence"],
  ]}
/>`;

function Restore({ number, title, name, newest, isDirty, asksAuthor, onDone }) {
  const dialog = useRef(null);
  const [error, setError] = useState(null);
  const restore = async (event) => {
    const { note, author = "" } = values(event);
    dialog.current.close();
    setError(null);
    try {
      const body = { version: newest, note, author };
      await onDone(await request("POST", path("rules", "versions", number, "restore"), { body }));
    } catch (failure) {
      setError(failure);
    }
  };
  return html`
    <button type="button" onClick=${() => dialog.current.showModal()} aria-label=${name}>${title}</button>
    <dialog ref=${dialog} aria-label=${name}>
      <form onSubmit=${restore}>
        <p>${number ? `Save the rules of version ${number} again, as a new version?` : "Remove all rules? The settings alone hold then."}</p>
        ${isDirty && html`<p class="notice warn">Your changes that are not saved will be dropped.</p>`}
        <${Field} label="Note" name="note" maxlength="500" value=${number ? `version ${number} again` : "without rules"} />
        ${asksAuthor && html`<${Field} label="Your name" name="author" maxlength="64" />`}
        <p class="row">
          <button class="main">Restore</button>
          <button type="button" onClick=${() => dialog.current.close()}>Leave it</button>
        </p>
      </form>
    </dialog>
    ${error && html`<${Failure} error=${error} />`}
  `;
}

/** The newest versions, and what each changed. */
export function History({ rules, isDirty, mayChange, asksAuthor, onRestored }) {
  const history = useLoad(() => get("/rules/history", { limit: SHOWN + 1 }), [rules.newest]);
  const [chosen, setChosen] = useState(null);
  const common = { newest: rules.newest, isDirty, asksAuthor, onDone: onRestored };
  return html`<section aria-label="History">
    <h2>History</h2>
    <${Loaded} of=${history} what="history">
      ${({ versions }) => {
        if (!versions.length) return html`<${Empty}>No rules were ever saved: the settings alone hold.<//>`;
        const at = versions.findIndex((each) => each.version === chosen);
        const [{ version: newest }, previous] = versions;
        const isFirst = (version) => version === 1; // the settings alone held before it
        const hasPrevious = at >= 0 && (versions[at + 1] || isFirst(chosen));
        const undo = `Undo version ${newest}`;
        return html`
          ${mayChange && (previous || isFirst(newest)) && html`<p><${Restore} number=${previous?.version || 0} title=${undo} name=${undo} ...${common} /></p>`}
          <${Table}
            caption="Versions, newest first"
            hideCaption
            rows=${versions.slice(0, SHOWN)}
            columns=${[
              ["version", (row) => `${row.version}${row.version === rules.version ? " (in force)" : ""}`],
              ["saved", (row) => moment(row.at), "when"],
              ["by", (row) => text(row.author)],
              ["note", (row) => `${text(row.note)}${row.restored === null ? "" : ` (restored ${row.restored})`}`, "sentence"],
              [
                "",
                (row) => html`<span class="row">
                  <button type="button" aria-pressed=${row.version === chosen} aria-label=${`What version ${row.version} changed`} onClick=${() => setChosen(row.version === chosen ? null : row.version)}>
                    What changed
                  </button>
                  ${mayChange && row.version !== rules.newest && html`<${Restore} number=${row.version} title="Restore" name=${`Restore version ${row.version}`} ...${common} />`}
                </span>`,
              ],
            ]}
          />
          ${at >= 0 && !hasPrevious && html`<${Empty}>The version before version ${chosen} is not stored any more, so that nothing can be compared.<//>`}
          ${hasPrevious && html`<${Differences} caption=${`What version ${chosen} changed`} one=${versions[at + 1]?.rules} other=${versions[at].rules} />`}
        `;
      }}
    <//>
  </section>`;
}
