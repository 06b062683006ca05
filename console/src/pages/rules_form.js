// The form of one scene's rules, made from the JSON schema of the settings: a control for each kind.
import { useId, useState } from "preact/hooks";
import { text } from "../format.js";
import { html } from "../html.js";
import { Badge, Field } from "../parts.js";

const ORDERED = ["order", "sponsored"]; // lists whose order counts
const NAMES_OF = {
  blocked_categories: "categories",
  forbidden_flags: "flags",
  blocked_providers: "providers",
  provider_places: "providers",
  seen: "event_types",
  order: "policies",
};

export const label = (name) => name.replaceAll("_", " ");

/** The value of a setting as text. */
export const shown = (value) => {
  const written = text(value);
  return ["", "–", "{}"].includes(written) ? "none" : written;
};

/** A description in Markdown as text: code in `code`, links as their words. */
export function Prose({ children }) {
  const parts = children.replaceAll("\\|", "|").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").split("`");
  return parts.map((part, n) => (n % 2 ? html`<code>${part}</code>` : part));
}

function Suggestions({ id, names }) {
  return html`<datalist id=${id}>${names.map((name) => html`<option value=${name} />`)}</datalist>`;
}

function ListControl({ id, name, value, schema, names, onChange }) {
  const list = useId();
  const [typed, setTyped] = useState("");
  const isNumber = schema.items.type === "integer";
  const add = () => {
    const entry = isNumber ? Number(typed) : typed.trim();
    if (typed.trim() && !value.includes(entry)) onChange([...value, entry]);
    setTyped("");
  };
  const raise = (n) => onChange(value.map((entry, at) => (at === n - 1 ? value[n] : at === n ? value[n - 1] : entry)));
  return html`
    ${value.length > 0 &&
    html`<ul class="chips">
      ${value.map(
        (entry, n) => html`<li>
          ${entry}
          ${ORDERED.includes(name) && n > 0 && html`<button type="button" aria-label=${`Move ${entry} up`} onClick=${() => raise(n)}>↑</button>`}
          <button type="button" aria-label=${`Remove ${entry}`} onClick=${() => onChange(value.filter((_, at) => at !== n))}>×</button>
        </li>`,
      )}
    </ul>`}
    <span class="row">
      <input
        id=${id}
        type=${isNumber ? "number" : "text"}
        min=${schema.items.minimum}
        maxlength="256"
        list=${names.length ? list : undefined}
        value=${typed}
        placeholder=${value.length ? "another" : "none"}
        onInput=${(event) => setTyped(event.currentTarget.value)}
        onKeyDown=${(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
      />
      <button type="button" aria-label=${`Add to ${label(name)}`} onClick=${add}>Add</button>
    </span>
    <${Suggestions} id=${list} names=${names} />
  `;
}

function MapControl({ id, name, value, schema, names, onChange }) {
  const list = useId();
  const [typed, setTyped] = useState(["", ""]);
  const isNumber = schema.additionalProperties.type === "integer";
  const read = (entry) => (isNumber ? Number(entry) : entry.trim());
  const add = () => {
    const [key, entry] = typed;
    if (key.trim() && entry !== "") onChange({ ...value, [key.trim()]: read(entry) });
    setTyped(["", ""]);
  };
  const without = (key) => Object.fromEntries(Object.entries(value).filter(([each]) => each !== key));
  const onEnter = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  };
  const kind = { type: isNumber ? "number" : "text", min: schema.additionalProperties.minimum, maxlength: 64 };
  return html`
    ${Object.entries(value).map(
      ([key, entry]) => html`<span class="row entry">
        <code>${key}</code>
        <input ...${kind} aria-label=${`${label(name)} of ${key}`} value=${entry} onChange=${(event) => onChange({ ...value, [key]: read(event.currentTarget.value) })} />
        <button type="button" aria-label=${`Remove ${key}`} onClick=${() => onChange(without(key))}>×</button>
      </span>`,
    )}
    <span class="row entry">
      <input id=${id} list=${names.length ? list : undefined} maxlength="256" placeholder="name" value=${typed[0]} onKeyDown=${onEnter} onInput=${(event) => setTyped([event.currentTarget.value, typed[1]])} />
      <input ...${kind} aria-label=${`New value in ${label(name)}`} value=${typed[1]} onKeyDown=${onEnter} onInput=${(event) => setTyped([typed[0], event.currentTarget.value])} />
      <button type="button" aria-label=${`Add to ${label(name)}`} onClick=${add}>Add</button>
    </span>
    <${Suggestions} id=${list} names=${names} />
  `;
}

/** One rule for all events, or one for each type of event. */
function SeenControl(props) {
  const { id, value, schema, onChange } = props;
  const isText = typeof value === "string";
  const toggle = html`<button type="button" onClick=${() => onChange(isText ? { default: value } : value.default || "hide")}>
    ${isText ? "One rule for each type of event" : "One rule for all events"}
  </button>`;
  if (!isText) return html`<${MapControl} ...${props} schema=${schema.anyOf[1]} names=${[...props.names, "default"]} /> ${toggle}`;
  return html`<span class="row"><input id=${id} value=${value} maxlength="32" onChange=${(event) => onChange(event.currentTarget.value)} /> ${toggle}</span>`;
}

function JsonControl({ id, value, onChange }) {
  const [fault, setFault] = useState("");
  const read = (event) => {
    try {
      onChange(JSON.parse(event.currentTarget.value || "{}"));
      setFault("");
    } catch (error) {
      setFault(`This is not JSON: ${error.message}`);
    }
  };
  return html`<textarea id=${id} rows="3" onChange=${read}>${JSON.stringify(value, null, 1)}</textarea>
    ${fault && html`<p class="notice bad" role="alert">${fault}</p>`}`;
}

function Control(props) {
  const { id, name, schema, value, onChange } = props;
  if (schema.enum)
    return html`<select id=${id} onChange=${(event) => onChange(event.currentTarget.value)}>
      ${schema.enum.map((each) => html`<option value=${each} selected=${each === value}>${each}</option>`)}
    </select>`;
  if (schema.anyOf) return html`<${SeenControl} ...${props} />`;
  if (schema.type === "array") return html`<${ListControl} ...${props} />`;
  if (schema.type === "object" && schema.additionalProperties.type === "object") return html`<${JsonControl} ...${props} />`;
  if (schema.type === "object") return html`<${MapControl} ...${props} />`;
  const isWhole = schema.type === "integer";
  return html`<input
    id=${id}
    type="number"
    required
    name=${name}
    min=${schema.minimum ?? schema.exclusiveMinimum}
    max=${schema.maximum}
    step=${isWhole ? 1 : "any"}
    value=${value}
    onInput=${(event) => event.currentTarget.value !== "" && onChange(Number(event.currentTarget.value))}
  />`;
}

/** One setting: its control, what it does, where its value comes from, and how to reset it. */
function Setting({ name, schema, names, own, inherited, from, fault, onChange }) {
  const isOwn = own !== undefined;
  return html`<div class=${`setting${isOwn ? " own" : ""}`}>
    <${Field} label=${label(name)}>
      ${(id) => html`<${Control} id=${id} name=${name} schema=${schema} names=${names[NAMES_OF[name]] || []} value=${isOwn ? own : inherited} onChange=${(value) => onChange(name, value)} />`}
    <//>
    <p class="small muted"><${Prose}>${schema.description}<//></p>
    ${isOwn
      ? html`<p class="row small">
          <${Badge} kind="info">rule<//>
          <span>${from}: ${shown(inherited)}</span>
          <button type="button" aria-label=${`Reset ${label(name)}`} onClick=${() => onChange(name, undefined)}>Reset</button>
        </p>`
      : html`<p class="small muted">as in ${from}</p>`}
    ${fault && html`<p class="notice bad" role="alert">${fault}</p>`}
  </div>`;
}

/** The settings of one policy. It is open at first if one of them is a rule. */
function Group({ name, summary, changed, isFaulty, children }) {
  const [isOpen, setOpen] = useState(changed > 0);
  return html`<details class="card group" open=${isOpen || isFaulty} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>
      <strong>${label(name)}</strong>${" "}
      ${changed > 0 && html`<${Badge} kind="info">${changed} ${changed === 1 ? "rule" : "rules"}<//>`}
      <span class="small muted"> <${Prose}>${summary}<//></span>
    </summary>
    <div class="settings">${children}</div>
  </details>`;
}

/** All settings of a scene, by policy. `inherit` gives the value of a name without a rule, and its origin. */
export function SceneForm({ schema, overrides, inherit, fault, onChange }) {
  return schema.groups.map(
    ({ name, summary, settings }) => html`<${Group}
      key=${name}
      name=${name}
      summary=${summary}
      changed=${settings.filter((each) => each in overrides).length}
      isFaulty=${settings.includes(fault?.name)}
    >
      ${settings.map((each) => {
        const [inherited, from] = inherit(each);
        return html`<${Setting}
          key=${each}
          name=${each}
          schema=${schema.properties[each]}
          names=${schema.names}
          own=${overrides[each]}
          inherited=${inherited}
          from=${from}
          fault=${fault?.name === each && fault.message}
          onChange=${onChange}
        />`;
      })}
    <//>`,
  );
}
