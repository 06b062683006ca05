/** How a request is sent: the address, the key, the time, and when it is sent again. */

import { RecfunnelError, UnreachableError, errorOf } from "./errors.js";
import { BrokenConnection, Retry, type RetryOptions } from "./retry.js";
import type { Answer, Body, Id, Method, Path, Query } from "./types.js";

export interface ClientOptions {
  /** Sent with every request as `X-API-Key`, if the service has keys. */
  apiKey?: string;
  /** For one attempt, with its answer. Default: 10,000. */
  timeoutMs?: number;
  /** When a request is sent again. */
  retry?: RetryOptions;
}

export interface CallOptions {
  /** Ends the request, and the pauses between attempts. */
  signal?: AbortSignal;
  /** For one attempt, instead of that of the client. */
  timeoutMs?: number;
}

/** The parameters of an operation. Those that are undefined are not sent. */
export interface Parameters<P extends Path, M extends Method> {
  path?: Record<string, Id>;
  query?: Query<P, M>;
  body?: Body<P, M>;
}

export class Connection {
  readonly retry: Retry;
  private readonly address: string;
  private readonly apiKey: string | undefined;
  private readonly timeoutMs: number;

  constructor(url: string, { apiKey, timeoutMs = 10_000, retry }: ClientOptions) {
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
  async request<P extends Path, M extends Method>(
    method: M,
    path: P,
    parameters: Parameters<P, M> = {},
    { signal, timeoutMs = this.timeoutMs }: CallOptions = {},
  ): Promise<Answer<P, M>> {
    const url = this.urlOf(path, parameters.path, parameters.query);
    const init = this.requestOf(method, parameters.body);
    for (let nSent = 1; ; nSent++) {
      signal?.throwIfAborted();
      const outcome = await attempt(url, init, timeoutMs, signal);
      if (!(outcome instanceof RecfunnelError) && !(outcome instanceof BrokenConnection)) {
        return outcome.json as Answer<P, M>;
      }
      const pause = this.retry.pauseMs(nSent, outcome);
      if (pause === undefined) throw errorAfter(outcome, `${init.method} ${url}`);
      await wait(pause, signal);
    }
  }

  /** Send a body once, so that it arrives even if the page is gone before the answer. */
  async sendFromLeavingPage(path: string, body: unknown): Promise<unknown> {
    const url = this.urlOf(path);
    const init = this.requestOf("post", body);
    if (this.apiKey === undefined && !("keepalive" in Request.prototype)) {
      navigator.sendBeacon(url, new Blob([init.body ?? ""], { type: "application/json" }));
      return undefined; // nobody hears whether it arrived
    }
    const response = await fetch(url, { ...init, keepalive: true });
    const text = await response.text();
    if (!response.ok) throw errorOf(response, text);
    return JSON.parse(text);
  }

  private urlOf(path: string, parts: Record<string, Id> = {}, query: object = {}): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segmentOf(parts[name]));
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== null) search.append(name, String(one));
      }
    }
    const text = search.toString();
    return this.address + filled + (text ? `?${text}` : "");
  }

  private requestOf(method: Method, body: unknown): RequestInit & { body?: string } {
    const headers: Record<string, string> = {};
    if (this.apiKey !== undefined) headers["X-API-Key"] = this.apiKey;
    const init = { method: method.toUpperCase(), headers, redirect: "manual" as const };
    if (body === undefined) return init;
    headers["Content-Type"] = "application/json";
    return { ...init, body: jsonOf(body) };
  }
}

/** Return JSON. A number that JSON does not have is an error, not null. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (name, one: unknown) => {
    if (typeof one === "number" && !Number.isFinite(one)) {
      throw new TypeError(`${name} is ${one}, which JSON cannot express: send a finite number`);
    }
    return one;
  });
}

function segmentOf(id: Id | undefined): string {
  const text = String(id);
  if (id === undefined || /^\.{0,2}$/.test(text)) {
    throw new TypeError(`${JSON.stringify(text)} cannot be a part of an address: use another id`);
  }
  return encodeURIComponent(text);
}

type Outcome = { json: unknown } | RecfunnelError | BrokenConnection;

async function attempt(
  url: string,
  init: RequestInit,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
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

function successOf(response: Response, text: string): Outcome {
  if (response.status === 204) return { json: undefined };
  try {
    return { json: JSON.parse(text) as unknown };
  } catch (cause) {
    const message = `${response.url} did not answer with JSON; check that it is that of recfunnel`;
    return new RecfunnelError(message, { status: response.status, cause });
  }
}

function errorAfter(outcome: RecfunnelError | BrokenConnection, target: string): RecfunnelError {
  if (outcome instanceof RecfunnelError) return outcome;
  const { cause } = outcome;
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause : cause) : "";
  const message = `${target} had no answer (${reason}); check the address and that the service runs`;
  return new UnreachableError(message, { cause });
}

/** Wait. It ends early, with the reason of the signal, if that is aborted. */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
