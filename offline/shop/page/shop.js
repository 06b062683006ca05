// A tiny shop: the list of a customer, a product with what is similar and bought with it, a cart.

import { Client, EventBuffer } from "/recfunnel-client.js";
import { FIELDS, cards, element, picture, priceOf, section } from "/cards.js";

const K = 12;
const N_CUSTOMERS = 30;
const main = document.getElementById("main");
const error = document.getElementById("error");
const chooser = document.getElementById("customer");
const { url } = await (await fetch("/service.json")).json();
const client = new Client(url);
const events = new EventBuffer(client, { afterMs: 200 });

let customer = "";
let followed = {}; // the list and the position of the card that was clicked last, by product
const cart = new Map(); // product -> its title and fields

function tell(type, item_id, others = {}) {
  events.add({ user_id: customer, item_id, type, ...followed[item_id], ...others });
}

function remember(answer) {
  return (item, position) => {
    followed = { [item.item_id]: { request_id: answer.request_id, position } };
  };
}

async function showHome(pageToken) {
  await events.flush(); // so that the list knows what was just done
  const options = { k: K, fields: FIELDS, ...(pageToken && { page_token: pageToken }) };
  const answer = await client.recommend(customer, options);
  const next = element("button", { type: "button", disabled: !answer.page_token }, "Next list");
  next.addEventListener("click", () => show(() => showHome(answer.page_token)));
  const note = `${answer.items.length} products in ${answer.took_ms.toFixed(1)} ms`;
  const trending = await client.trending({ k: 6, fields: FIELDS });
  return [
    section("For you", note, cards(answer.items, remember(answer))),
    element("p", {}, next),
    section("Trending", "", cards(trending.items)),
  ];
}

async function showProduct(id) {
  const options = { k: 6, fields: FIELDS };
  const [item, similar, together] = await Promise.all([
    client.item(id),
    client.similar(id, options),
    client.boughtTogether(id, options),
  ]);
  tell("view", id);
  const fields = { ...item.attributes };
  const add = element("button", { type: "button", className: "main" }, "Add to cart");
  add.addEventListener("click", () => {
    tell("add_to_cart", id);
    cart.set(id, { title: item.title, fields });
    add.textContent = "In the cart";
    countCart();
  });
  const text = element(
    "div",
    {},
    element("h1", {}, item.title ?? id),
    element("p", { className: "soft" }, [item.provider, ...item.categories].join(" · ")),
    element("p", { className: "price" }, priceOf(fields)),
    add,
  );
  const nothing = () => element("p", { className: "soft" }, together.notes?.[0] ?? "Nothing yet.");
  return [
    element("article", { className: "product" }, picture(fields), text),
    section("Bought together", "", together.items.length ? cards(together.items) : nothing()),
    section("Similar", "", cards(similar.items)),
  ];
}

function showCart() {
  const list = element("ul");
  for (const [id, { title, fields }] of cart) {
    const remove = element("button", { type: "button" }, "Remove");
    remove.addEventListener("click", () => {
      tell("remove_from_cart", id);
      cart.delete(id);
      countCart();
      show(showCart);
    });
    list.append(element("li", {}, element("span", {}, title ?? id), priceOf(fields), remove));
  }
  const buy = element("button", { type: "button", className: "main", disabled: !cart.size }, "Buy");
  buy.addEventListener("click", () => {
    for (const [id, { fields }] of cart) tell("purchase", id, { value: fields.price ?? null });
    cart.clear();
    countCart();
    location.hash = "#/";
  });
  return [section("Cart", "", element("div", { className: "cart" }, list, buy))];
}

function countCart() {
  document.getElementById("cart").textContent = `Cart (${cart.size})`;
}

// Shows what a function returns, or why it cannot; the newest call wins.
let nShown = 0;
async function show(build) {
  const turn = ++nShown;
  try {
    const parts = await build();
    if (turn !== nShown) return;
    error.hidden = true;
    main.replaceChildren(...parts);
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (failure) {
    if (turn !== nShown) return;
    error.textContent = failure.message;
    error.hidden = false;
  }
}

function showPlace() {
  const product = location.hash.match(/^#\/product\/(.+)$/);
  if (product) show(() => showProduct(decodeURIComponent(product[1])));
  else if (location.hash === "#/cart") show(showCart);
  else show(showHome);
}

async function listCustomers() {
  const newcomer = `new-${Date.now().toString(36)}`;
  const ids = [];
  for await (const user of client.users({ prefix: "c", limit: N_CUSTOMERS })) {
    ids.push(user.user_id);
    if (ids.length === N_CUSTOMERS) break;
  }
  chooser.append(...ids.map((id) => new Option(id)), new Option("a new customer", newcomer));
  customer = chooser.value;
  chooser.addEventListener("change", () => {
    customer = chooser.value;
    followed = {};
    cart.clear();
    countCart();
    if (location.hash === "" || location.hash === "#/") showPlace();
    else location.hash = "#/";
  });
}

await show(async () => {
  await listCustomers();
  return [];
});
addEventListener("hashchange", showPlace);
if (customer) showPlace();
