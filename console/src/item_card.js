// The items of a list as cards: picture, title, price, and why each is there.
import { number, text } from "./format.js";
import { html } from "./html.js";
import { Badge } from "./parts.js";
import { link } from "./route.js";

const PICTURE = /^(image|picture|poster|thumbnail|cover|photo)(_?url)?$/i;
const PRICE = /^(price|cost)$/i;

/** The fields that a card shows, of those that the items have. */
export const cardFields = (fields) =>
  fields.filter((name) => name === "category" || name === "year" || PICTURE.test(name) || PRICE.test(name)).join(",");

/** The address of an item's picture as it stands in its fields; null: it has none. */
function addressOf(fields) {
  const name = Object.keys(fields || {}).find((each) => PICTURE.test(each));
  const address = name && fields[name];
  return typeof address === "string" && address ? address : null;
}

const isRelative = (address) => !/^([a-z][a-z\d+.-]*:|\/\/)/i.test(address);

/** What a card shows: an address of HTTPS, or `base` and a relative one. The page allows no other. */
function pictureOf(fields, base) {
  const address = addressOf(fields);
  if (!address) return null;
  if (isRelative(address)) return base ? base.replace(/\/+$/, "") + "/" + address.replace(/^\/+/, "") : null;
  const whole = address.startsWith("//") ? `https:${address}` : address;
  return whole.startsWith("https://") ? whole : null;
}

const hide = (event) => {
  event.currentTarget.hidden = true;
};

export function because(reason) {
  const titles = reason.because.map((id, n) => reason.because_titles[n] || id);
  return titles.length ? `because of ${titles.join(" and ")}` : `from ${reason.channel}`;
}

function ItemCard({ item, position, base }) {
  const fields = item.fields || {};
  const picture = pictureOf(fields, base);
  const price = Object.keys(fields).find((name) => PRICE.test(name) && fields[name] !== null);
  const facts = [text(fields.category), text(fields.year)].filter((fact) => fact !== "–");
  return html`<li class="card item">
    ${picture && html`<img src=${picture} alt="" loading="lazy" referrerpolicy="no-referrer" onError=${hide} />`}
    <div>
      <p class="title">
        <span class="muted">${position}.${" "}</span>
        <a href=${link("items", { id: item.item_id })}>${item.title || item.item_id}</a>
        ${item.slot && item.slot !== "organic" && html` <${Badge} kind="info">${item.slot}<//>`}
      </p>
      ${price && html`<p class="price">${text(fields[price])}</p>`}
      ${facts.length > 0 && html`<p class="muted">${facts.join(" · ")}</p>`}
      ${item.reason && html`<p>${because(item.reason)}</p>`}
      <p class="muted small">${item.item_id} · score ${number(item.score)}${item.reason && ` · ${item.reason.channel}`}</p>
    </div>
  </li>`;
}

/** The items of a list as cards. `overview` says what is before a relative address of a picture. */
export function Cards({ items, overview }) {
  const base = overview.picture_base;
  const isMissing = !base && items.some((item) => addressOf(item.fields) && isRelative(addressOf(item.fields)));
  return html`
    <ol class="cards">${items.map((item, n) => html`<${ItemCard} item=${item} position=${n + 1} base=${base} />`)}</ol>
    ${isMissing &&
    html`<p class="muted small">Pictures have relative addresses. Set picture_base to what is before them, and restart the service.</p>`}
  `;
}
