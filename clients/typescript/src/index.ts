/** The client of recfunnel, a self-hosted recommendation service. */

export { Client } from "./client.js";
export type { CallOptions, ClientOptions } from "./connection.js";
export { RecfunnelError, UnreachableError, type Fault } from "./errors.js";
export { EventBuffer, type BufferOptions } from "./event_buffer.js";
export type { DroppedEvent, OnDrop } from "./event_queue.js";
export type { RetryOptions } from "./retry.js";
export type * from "./types.js";
