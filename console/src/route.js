// The address after "#": the name of a page, then its options. It never holds a key.
import { useEffect, useState } from "preact/hooks";

export function readRoute() {
  const [name, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { page: name || "overview", options: Object.fromEntries(new URLSearchParams(query)) };
}

export function link(page, options = {}) {
  const kept = Object.entries(options).filter(([, value]) => value !== "" && value !== undefined);
  const query = new URLSearchParams(kept).toString();
  return `#/${page}${query ? `?${query}` : ""}`;
}

export const go = (page, options) => {
  location.hash = link(page, options);
};

export function useRoute() {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const follow = () => setRoute(readRoute());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
