// Requests to the service. The key of the user stays in sessionStorage and goes into a header only.
const STORED_KEY = "recfunnel.key";
const ROOT = new URL("../", document.baseURI);

export class ApiError extends Error {
  constructor(status, message, field = null) {
    super(message);
    this.status = status;
    this.field = field; // what is wrong with the request, as the service names it
  }
}

export const storedKey = () => sessionStorage.getItem(STORED_KEY) || "";

export function storeKey(key) {
  if (key) sessionStorage.setItem(STORED_KEY, key);
  else sessionStorage.removeItem(STORED_KEY);
}

function address(path, params) {
  const url = new URL(path.replace(/^\//, ""), ROOT);
  for (const [name, value] of Object.entries(params || {}))
    if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
  return url;
}

/** Return the JSON of an answer. A failure becomes an ApiError with the sentence of the service. */
export async function request(method, path, { params, body, accept = [] } = {}) {
  const headers = { Accept: "application/json" };
  if (storedKey()) headers["X-API-Key"] = storedKey();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path, params), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    throw new ApiError(0, "The service cannot be reached. Does it run?");
  }
  const text = await answer.text();
  const content = text ? parse(text) : null;
  if (!answer.ok && !accept.includes(answer.status))
    throw new ApiError(answer.status, content?.error?.message || `The answer is ${answer.status}.`, content?.error?.field);
  return content;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const get = (path, params, options) => request("GET", path, { params, ...options });

/** Return a path with an id in it, whatever characters the id has. */
export const path = (...parts) => "/" + parts.map(encodeURIComponent).join("/");
