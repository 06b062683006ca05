/** Events that are sent in batches, in the background. */

import type { Client } from "./client.js";
import { jsonOf } from "./connection.js";
import { RecfunnelError } from "./errors.js";
import { type DroppedEvent, EventQueue, type OnDrop } from "./event_queue.js";
import type { EventsAccepted, UserEvent } from "./types.js";

// Browsers send 64 KiB at most, in all, for pages that are gone.
const LEAVING_BYTES = 60_000;

export interface BufferOptions {
  /** A batch is sent when so many events wait. Default: 500. */
  size?: number;
  /** A batch is sent at the latest after this time. Default: 1,000. */
  afterMs?: number;
  /** How many events may wait. More are dropped. Default: 50,000. */
  capacity?: number;
  /** Called with the events that will not be sent. Default: a warning of the console. */
  onDrop?: OnDrop;
}

/**
 * A buffer that sends events in batches, in the background.
 *
 * While the service does not answer, events wait and are sent again with the same ids, so that none
 * counts twice. When a page is hidden or left, what waits is sent at once, and arrives even if the
 * page is gone by then. Elsewhere, `close` sends the rest.
 */
export class EventBuffer {
  private readonly queue: EventQueue;
  private readonly afterMs: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> = Promise.resolve();
  private nFailed = 0;
  private isClosed = false;
  private isLeaving = false; // until the answer to what a leaving page sent

  constructor(
    private readonly client: Client,
    { size = 500, afterMs = 1000, capacity = 50_000, onDrop = warn }: BufferOptions = {},
  ) {
    this.queue = new EventQueue(size, capacity, onDrop);
    this.afterMs = afterMs;
    globalThis.document?.addEventListener("visibilitychange", this.sendIfHidden);
    globalThis.window?.addEventListener("pagehide", this.sendFromLeavingPage);
  }

  get nSent(): number {
    return this.queue.nSent;
  }

  get nDropped(): number {
    return this.queue.nDropped;
  }

  get nWaiting(): number {
    return this.queue.length;
  }

  /**
   * Add an event, and return at once; false if it was dropped.
   *
   * @throws TypeError if the event cannot be written as JSON, Error if the buffer is closed.
   */
  add(event: UserEvent): boolean {
    if (this.isClosed) throw new Error("the buffer is closed: make a new one");
    const isKept = this.queue.add(event);
    if (this.nFailed === 0) this.schedule(this.queue.length >= this.queue.size ? 0 : this.afterMs);
    return isKept;
  }

  /** Send what waits now. Rejects with a `RecfunnelError` if that fails; the events then stay. */
  flush(): Promise<void> {
    const flushed = this.sending.then(() => this.sendAll());
    this.sending = flushed.catch(() => undefined); // the next flush begins after this one
    return flushed;
  }

  /** Send what waits, and end. Events that cannot be sent now are dropped. */
  async close(): Promise<void> {
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

  private async sendAll(): Promise<void> {
    while (this.queue.length) {
      const batch = this.queue.batch();
      try {
        this.queue.accept(batch, await this.client.send(batch, { partial: true }));
      } catch (error) {
        if (!(error instanceof RecfunnelError) || this.queue.refuse(batch, error)) throw error;
      }
    }
  }

  private schedule(ms: number): void {
    if (this.isClosed || (this.timer !== undefined && ms > 0)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sendInBackground(), ms);
  }

  private async sendInBackground(): Promise<void> {
    this.timer = undefined;
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

  private readonly sendIfHidden = (): void => {
    if (document.visibilityState === "hidden") this.sendFromLeavingPage();
  };

  /** Send what waits without waiting. What is not known to have arrived stays, with its ids. */
  private readonly sendFromLeavingPage = (): void => {
    const batch = firstOf(this.queue.batch(), LEAVING_BYTES);
    if (!batch.length || this.isLeaving) return;
    this.isLeaving = true;
    void this.sendWithoutWaiting(batch);
  };

  private async sendWithoutWaiting(batch: UserEvent[]): Promise<void> {
    try {
      const answer = await this.client.connection.sendFromLeavingPage("/events?partial=true", batch);
      if (answer !== undefined) this.queue.accept(batch, answer as EventsAccepted);
    } catch (error) {
      console.warn("recfunnel: events of a page that was left wait, and are sent again:", error);
    } finally {
      this.isLeaving = false;
    }
  }
}

/** Return the first events whose JSON has at most so many bytes. */
function firstOf(events: UserEvent[], bytes: number): UserEvent[] {
  let left = bytes;
  const encoder = new TextEncoder();
  const end = events.findIndex((event) => (left -= encoder.encode(jsonOf(event)).length + 1) < 0);
  return end < 0 ? events : events.slice(0, end);
}

function warn(dropped: DroppedEvent[]): void {
  console.warn(`recfunnel: ${dropped.length} events were dropped; the first: ${dropped[0]?.reason}`);
}
