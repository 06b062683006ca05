// One item of a list as a card: picture, title, price, and why it is there.
import { number, text } from "./format.js";
import { html } from "./html.js";
import { Badge } from "./parts.js";
import { link } from "./route.js";

const PICTURE = /^(image|picture|poster|thumbnail|cover|photo)(_?url)?$/i;
const PRICE = /^(price|cost)$/i;

/** The fields that a card shows, of those that the items have. */
export const cardFields = (fields) =>
  fields.filter((name) => name === "category" || name === "year" || PICTURE.test(name) || PRICE.test(name)).join(",");

/** A picture is shown if its address is one of HTTPS: the page allows no other. */
function pictureOf(fields) {
  const name = Object.keys(fields).find((each) => PICTURE.test(each));
  const address = name && fields[name];
  return typeof address === "string" && address.startsWith("https://") ? address : null;
}

const hide = (event) => {
  event.currentTarget.hidden = true;
};

export function because(reason) {
  const titles = reason.because.map((id, n) => reason.because_titles[n] || id);
  return titles.length ? `because of ${titles.join(" and ")}` : `from ${reason.channel}`;
}

export function ItemCard({ item, position, children }) {
  const fields = item.fields || {};
  const picture = pictureOf(fields);
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
      ${children}
    </div>
  </li>`;
}
