// Elements of the page. All text of the service becomes text nodes, and never HTML.

export const FIELDS = ["price", "image"];

const CHANNELS = {
  trending: "Trending now",
  surging: "Trending now",
  popular: "Popular",
  fresh: "New",
  social: "Your friends like it",
  content: "Like what you looked at",
};

// Returns an element with properties and children; those that are null are left out.
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function priceOf(fields) {
  return typeof fields?.price === "number" ? `€ ${fields.price.toFixed(2)}` : "";
}

export function picture(fields) {
  const src = typeof fields?.image === "string" ? { src: `/${fields.image}` } : {};
  return element("img", { ...src, alt: "", width: 240, height: 180 });
}

function because(item) {
  const title = item.reason?.because_titles?.find((one) => one);
  if (title) return `Because of ${title}`;
  return CHANNELS[item.reason?.channel] ?? "";
}

// Returns a list of cards. `open` is called with an item and its position when one is followed.
export function cards(items, open) {
  const list = element("ul", { className: "cards" });
  items.forEach((item, position) => {
    const link = element(
      "a",
      { href: `#/product/${encodeURIComponent(item.item_id)}` },
      picture(item.fields),
      element("span", { className: "title" }, item.title ?? item.item_id),
      element("span", { className: "price" }, priceOf(item.fields)),
      element("span", { className: "because" }, because(item)),
    );
    link.addEventListener("click", () => open?.(item, position));
    list.append(element("li", {}, link));
  });
  return list;
}

export function section(title, note, ...children) {
  const heading = element("h2", {}, title, note ? element("small", {}, note) : null);
  return element("section", {}, heading, ...children);
}
