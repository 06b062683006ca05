// The client against a real service with a key, directly and over a connection that fails.
// Run by tests/integration/clients/test_typescript_client.py, which starts the service.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const { SERVICE_URL: url, SERVICE_KEY: apiKey, CLIENT_FILE: file } = process.env;
const { Client, EventBuffer, RecfunnelError, UnreachableError } = await import(file);

const QUICKLY = { attempts: 3, firstPauseMs: 1, longestPauseMs: 1000 };
const client = new Client(url, { apiKey, timeoutMs: 60_000 });
const newUser = () => `u-${Math.random().toString(36).slice(2)}`;
const ids = (answer) => answer.items.map((item) => item.item_id);
const eventsOf = (user, n) =>
  Array.from({ length: n }, (_, i) => ({ user_id: user, item_id: `i${i}`, type: "click" }));
const nEvents = async (user) => (await client.user(user)).counts.live_events;

async function collect(values) {
  const all = [];
  for await (const value of values) all.push(value);
  return all;
}

// The address of a port at which nobody listens.
async function nowhere() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function until(isSo) {
  for (let n = 0; n < 6000; n++) {
    if (await isSo()) return;
    await sleep(10);
  }
  assert.fail("it did not happen");
}

// A proxy that does first what its faults say: "lose" passes the request on and breaks the
// connection, "wait" never answers, and [status, seconds] answers with `Retry-After`.
async function failing(faults, use) {
  const bodies = [];
  const proxy = createServer(async (incoming, answer) => {
    const body = Buffer.concat(await collect(incoming));
    bodies.push(body.toString());
    const fault = faults.shift();
    if (fault === "wait") return;
    if (Array.isArray(fault)) {
      answer.writeHead(fault[0], { "Retry-After": fault[1] }).end();
      return;
    }
    const { method, url: path, headers } = incoming;
    request(url + path, { method, headers: { ...headers, connection: "close" } }, (passed) => {
      if (fault === "lose") passed.resume().on("end", () => answer.destroy());
      else passed.pipe(answer.writeHead(passed.statusCode, passed.headers));
    }).end(body);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${proxy.address().port}`, bodies);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}

test("lists of every kind come as answers", async () => {
  const user = newUser();
  const first = await client.recommend(user, { k: 3, explore: false, fields: ["title"] });
  assert.equal(first.items.length, 3);
  assert.deepEqual(first.items[0].fields, { title: first.items[0].title });
  const next = await client.recommend(user, { k: 3, explore: false, page_token: first.page_token });
  assert.ok(next.items.length && !ids(next).some((id) => ids(first).includes(id)));
  const excluded = Array.from({ length: 60 }, (_, i) => `i${i}`);
  const others = ids(await client.recommend(user, { k: 3, exclude: excluded }));
  assert.ok(others.length && !others.some((id) => excluded.includes(id)));
  const session = { history: [{ item_id: "i3", type: "like" }], k: 2 };
  assert.equal((await client.recommend(null, session)).items.length, 2);
  const ranked = await client.rank(user, ["i5", "i6", "nothing"], { explore: false });
  assert.deepEqual([ids(ranked).sort(), ranked.unknown], [["i5", "i6"], ["nothing"]]);
  assert.equal((await client.similar("i3", { by: "content", k: 2 })).by, "content");
  assert.match((await client.boughtTogether("i3")).notes[0], /without purchases/);
  assert.equal((await client.popular({ k: 4 })).items.length, 4);
  assert.equal((await client.trending({ k: 4 })).items.length, 4);
  assert.equal((await client.explain(user, "nothing")).stage, "catalogue");
});

test("pages follow each other without a repeat, and end", async () => {
  const seen = [];
  for await (const page of client.pages(newUser(), { k: 20, explore: false })) {
    seen.push(...ids(page));
    if (seen.length > 60) break;
  }
  assert.ok(seen.length > 20);
  assert.equal(new Set(seen).size, seen.length);
});

test("items are put, changed, found over pages and deleted", async () => {
  const prefix = `ts ${newUser()} ü?#%/`;
  const names = [0, 1, 2, 3, 4].map((n) => prefix + n);
  assert.equal((await client.putItem(names[0], { title: "One" })).title, "One");
  assert.equal((await client.patchItem(names[0], { title: "First" })).title, "First");
  const all = [...names.map((item_id) => ({ item_id })), { item_id: "" }];
  const stored = await client.putItems(all, { partial: true });
  assert.deepEqual([stored.stored, stored.refused.map((one) => one.index)], [5, [5]]);
  const found = await collect(client.items({ prefix, limit: 2 }));
  assert.deepEqual(ids({ items: found }), names);
  assert.equal((await client.item(names[0])).item_id, names[0]);
  assert.equal((await client.itemCounts("i3")).item_id, "i3");
  assert.equal(await client.deleteItem(names[0]), undefined);
  await assert.rejects(client.item(names[0]), { status: 404, code: "not_found" });
  await assert.rejects(client.item(".."), /cannot be a part of an address/);
});

test("users are described and erased", async () => {
  const user = newUser();
  assert.deepEqual((await client.putUser(user, { age: 25 })).attributes, { age: "25" });
  const changed = await client.patchUser(user, { age: null, country: "NL" });
  assert.deepEqual(changed.attributes, { country: "NL" });
  assert.equal((await client.putUsers([{ user_id: `${user}-2`, attributes: {} }])).stored, 1);
  assert.deepEqual((await client.putFriends(user, [1, 2])).friends, ["1", "2"]);
  assert.deepEqual((await client.putBlocked(user, { items: ["i3"] })).items, ["i3"]);
  assert.deepEqual((await client.blocked(user)).items, ["i3"]);
  const asked = await client.onboarding({ n: 4 });
  assert.equal((await client.sendPicks(user, { liked: [asked.items[0].item_id] })).accepted, 1);
  assert.equal((await client.user(user)).history[0].item_id, asked.items[0].item_id);
  const found = await collect(client.users({ prefix: user, limit: 1 }));
  assert.ok(found.some((one) => one.user_id === user));
  const receipt = await client.deleteUser(user);
  assert.equal((await client.erasure(receipt.erasure_id)).user_digest, receipt.user_digest);
});

test("a refusal is an error with the sentence and every fault", async () => {
  const refused = await client.recommend(newUser(), { k: 0, scene: "x".repeat(65) }).catch((e) => e);
  assert.ok(refused instanceof RecfunnelError && refused instanceof Error);
  assert.equal(refused.status, 422);
  assert.deepEqual(new Set(refused.errors.map((fault) => fault.field)), new Set(["k", "scene"]));
  await assert.rejects(client.recommend("u", { k: 0 }), /or equal to 1 \(field k\)$/);
  await assert.rejects(new Client(url, { apiKey: "wrong" }).popular(), { status: 401 });
  const infinite = { user_id: "u", item_id: "i1", value: Infinity };
  await assert.rejects(async () => client.send(infinite), /JSON cannot express/);
});

test("nobody at the address is named after the attempts", async () => {
  const nobody = new Client(await nowhere(), { retry: QUICKLY });
  const failed = await nobody.popular().catch((error) => error);
  assert.ok(failed instanceof UnreachableError);
  assert.match(failed.message, /^GET http:.+\/popular had no answer \(.*ECONNREFUSED.*\); check/);
  assert.equal(failed.status, undefined);
});

test("what answers, but is not recfunnel, is named", async () => {
  await failing([[302, 0], [500, 0]], async (proxy) => {
    const other = new Client(proxy, { retry: { attempts: 1 } });
    await assert.rejects(other.popular(), /answered with a redirect/);
    await assert.rejects(other.popular(), /answered with status 500, and not as recfunnel does/);
  });
});

test("a time-out is not repeated", async () => {
  await failing(["wait", "wait"], async (proxy, bodies) => {
    const over = new Client(proxy, { apiKey, timeoutMs: 30 });
    await assert.rejects(over.popular(), /had no answer within 30 ms/);
    await assert.rejects(client.popular({}, { timeoutMs: 0 }), /had no answer within 0 ms/);
    assert.ok(bodies.length <= 1); // none, if the time was over before the proxy was asked
  });
});

test("a signal ends a request and a pause", async () => {
  await failing(["wait", [503, 1]], async (proxy, bodies) => {
    const patient = new Client(proxy, { apiKey, timeoutMs: 60_000 });
    for (const nSent of [1, 2]) {
      const ending = new AbortController();
      const asked = patient.popular({}, { signal: ending.signal });
      await until(() => bodies.length === nSent);
      ending.abort();
      await assert.rejects(asked, { name: "AbortError" });
    }
    const ended = { signal: AbortSignal.abort() };
    await assert.rejects(patient.popular({}, ended), { name: "AbortError" });
    assert.equal(bodies.length, 2);
  });
});

test("a lost answer, a 503 and a 429 repeat the events with the same ids", async () => {
  const user = newUser();
  await failing(["lose", [503, 0], [429, 0]], async (proxy, bodies) => {
    const over = new Client(proxy, { apiKey, retry: { ...QUICKLY, attempts: 4 } });
    const answer = await over.send({ user_id: user, item_id: "i1", type: "like" });
    assert.deepEqual([answer.accepted, answer.duplicates], [0, 1]);
    assert.equal(bodies.length, 4);
    assert.equal(new Set(bodies).size, 1);
  });
  assert.equal(await nEvents(user), 1);
});

test("Retry-After is obeyed; too long a one and a 503 that lasts are rejected", async () => {
  await failing([[503, 1], undefined, [503, 0], [503, 0], [503, 0], [503, 60]], async (proxy, sent) => {
    const over = new Client(proxy, { apiKey, retry: QUICKLY });
    const begin = performance.now();
    await over.popular();
    assert.ok(performance.now() - begin >= 999);
    await assert.rejects(over.popular(), { status: 503 });
    assert.equal(sent.length, 5);
    await assert.rejects(over.popular(), { status: 503, retryAfterMs: 60_000 });
    assert.equal(sent.length, 6);
  });
  assert.throws(() => new Client(url, { retry: { attempts: 0 } }), RangeError);
});

test("a buffer sends by number, by time and at its end", async () => {
  const user = newUser();
  const byNumber = new EventBuffer(client, { size: 3, afterMs: 60_000 });
  eventsOf(user, 3).forEach((event) => byNumber.add(event));
  await until(() => byNumber.nSent === 3);
  byNumber.add({ user_id: user, item_id: "i9" });
  await byNumber.close();
  assert.deepEqual([byNumber.nSent, byNumber.nDropped, byNumber.nWaiting], [4, 0, 0]);
  assert.throws(() => byNumber.add({ user_id: user, item_id: "i9" }), /closed/);
  const byTime = new EventBuffer(client, { afterMs: 5 });
  byTime.add({ user_id: user, item_id: "i10" });
  await until(() => byTime.nSent === 1);
  await byTime.close();
  assert.equal(await nEvents(user), 5);
});

test("a buffer outlives failures, counts once, and names what it dropped", async () => {
  const user = newUser();
  const dropped = [];
  await failing(["lose", [503, 0], [503, 0], [503, 0], [413, 0]], async (proxy) => {
    const over = new Client(proxy, { apiKey, retry: QUICKLY });
    const onDrop = (events) => dropped.push(...events);
    const buffer = new EventBuffer(over, { size: 3, capacity: 3, afterMs: 60_000, onDrop });
    eventsOf(user, 2).forEach((event) => buffer.add(event));
    buffer.add({ user_id: user, item_id: "i3", position: -1 });
    assert.equal(buffer.add({ user_id: user, item_id: "i4" }), false);
    assert.throws(() => buffer.add({ user_id: user, item_id: "i5", value: NaN }), TypeError);
    await until(() => buffer.nSent === 2);
    await buffer.close();
  });
  assert.deepEqual(dropped.map((one) => one.event.item_id), ["i4", "i3"]);
  assert.match(dropped[0].reason, /raise capacity/);
  assert.equal(await nEvents(user), 2);
  assert.throws(() => new EventBuffer(client, { size: 0 }), RangeError);
});

test("a buffer that cannot send at its end names every event", async () => {
  const dropped = [];
  const nobody = new Client(await nowhere(), { retry: QUICKLY });
  const onDrop = (events) => dropped.push(...events);
  const buffer = new EventBuffer(nobody, { afterMs: 60_000, onDrop });
  eventsOf("u", 2).forEach((event) => buffer.add(event));
  await assert.rejects(buffer.flush(), UnreachableError);
  assert.equal(buffer.nWaiting, 2);
  await buffer.close();
  assert.deepEqual(dropped.map((one) => one.event.item_id), ["i0", "i1"]);
  assert.match(dropped[0].reason, /the last attempt failed/);
});

test("what a hidden page has sent waits no more, and is not sent again", async () => {
  const user = newUser();
  await failing([], async (proxy, bodies) => {
    const page = new EventTarget();
    Object.assign(globalThis, { document: page, window: page });
    const buffer = new EventBuffer(new Client(proxy, { apiKey }), { afterMs: 60_000 });
    eventsOf(user, 3).forEach((event) => buffer.add(event));
    page.visibilityState = "visible";
    page.dispatchEvent(new Event("visibilitychange"));
    assert.equal(bodies.length, 0);
    page.visibilityState = "hidden";
    page.dispatchEvent(new Event("visibilitychange"));
    page.dispatchEvent(new Event("pagehide"));
    await until(() => buffer.nSent === 3);
    await buffer.close();
    delete globalThis.document;
    delete globalThis.window;
    assert.equal(bodies.length, 1);
  });
  assert.equal(await nEvents(user), 3);
});
