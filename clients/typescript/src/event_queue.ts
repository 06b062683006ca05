/** The events that wait to be sent: which go next, and what becomes of them. It knows no network. */

import { jsonOf } from "./connection.js";
import type { RecfunnelError } from "./errors.js";
import type { EventsAccepted, UserEvent } from "./types.js";

const MAX_BATCH = 1000; // what the service accepts at once
const TOO_LARGE = 413;
const NOT_VALID: (number | undefined)[] = [400, 422];

/** An event that will not be sent, and why. */
export interface DroppedEvent {
  event: UserEvent;
  reason: string;
}

export type OnDrop = (dropped: DroppedEvent[]) => void;

/**
 * Events in the order in which they came.
 *
 * Events stay until the service has them. The oldest are sent first. When the queue is full, a new
 * event is dropped. Every drop is counted and passed to `onDrop`.
 */
export class EventQueue {
  nSent = 0;
  nDropped = 0;
  private events: UserEvent[] = [];
  private limit: number; // of the next batch; less than size after a batch that was too large

  constructor(
    readonly size: number,
    private readonly capacity: number,
    private readonly onDrop: OnDrop,
  ) {
    if (!(size >= 1 && size <= MAX_BATCH && capacity >= size)) {
      throw new RangeError(
        `size is ${size} and capacity ${capacity}: size must be 1 to ${MAX_BATCH}, and capacity ` +
          "must not be less than size",
      );
    }
    this.limit = size;
  }

  get length(): number {
    return this.events.length;
  }

  /**
   * Add an event, with an id and the time if it has none. Return false if it was dropped.
   *
   * @throws TypeError if the event cannot be written as JSON.
   */
  add(event: UserEvent): boolean {
    jsonOf(event); // as it will be sent
    if (this.events.length >= this.capacity) {
      this.drop([event], `${this.capacity} events wait already: raise capacity`);
      return false;
    }
    this.events.push(withId({ ...event, timestamp: event.timestamp ?? Date.now() / 1000 }));
    return true;
  }

  /** Return the events to send next. They stay in the queue. */
  batch(): UserEvent[] {
    return this.events.slice(0, this.limit);
  }

  /** Remove a batch that was sent. Drop what the service refused of it. */
  accept(batch: UserEvent[], answer: EventsAccepted): void {
    const reasons = new Map((answer.refused ?? []).map((one) => [batch[one.index], one.message]));
    this.limit = Math.min(this.size, 2 * this.limit);
    for (const event of this.remove(batch)) {
      const reason = reasons.get(event);
      if (reason === undefined) this.nSent++;
      else this.drop([event], reason);
    }
  }

  /**
   * Decide about a batch that failed. Return whether to wait before the next.
   *
   * A batch that is too large is halved. One that is not valid is dropped. All else may be repaired,
   * such as a service that is down or a key that is wrong, and the events stay.
   */
  refuse(batch: UserEvent[], error: RecfunnelError): boolean {
    if (error.status === TOO_LARGE && batch.length > 1) {
      this.limit = Math.ceil(batch.length / 2);
      return false;
    }
    if (error.status !== TOO_LARGE && !NOT_VALID.includes(error.status)) return true;
    this.drop(this.remove(batch), error.message);
    return false;
  }

  /** Drop every event that still waits. */
  dropAll(reason: string): void {
    this.drop(this.remove(this.events), reason);
  }

  /** Remove events, and return those that were still there: a leaving page may have sent some. */
  private remove(batch: UserEvent[]): UserEvent[] {
    const gone = new Set(batch);
    const removed = this.events.filter((event) => gone.has(event));
    this.events = this.events.filter((event) => !gone.has(event));
    return removed;
  }

  private drop(events: UserEvent[], reason: string): void {
    if (!events.length) return;
    this.nDropped += events.length;
    try {
      this.onDrop(events.map((event) => ({ event, reason })));
    } catch (error) {
      console.error("recfunnel: onDrop failed", error);
    }
  }
}

/** Return the event with its `event_id`, or with a new one. */
export function withId(event: UserEvent): UserEvent {
  return event.event_id ? event : { ...event, event_id: newId() };
}

/** Return 32 random digits. `crypto.randomUUID` is absent from pages without HTTPS and Node 18. */
function newId(): string {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto) globalThis.crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => (bytes[place] = Math.random() * 256));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
