/** When a request is sent again, and after which pause. */

import { RecfunnelError } from "./errors.js";

const REPEATED_STATUSES = [429, 503]; // too many requests, and not now

export interface RetryOptions {
  /** How often a request is sent at most. Default: 4. */
  attempts?: number;
  /** The first pause. Default: 100. */
  firstPauseMs?: number;
  /** The longest pause. Default: 5,000. */
  longestPauseMs?: number;
}

/**
 * How often a request is sent, and the pauses between.
 *
 * A request is sent again after 429, 503 and a broken connection. This is safe for every operation:
 * events have ids, and all else sets what is to be. Pauses double, and vary by half at random, so
 * that clients do not come back at once. `Retry-After` makes a pause longer. If it asks for more
 * than `longestPauseMs`, the request fails at once.
 */
export class Retry {
  readonly attempts: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;

  constructor({ attempts = 4, firstPauseMs = 100, longestPauseMs = 5000 }: RetryOptions = {}) {
    const arePauses = firstPauseMs >= 0 && firstPauseMs <= longestPauseMs;
    if (!Number.isInteger(attempts) || attempts < 1 || !arePauses) {
      throw new RangeError(
        `attempts is ${attempts}, firstPauseMs ${firstPauseMs} and longestPauseMs ` +
          `${longestPauseMs}: attempts must be a whole number of at least 1, the pauses must not ` +
          "be negative, and firstPauseMs must not exceed longestPauseMs",
      );
    }
    this.attempts = attempts;
    this.firstPauseMs = firstPauseMs;
    this.longestPauseMs = longestPauseMs;
  }

  /** Return the pause until the request is sent again; undefined if it is not. */
  pauseMs(nSent: number, failure: RecfunnelError | BrokenConnection): number | undefined {
    if (nSent >= this.attempts) return undefined;
    const pause = this.growingPauseMs(nSent);
    if (failure instanceof BrokenConnection) return pause;
    const isTemporary = REPEATED_STATUSES.includes(failure.status ?? 0);
    const asksForTooLong = failure.retryAfterMs > this.longestPauseMs;
    return isTemporary && !asksForTooLong ? Math.max(pause, failure.retryAfterMs) : undefined;
  }

  /** Return the pause after so many failures in a row. */
  growingPauseMs(nFailed: number): number {
    const pause = Math.min(this.firstPauseMs * 2 ** (nFailed - 1), this.longestPauseMs);
    return pause * (0.5 + Math.random() / 2);
  }
}

/** A connection that failed before the answer was complete. A time-out is none: its time is spent. */
export class BrokenConnection {
  constructor(readonly cause: unknown) {}
}
