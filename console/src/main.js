// The frame of the console: navigation, the key, and the page that the address names.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import { get, storedKey, storeKey } from "./api.js";
import { html } from "./html.js";
import { Bundles } from "./pages/bundles.js";
import { Data } from "./pages/data.js";
import { Funnel } from "./pages/funnel.js";
import { Items } from "./pages/items.js";
import { Overview } from "./pages/overview.js";
import { Rules } from "./pages/rules.js";
import { TryUser } from "./pages/try_user.js";
import { Failure, Field, Loaded, useLoad, values } from "./parts.js";
import { useRoute } from "./route.js";

const PAGES = {
  overview: ["Overview", Overview],
  try: ["Try a user", TryUser],
  funnel: ["Funnel", Funnel],
  items: ["Items", Items],
  rules: ["Rules", Rules],
  bundles: ["Bundles", Bundles],
  data: ["Data", Data],
};

function KeyForm({ error, onKey }) {
  return html`<form
    class="card narrow"
    onSubmit=${(event) => {
      storeKey(values(event).key.trim());
      onKey();
    }}
  >
    <h2>This service needs an API key</h2>
    ${storedKey() && html`<p class="notice bad" role="alert">${error.message}</p>`}
    <p>It stays in this tab until you close it, and is sent to this service only.</p>
    <${Field} label="API key" name="key" type="password" required autocomplete="off" maxlength="256" />
    <button class="main">Open the console</button>
  </form>`;
}

function KeyStatus({ overview, onKey }) {
  if (!overview) return null;
  if (!overview.key) return html`<p class="key muted">no keys: this machine only</p>`;
  const forget = () => {
    storeKey("");
    onKey();
  };
  return html`<p class="key">
    <span title=${overview.roles.join(", ")}>${overview.key} (${overview.roles.join(", ")})</span>
    <button type="button" onClick=${forget}>Forget the key</button>
  </p>`;
}

function Console() {
  const { page, options } = useRoute();
  const overview = useLoad(() => get("/overview"), []);
  const heading = useRef(null);
  const [isFirst, setFirst] = useState(true);
  const [title, Page] = PAGES[page] || PAGES.overview;
  useEffect(() => {
    document.title = `${title} · recfunnel`;
    if (isFirst) setFirst(false);
    else heading.current?.focus();
  }, [title]);
  return html`
    <a class="skip" href="#content" onClick=${(event) => {
      event.preventDefault();
      heading.current?.focus();
    }}>Skip to the page</a>
    <header>
      <p class="name">recfunnel</p>
      <nav aria-label="Pages">
        ${Object.entries(PAGES).map(
          ([name, [label]]) =>
            html`<a href=${`#/${name}`} aria-current=${label === title ? "page" : undefined}>${label}</a>`,
        )}
      </nav>
      <${KeyStatus} overview=${overview.data} onKey=${overview.reload} />
    </header>
    <main id="content">
      <h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${[401, 403].includes(overview.error?.status)
        ? html`<${KeyForm} error=${overview.error} onKey=${overview.reload} />`
        : overview.error
          ? html`<${Failure} error=${overview.error} retry=${overview.reload} />`
          : html`<${Loaded} of=${overview}>
              ${(data) => html`<${Page} key=${page} options=${options} overview=${data} reload=${overview.reload} />`}
            <//>`}
    </main>
    <footer>
      ${overview.data && html`<span>recfunnel ${overview.data.release}</span>`}
      ${overview.data && !overview.data.key && html`<a href="../docs">HTTP interface</a>`}
    </footer>
  `;
}

render(html`<${Console} />`, document.getElementById("app"));
