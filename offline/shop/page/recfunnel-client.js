// src/errors.ts
var RecfunnelError = class extends Error {
  /** The HTTP status; undefined if there was no answer. */
  status;
  /** The word for the kind of error, such as `invalid` or `not_found`. */
  code;
  /** The parameter or field that is not valid. */
  field;
  /** Every fault of the request, if the service found several, else the one. */
  errors;
  /** How long the service asks to wait, by `Retry-After`; 0 if it does not say. */
  retryAfterMs;
  constructor(message, details = {}) {
    const { status, code, field, errors, retryAfterMs = 0, cause } = details;
    super(field ? `${message} (field ${field})` : message, { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.field = field;
    this.errors = errors?.length ? errors : [{ field: field ?? null, message }];
    this.retryAfterMs = retryAfterMs;
  }
};
var UnreachableError = class extends RecfunnelError {
};
function errorOf(response, text) {
  const { status } = response;
  const retryAfterMs = retryAfter(response);
  if (response.type === "opaqueredirect" || status >= 300 && status < 400) {
    const message2 = `${response.url} answered with a redirect; use the address that it leads to`;
    return new RecfunnelError(message2, { status });
  }
  const fault = faultIn(text);
  if (fault === void 0) {
    const message2 = `${response.url} answered with status ${status}, and not as recfunnel does`;
    return new RecfunnelError(message2, { status, retryAfterMs });
  }
  const { message, code, faults } = fault;
  const field = fault.field ?? void 0;
  return new RecfunnelError(message, { status, code, field, errors: faults ?? [], retryAfterMs });
}
function faultIn(text) {
  try {
    const fault = JSON.parse(text).error;
    return typeof fault.message === "string" ? fault : void 0;
  } catch {
    return void 0;
  }
}
function retryAfter(response) {
  const text = response.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(text) ? Number(text) * 1e3 : 0;
}

// src/retry.ts
var REPEATED_STATUSES = [429, 503];
var Retry = class {
  attempts;
  firstPauseMs;
  longestPauseMs;
  constructor({ attempts = 4, firstPauseMs = 100, longestPauseMs = 5e3 } = {}) {
    const arePauses = firstPauseMs >= 0 && firstPauseMs <= longestPauseMs;
    if (!Number.isInteger(attempts) || attempts < 1 || !arePauses) {
      throw new RangeError(
        `attempts is ${attempts}, firstPauseMs ${firstPauseMs} and longestPauseMs ${longestPauseMs}: attempts must be a whole number of at least 1, the pauses must not be negative, and firstPauseMs must not exceed longestPauseMs`
      );
    }
    this.attempts = attempts;
    this.firstPauseMs = firstPauseMs;
    this.longestPauseMs = longestPauseMs;
  }
  /** Return the pause until the request is sent again; undefined if it is not. */
  pauseMs(nSent, failure) {
    if (nSent >= this.attempts) return void 0;
    const pause = this.growingPauseMs(nSent);
    if (failure instanceof BrokenConnection) return pause;
    const isTemporary = REPEATED_STATUSES.includes(failure.status ?? 0);
    const asksForTooLong = failure.retryAfterMs > this.longestPauseMs;
    return isTemporary && !asksForTooLong ? Math.max(pause, failure.retryAfterMs) : void 0;
  }
  /** Return the pause after so many failures in a row. */
  growingPauseMs(nFailed) {
    const pause = Math.min(this.firstPauseMs * 2 ** (nFailed - 1), this.longestPauseMs);
    return pause * (0.5 + Math.random() / 2);
  }
};
var BrokenConnection = class {
  constructor(cause) {
    this.cause = cause;
  }
  cause;
};

// src/connection.ts
var Connection = class {
  retry;
  address;
  apiKey;
  timeoutMs;
  constructor(url, { apiKey, timeoutMs = 1e4, retry }) {
    this.address = new URL(url).href.replace(/\/+$/, "");
    this.apiKey = apiKey;
    this.timeoutMs = timeoutMs;
    this.retry = new Retry(retry);
  }
  /**
   * Send a request until it has an answer or may not be sent again.
   *
   * @throws RecfunnelError if the service refuses it, UnreachableError if no answer came, and the
   *   reason of `signal` if that ended it.
   */
  async request(method, path, parameters = {}, { signal, timeoutMs = this.timeoutMs } = {}) {
    const url = this.urlOf(path, parameters.path, parameters.query);
    const init = this.requestOf(method, parameters.body);
    for (let nSent = 1; ; nSent++) {
      signal?.throwIfAborted();
      const outcome = await attempt(url, init, timeoutMs, signal);
      if (!(outcome instanceof RecfunnelError) && !(outcome instanceof BrokenConnection)) {
        return outcome.json;
      }
      const pause = this.retry.pauseMs(nSent, outcome);
      if (pause === void 0) throw errorAfter(outcome, `${init.method} ${url}`);
      await wait(pause, signal);
    }
  }
  /** Send a body once, so that it arrives even if the page is gone before the answer. */
  async sendFromLeavingPage(path, body) {
    const url = this.urlOf(path);
    const init = this.requestOf("post", body);
    if (this.apiKey === void 0 && !("keepalive" in Request.prototype)) {
      navigator.sendBeacon(url, new Blob([init.body ?? ""], { type: "application/json" }));
      return void 0;
    }
    const response = await fetch(url, { ...init, keepalive: true });
    const text = await response.text();
    if (!response.ok) throw errorOf(response, text);
    return JSON.parse(text);
  }
  urlOf(path, parts = {}, query = {}) {
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => segmentOf(parts[name]));
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== void 0 && one !== null) search.append(name, String(one));
      }
    }
    const text = search.toString();
    return this.address + filled + (text ? `?${text}` : "");
  }
  requestOf(method, body) {
    const headers = {};
    if (this.apiKey !== void 0) headers["X-API-Key"] = this.apiKey;
    const init = { method: method.toUpperCase(), headers, redirect: "manual" };
    if (body === void 0) return init;
    headers["Content-Type"] = "application/json";
    return { ...init, body: jsonOf(body) };
  }
};
function jsonOf(value) {
  return JSON.stringify(value, (name, one) => {
    if (typeof one === "number" && !Number.isFinite(one)) {
      throw new TypeError(`${name} is ${one}, which JSON cannot express: send a finite number`);
    }
    return one;
  });
}
function segmentOf(id) {
  const text = String(id);
  if (id === void 0 || /^\.{0,2}$/.test(text)) {
    throw new TypeError(`${JSON.stringify(text)} cannot be a part of an address: use another id`);
  }
  return encodeURIComponent(text);
}
async function attempt(url, init, timeoutMs, signal) {
  const ending = new AbortController();
  const end = () => ending.abort();
  const timer = setTimeout(end, timeoutMs);
  signal?.addEventListener("abort", end);
  try {
    const response = await fetch(url, { ...init, signal: ending.signal });
    const text = await response.text();
    return response.ok ? successOf(response, text) : errorOf(response, text);
  } catch (cause) {
    signal?.throwIfAborted();
    if (!ending.signal.aborted) return new BrokenConnection(cause);
    const message = `${init.method} ${url} had no answer within ${timeoutMs} ms`;
    return new UnreachableError(`${message}; check that the service runs`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}
function successOf(response, text) {
  if (response.status === 204) return { json: void 0 };
  try {
    return { json: JSON.parse(text) };
  } catch (cause) {
    const message = `${response.url} did not answer with JSON; check that it is that of recfunnel`;
    return new RecfunnelError(message, { status: response.status, cause });
  }
}
function errorAfter(outcome, target) {
  if (outcome instanceof RecfunnelError) return outcome;
  const { cause } = outcome;
  const reason = cause instanceof Error ? cause.cause instanceof Error ? cause.cause : cause : "";
  const message = `${target} had no answer (${reason}); check the address and that the service runs`;
  return new UnreachableError(message, { cause });
}
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

// src/event_queue.ts
var MAX_BATCH = 1e3;
var TOO_LARGE = 413;
var NOT_VALID = [400, 422];
var EventQueue = class {
  // of the next batch; less than size after a batch that was too large
  constructor(size, capacity, onDrop) {
    this.size = size;
    this.capacity = capacity;
    this.onDrop = onDrop;
    if (!(size >= 1 && size <= MAX_BATCH && capacity >= size)) {
      throw new RangeError(
        `size is ${size} and capacity ${capacity}: size must be 1 to ${MAX_BATCH}, and capacity must not be less than size`
      );
    }
    this.limit = size;
  }
  size;
  capacity;
  onDrop;
  nSent = 0;
  nDropped = 0;
  events = [];
  limit;
  get length() {
    return this.events.length;
  }
  /**
   * Add an event, with an id and the time if it has none. Return false if it was dropped.
   *
   * @throws TypeError if the event cannot be written as JSON.
   */
  add(event) {
    jsonOf(event);
    if (this.events.length >= this.capacity) {
      this.drop([event], `${this.capacity} events wait already: raise capacity`);
      return false;
    }
    this.events.push(withId({ ...event, timestamp: event.timestamp ?? Date.now() / 1e3 }));
    return true;
  }
  /** Return the events to send next. They stay in the queue. */
  batch() {
    return this.events.slice(0, this.limit);
  }
  /** Remove a batch that was sent. Drop what the service refused of it. */
  accept(batch, answer) {
    const reasons = new Map((answer.refused ?? []).map((one) => [batch[one.index], one.message]));
    this.limit = Math.min(this.size, 2 * this.limit);
    for (const event of this.remove(batch)) {
      const reason = reasons.get(event);
      if (reason === void 0) this.nSent++;
      else this.drop([event], reason);
    }
  }
  /**
   * Decide about a batch that failed. Return whether to wait before the next.
   *
   * A batch that is too large is halved. One that is not valid is dropped. All else may be repaired,
   * such as a service that is down or a key that is wrong, and the events stay.
   */
  refuse(batch, error) {
    if (error.status === TOO_LARGE && batch.length > 1) {
      this.limit = Math.ceil(batch.length / 2);
      return false;
    }
    if (error.status !== TOO_LARGE && !NOT_VALID.includes(error.status)) return true;
    this.drop(this.remove(batch), error.message);
    return false;
  }
  /** Drop every event that still waits. */
  dropAll(reason) {
    this.drop(this.remove(this.events), reason);
  }
  /** Remove events, and return those that were still there: a leaving page may have sent some. */
  remove(batch) {
    const gone = new Set(batch);
    const removed = this.events.filter((event) => gone.has(event));
    this.events = this.events.filter((event) => !gone.has(event));
    return removed;
  }
  drop(events, reason) {
    if (!events.length) return;
    this.nDropped += events.length;
    try {
      this.onDrop(events.map((event) => ({ event, reason })));
    } catch (error) {
      console.error("recfunnel: onDrop failed", error);
    }
  }
};
function withId(event) {
  return event.event_id ? event : { ...event, event_id: newId() };
}
function newId() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto) globalThis.crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => bytes[place] = Math.random() * 256);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/client.ts
var LONG_EXCLUDE = 50;
var Client = class {
  /** How requests are sent; `EventBuffer` uses it. */
  connection;
  constructor(url, options = {}) {
    this.connection = new Connection(url, options);
  }
  // Lists
  /**
   * Return the items that a user should see now, best first.
   *
   * `history` is that of a session, the newest event first, and stands for the stored one.
   * `page_token` is that of the page before. A session has no user: pass null.
   */
  recommend(user, options = {}, call) {
    const { history, page_token, exclude } = options;
    const isLong = history?.length || page_token || (exclude?.length ?? 0) > LONG_EXCLUDE;
    if (user === null || isLong) {
      const body = { ...options, ...user === null ? {} : { user_id: String(user) } };
      return this.connection.request("post", "/recommend", { body }, call);
    }
    const { history: _, ...others } = options;
    const query = { ...others, user_id: String(user) };
    return this.connection.request("get", "/recommend", { query }, call);
  }
  /** Yield the pages of a user's list, until there are no more. */
  async *pages(user, options = {}, call) {
    let token = options.page_token;
    do {
      const page = await this.recommend(user, token ? { ...options, page_token: token } : options, call);
      if (page.items.length) yield page;
      token = page.items.length ? page.page_token : void 0;
    } while (token);
  }
  /** Return up to 1,000 items of the caller in the order in which a user should see them. */
  rank(user, items, options = {}, call) {
    const body = { ...options, items, ...user === null ? {} : { user_id: String(user) } };
    return this.connection.request("post", "/rank", { body }, call);
  }
  /** Return items that resemble an item, by what the same users liked or by content. */
  similar(item_id, query = {}, call) {
    const path = { item_id };
    return this.connection.request("get", "/items/{item_id}/similar", { path, query }, call);
  }
  /** Return items that users bought in the same visit as an item. */
  boughtTogether(item_id, query = {}, call) {
    const path = { item_id };
    return this.connection.request("get", "/items/{item_id}/bought-together", { path, query }, call);
  }
  /** Return what is liked most over months. */
  popular(query = {}, call) {
    return this.connection.request("get", "/popular", { query }, call);
  }
  /** Return what is liked most over days. */
  trending(query = {}, call) {
    return this.connection.request("get", "/trending", { query }, call);
  }
  /** Return where an item drops out of the list that a user would get now, and why. */
  explain(user, item, options = {}, call) {
    const query = { ...options, user_id: String(user), item_id: String(item) };
    return this.connection.request("get", "/explain", { query }, call);
  }
  // Events
  /**
   * Store up to 1,000 events of users.
   *
   * Each event without an `event_id` gets one here, so that it counts once however often it is
   * sent. If one is wrong, nothing is stored. With `partial` the others are stored, and `refused`
   * of the answer lists what is wrong with which.
   */
  send(events, query = {}, call) {
    const body = (Array.isArray(events) ? events : [events]).map(withId);
    return this.connection.request("post", "/events", { query, body }, call);
  }
  /** Return the newest stored events of all users, the last one first. */
  newestEvents(query = {}, call) {
    return this.connection.request("get", "/events", { query }, call);
  }
  // Items
  /** Create an item, or change the fields that are in `body`. */
  putItem(item_id, body, call) {
    return this.connection.request("put", "/items/{item_id}", { path: { item_id }, body }, call);
  }
  /** Change the fields that are in `body`. An item that does not exist is refused. */
  patchItem(item_id, body, call) {
    return this.connection.request("patch", "/items/{item_id}", { path: { item_id }, body }, call);
  }
  /** Create or change up to 1,000 items at once. `partial` is as in `send`. */
  putItems(body, query = {}, call) {
    return this.connection.request("post", "/items", { query, body }, call);
  }
  /** Return an item as it is served. */
  item(item_id, call) {
    return this.connection.request("get", "/items/{item_id}", { path: { item_id } }, call);
  }
  /** Return how all users interact with an item. */
  itemCounts(item_id, call) {
    return this.connection.request("get", "/items/{item_id}/counts", { path: { item_id } }, call);
  }
  /** Remove an item from every list, until it is put again. */
  deleteItem(item_id, call) {
    return this.connection.request("delete", "/items/{item_id}", { path: { item_id } }, call);
  }
  /** Yield the items that match, in the order of their ids. `limit` is that of a page. */
  async *items(search = {}, call) {
    let cursor;
    do {
      const query = cursor ? { ...search, cursor } : search;
      const page = await this.connection.request("get", "/items", { query }, call);
      yield* page.items;
      cursor = page.cursor;
    } while (cursor);
  }
  // Users
  /** Replace all attributes of a user. */
  putUser(user_id, attributes, call) {
    const parameters = { path: { user_id }, body: { attributes } };
    return this.connection.request("put", "/users/{user_id}", parameters, call);
  }
  /** Set some attributes of a user, and keep the others. Null removes one. */
  patchUser(user_id, attributes, call) {
    const parameters = { path: { user_id }, body: { attributes } };
    return this.connection.request("patch", "/users/{user_id}", parameters, call);
  }
  /** Replace the attributes of up to 1,000 users. `partial` is as in `send`. */
  putUsers(body, query = {}, call) {
    return this.connection.request("post", "/users", { query, body }, call);
  }
  /** Return what is known of a user, with so many of the newest events. */
  user(user_id, query = {}, call) {
    return this.connection.request("get", "/users/{user_id}", { path: { user_id }, query }, call);
  }
  /** Return the newest events that the lists of a user rest on: live ones, and the bundle's. */
  userHistory(user_id, query = {}, call) {
    const parameters = { path: { user_id }, query };
    return this.connection.request("get", "/users/{user_id}/history", parameters, call);
  }
  /** Erase a user, and return the receipt. */
  deleteUser(user_id, call) {
    return this.connection.request("delete", "/users/{user_id}", { path: { user_id } }, call);
  }
  /** Return the receipt of an erasure as it is now. */
  erasure(erasure_id, call) {
    return this.connection.request("get", "/erasures/{erasure_id}", { path: { erasure_id } }, call);
  }
  /** Yield the users whose ids begin with `prefix`. `limit` is that of a page, about. */
  async *users(search = {}, call) {
    let cursor;
    do {
      const query = cursor ? { ...search, cursor } : search;
      const page = await this.connection.request("get", "/users", { query }, call);
      yield* page.users;
      cursor = page.cursor;
    } while (cursor);
  }
  /** Request a training. It needs a key with the role `admin`, as all calls of trainings. */
  startTraining(options = {}, call) {
    const body = { from_archive: true, force: false, ...options };
    return this.connection.request("post", "/trainings", { body }, call);
  }
  /** Return the newest trainings. */
  trainings(query = {}, call) {
    return this.connection.request("get", "/trainings", { query }, call);
  }
  /** Return how far a training is or how it ended, with the end of its log. */
  training(training_id, call) {
    const path = { training_id };
    return this.connection.request("get", "/trainings/{training_id}", { path }, call);
  }
  /** Request that a training ends. */
  cancelTraining(training_id, call) {
    const path = { training_id };
    return this.connection.request("delete", "/trainings/{training_id}", { path }, call);
  }
  /** Replace the friends of a user. */
  putFriends(user_id, friends, call) {
    const parameters = { path: { user_id }, body: { friends: friends.map(String) } };
    return this.connection.request("put", "/users/{user_id}/friends", parameters, call);
  }
  /** Replace all that a user blocks. What is not named is blocked no more. */
  putBlocked(user_id, body, call) {
    const parameters = { path: { user_id }, body };
    return this.connection.request("put", "/users/{user_id}/blocked", parameters, call);
  }
  /** Return what a user blocks. */
  blocked(user_id, call) {
    return this.connection.request("get", "/users/{user_id}/blocked", { path: { user_id } }, call);
  }
  /** Return items to ask a new user about. */
  onboarding(query = {}, call) {
    return this.connection.request("get", "/onboarding", { query }, call);
  }
  /** Store what a new user picked. A pick that is sent again counts once. */
  sendPicks(user_id, body, call) {
    const parameters = { path: { user_id }, body };
    return this.connection.request("post", "/users/{user_id}/onboarding", parameters, call);
  }
};

// src/event_buffer.ts
var LEAVING_BYTES = 6e4;
var EventBuffer = class {
  // until the answer to what a leaving page sent
  constructor(client, { size = 500, afterMs = 1e3, capacity = 5e4, onDrop = warn } = {}) {
    this.client = client;
    this.queue = new EventQueue(size, capacity, onDrop);
    this.afterMs = afterMs;
    globalThis.document?.addEventListener("visibilitychange", this.sendIfHidden);
    globalThis.window?.addEventListener("pagehide", this.sendFromLeavingPage);
  }
  client;
  queue;
  afterMs;
  timer;
  sending = Promise.resolve();
  nFailed = 0;
  isClosed = false;
  isLeaving = false;
  get nSent() {
    return this.queue.nSent;
  }
  get nDropped() {
    return this.queue.nDropped;
  }
  get nWaiting() {
    return this.queue.length;
  }
  /**
   * Add an event, and return at once; false if it was dropped.
   *
   * @throws TypeError if the event cannot be written as JSON, Error if the buffer is closed.
   */
  add(event) {
    if (this.isClosed) throw new Error("the buffer is closed: make a new one");
    const isKept = this.queue.add(event);
    if (this.nFailed === 0) this.schedule(this.queue.length >= this.queue.size ? 0 : this.afterMs);
    return isKept;
  }
  /** Send what waits now. Rejects with a `RecfunnelError` if that fails; the events then stay. */
  flush() {
    const flushed = this.sending.then(() => this.sendAll());
    this.sending = flushed.catch(() => void 0);
    return flushed;
  }
  /** Send what waits, and end. Events that cannot be sent now are dropped. */
  async close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    globalThis.document?.removeEventListener("visibilitychange", this.sendIfHidden);
    globalThis.window?.removeEventListener("pagehide", this.sendFromLeavingPage);
    try {
      await this.flush();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.queue.dropAll(`the buffer was closed, and the last attempt failed: ${reason}`);
    }
  }
  async sendAll() {
    while (this.queue.length) {
      const batch = this.queue.batch();
      try {
        this.queue.accept(batch, await this.client.send(batch, { partial: true }));
      } catch (error) {
        if (!(error instanceof RecfunnelError) || this.queue.refuse(batch, error)) throw error;
      }
    }
  }
  schedule(ms) {
    if (this.isClosed || this.timer !== void 0 && ms > 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sendInBackground(), ms);
  }
  async sendInBackground() {
    this.timer = void 0;
    try {
      await this.flush();
      this.nFailed = 0;
      if (this.queue.length) this.schedule(this.afterMs);
    } catch (error) {
      this.nFailed++;
      if (this.nFailed === 1) {
        console.warn(`recfunnel: ${this.queue.length} events wait and are sent again:`, error);
      }
      const pause = this.client.connection.retry.growingPauseMs(this.nFailed);
      const askedFor = error instanceof RecfunnelError ? error.retryAfterMs : 0;
      this.schedule(Math.max(pause, askedFor, 1));
    }
  }
  sendIfHidden = () => {
    if (document.visibilityState === "hidden") this.sendFromLeavingPage();
  };
  /** Send what waits without waiting. What is not known to have arrived stays, with its ids. */
  sendFromLeavingPage = () => {
    const batch = firstOf(this.queue.batch(), LEAVING_BYTES);
    if (!batch.length || this.isLeaving) return;
    this.isLeaving = true;
    void this.sendWithoutWaiting(batch);
  };
  async sendWithoutWaiting(batch) {
    try {
      const answer = await this.client.connection.sendFromLeavingPage("/events?partial=true", batch);
      if (answer !== void 0) this.queue.accept(batch, answer);
    } catch (error) {
      console.warn("recfunnel: events of a page that was left wait, and are sent again:", error);
    } finally {
      this.isLeaving = false;
    }
  }
};
function firstOf(events, bytes) {
  let left = bytes;
  const encoder = new TextEncoder();
  const end = events.findIndex((event) => (left -= encoder.encode(jsonOf(event)).length + 1) < 0);
  return end < 0 ? events : events.slice(0, end);
}
function warn(dropped) {
  console.warn(`recfunnel: ${dropped.length} events were dropped; the first: ${dropped[0]?.reason}`);
}
export {
  Client,
  EventBuffer,
  RecfunnelError,
  UnreachableError
};
