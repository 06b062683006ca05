// The rules: the policies of scenes, changed while the service runs; tried before they are saved.
import { useEffect, useState } from "preact/hooks";
import { get, request } from "../api.js";
import { moment } from "../format.js";
import { html } from "../html.js";
import { Badge, Empty, Failure, Field, Loaded, useLoad, values } from "../parts.js";
import { go, link } from "../route.js";
import { SceneForm } from "./rules_form.js";
import { ALL, Differences, differences, History } from "./rules_history.js";
import { Preview } from "./rules_preview.js";

const MAY_CHANGE = "admin";
const HOME = "home";
const kept = { draft: null, data: null }; // changes that are not saved, and the version that they began with, while the user looks at other pages

const same = (one, other) => differences(one, other).length === 0 && sceneNames(one).join() === sceneNames(other).join();
const sceneNames = (rules) => Object.keys(rules.scenes || {}).sort();

/** Rules with one setting of a scene changed; undefined removes it. "" stands for all scenes. */
function withSetting(rules, scene, name, value) {
  const part = { ...(scene ? rules.scenes?.[scene] : rules.policy) };
  if (value === undefined) delete part[name];
  else part[name] = value;
  if (!scene) return { ...rules, policy: part };
  return { ...rules, scenes: { ...rules.scenes, [scene]: part } };
}

function withoutScene(rules, scene) {
  if (!scene) return { ...rules, policy: {} };
  return { ...rules, scenes: Object.fromEntries(Object.entries(rules.scenes || {}).filter(([name]) => name !== scene)) };
}

/** The value of a setting of a scene without a rule of its own, and where it comes from. */
const inheriting = (data, rules, scene) => (name) => {
  const own = scene && data.settings.scenes?.[scene];
  if (own && name in own) return [own[name], "the settings of the scene"];
  if (scene && rules.policy && name in rules.policy) return [rules.policy[name], `the rules of ${ALL}`];
  return [data.settings.policy[name], "the settings"];
};

/** The setting that a refusal names, if it is one of this scene. */
function faultIn(error, scene) {
  const start = scene ? `rules.scenes.${scene}.` : "rules.policy.";
  if (!error?.field?.startsWith(start)) return null;
  return { name: error.field.slice(start.length).split(".")[0], message: error.message };
}

function Scenes({ names, chosen, rules, isNew, mayChange, onAdd }) {
  const add = (event) => {
    const name = values(event).scene.trim();
    if (name) onAdd(name);
  };
  return html`<div>
    <h2>Scenes</h2>
    <ul class="scenes">
      ${["", ...names].map((name) => {
        const n = Object.keys((name ? rules.scenes?.[name] : rules.policy) || {}).length;
        return html`<li>
          <a href=${link("rules", { scene: name })} aria-current=${name === chosen ? "true" : undefined}>${name || ALL}</a>
          ${n > 0 && html` <${Badge} kind="info">${n} ${n === 1 ? "rule" : "rules"}<//>`}
          ${isNew(name) && html` <${Badge}>new<//>`}
        </li>`;
      })}
    </ul>
    ${mayChange &&
    html`<form class="controls" onSubmit=${add}>
      <${Field} label="Another scene" name="scene" maxlength="64" required />
      <button>Add the scene</button>
    </form>`}
  </div>`;
}

const describeOthers = ({ newest, version, author, note }) =>
  newest === version ? `Version ${version} was saved meanwhile by ${author || "nobody named"}${note ? ` (${note})` : ""}.` : `Version ${newest} was saved meanwhile.`;

/** Others have saved a version since this one was read. */
function Conflict({ message, draft, onTheirs, onMine }) {
  const theirs = useLoad(() => get("/rules"), []);
  return html`<div class="notice bad" role="alert">
    <strong>Somebody else has saved rules meanwhile</strong>
    <p>${message}</p>
    <${Loaded} of=${theirs} what="rules">
      ${(data) => html`
        <${Differences} caption="What differs" one=${data.rules} other=${draft} before="theirs" after="yours" />
        <p class="row">
          <button type="button" onClick=${() => onTheirs(data)}>Take theirs, drop mine</button>
          <button type="button" onClick=${() => onMine(data)}>Keep mine, to save over theirs</button>
        </p>
      `}
    <//>
  </div>`;
}

function Save({ data, latest, draft, asksAuthor, onSaved, onDiscard, onFault, onData }) {
  const [state, setState] = useState({ busy: false, error: null });
  const save = async (event) => {
    const { note, author = "" } = values(event);
    setState({ busy: true, error: null });
    onFault(null);
    try {
      const saved = await request("PUT", "/rules", { body: { version: data.newest, rules: draft, note, author } });
      setState({ busy: false, error: null });
      onSaved(saved);
    } catch (error) {
      onFault(error);
      setState({ busy: false, error });
    }
  };
  const settle = (newest, rules) => {
    setState({ busy: false, error: null });
    onData(newest, rules);
  };
  const isConflict = state.error?.status === 409;
  const conflict = isConflict ? state.error.message : latest.newest !== data.newest && describeOthers(latest);
  return html`<section aria-label="Save" class="card">
    <h2>Changes that are not saved</h2>
    <${Differences} caption="Changes" one=${data.rules} other=${draft} before="saved" after="changed" />
    ${conflict
      ? html`<${Conflict} message=${conflict} draft=${draft} onTheirs=${(newest) => settle(newest, newest.rules)} onMine=${(newest) => settle(newest, draft)} />`
      : html`<form class="controls" onSubmit=${save}>
          <${Field} label="Note" name="note" maxlength="500" placeholder="what it is for" />
          ${asksAuthor && html`<${Field} label="Your name" name="author" maxlength="64" />`}
          <button class="main" disabled=${state.busy}>Save as version ${data.newest + 1}</button>
          <button type="button" onClick=${onDiscard}>Discard the changes</button>
        </form>`}
    ${state.error && !isConflict && html`<${Failure} error=${state.error} />`}
  </section>`;
}

function Status({ data }) {
  return html`
    ${data.refused && html`<p class="notice bad">${data.refused}</p>`}
    ${!data.is_known && html`<p class="notice warn">The rules are not known, because Redis has not answered since the start. The settings alone are in force.</p>`}
    <p class="muted">
      ${data.version
        ? html`Version ${data.version} is in force, saved by ${data.author || "nobody named"} at ${moment(data.at)}${data.note && `: ${data.note}`}.`
        : "No rules were ever saved: the settings alone are in force."}
    </p>
  `;
}

function Editor({ loaded, schema, scene, overview, reload }) {
  const mayChange = overview.roles.includes(MAY_CHANGE);
  const asksAuthor = !overview.key;
  const [data, setData] = useState(() => kept.data || loaded); // what the draft began with
  const [latest, setLatest] = useState(loaded); // another one if others have saved meanwhile
  const [draft, setDraft] = useState(() => kept.draft || loaded.rules);
  const [fault, setFault] = useState(null);
  const [done, setDone] = useState(null);
  const isDirty = !same(data.rules, draft);
  useEffect(() => {
    if (!isDirty) return undefined;
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isDirty]);
  const inSettings = Object.keys(data.settings.scenes || {});
  const names = [...new Set([HOME, ...inSettings, ...sceneNames(draft), ...(scene ? [scene] : [])])].sort();
  const overrides = (scene ? draft.scenes?.[scene] : draft.policy) || {};
  const write = (saved, rules) => {
    const isChanged = !same(saved.rules, rules);
    kept.draft = isChanged ? rules : null; // at once: the user may go to another page now
    kept.data = isChanged ? saved : null;
    setFault(null);
    setDraft(rules);
  };
  const edit = (rules) => {
    setDone(null);
    write(data, rules);
  };
  const take = (newest, rules) => {
    setData(newest);
    setLatest(newest);
    write(newest, rules);
  };
  const saved = ({ notes, ...version }, rules) => {
    setDone({ ...version, notes });
    take({ ...data, ...version, newest: version.version, refused: null, rules }, rules);
    reload();
  };
  const restored = async (version) => saved(version, (await get("/rules")).rules);
  return html`
    <${Status} data=${latest} />
    ${!mayChange && html`<${Empty}>Changes need a key with the role ${MAY_CHANGE}.<//>`}
    ${done &&
    html`<div class="notice good" role="status">
      <p>Version ${done.version} is saved. Every worker has it: it holds for the next list.</p>
      ${done.notes.map((note) => html`<p>${note}</p>`)}
    </div>`}
    <div class="rules">
      <${Scenes}
        names=${names}
        chosen=${scene}
        rules=${draft}
        isNew=${(name) => name && name !== HOME && !inSettings.includes(name)}
        mayChange=${mayChange}
        onAdd=${(name) => {
          if (!names.includes(name)) edit({ ...draft, scenes: { ...draft.scenes, [name]: {} } });
          go("rules", { scene: name });
        }}
      />
      <div>
        <h2>${scene ? `Rules of the scene ${scene}` : `Rules of ${ALL}`}</h2>
        ${mayChange &&
        (Object.keys(overrides).length > 0 || (scene && draft.scenes?.[scene])) &&
        html`<p><button type="button" onClick=${() => edit(withoutScene(draft, scene))}>${scene ? "Remove the rules of this scene" : "Reset all of these"}</button></p>`}
        <fieldset disabled=${!mayChange} aria-label="Settings">
          <${SceneForm} key=${scene} schema=${schema} overrides=${overrides} inherit=${inheriting(data, draft, scene)} fault=${faultIn(fault, scene)} onChange=${(name, value) => edit(withSetting(draft, scene, name, value))} />
        </fieldset>
      </div>
    </div>
    ${mayChange && isDirty && html`<${Save} data=${data} latest=${latest} draft=${draft} asksAuthor=${asksAuthor} onSaved=${(version) => saved(version, draft)} onDiscard=${() => take(latest, latest.rules)} onFault=${setFault} onData=${take} />`}
    ${mayChange && html`<${Preview} rules=${draft} scene=${scene || HOME} onFault=${setFault} />`}
    <${History} rules=${latest} isDirty=${isDirty} mayChange=${mayChange} asksAuthor=${asksAuthor} onRestored=${restored} />
  `;
}

export function Rules({ overview, options, reload }) {
  const loaded = useLoad(() => Promise.all([get("/rules"), get("/rules/schema")]), []);
  return html`<${Loaded} of=${loaded} what="rules">
    ${([data, schema]) => html`<${Editor} loaded=${data} schema=${schema} scene=${options.scene || ""} overview=${overview} reload=${reload} />`}
  <//>`;
}
