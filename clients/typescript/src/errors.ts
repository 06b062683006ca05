/** The errors of the client, and how an answer of the service becomes one. */

import type { Schemas } from "./types.js";

export type Fault = Schemas["FaultDetail"];

export interface ErrorDetails {
  status?: number | undefined;
  code?: string | undefined;
  field?: string | undefined;
  errors?: Fault[] | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** The service refused a request. The message is the sentence of the service, and the field. */
export class RecfunnelError extends Error {
  /** The HTTP status; undefined if there was no answer. */
  readonly status: number | undefined;
  /** The word for the kind of error, such as `invalid` or `not_found`. */
  readonly code: string | undefined;
  /** The parameter or field that is not valid. */
  readonly field: string | undefined;
  /** Every fault of the request, if the service found several, else the one. */
  readonly errors: readonly Fault[];
  /** How long the service asks to wait, by `Retry-After`; 0 if it does not say. */
  readonly retryAfterMs: number;

  constructor(message: string, details: ErrorDetails = {}) {
    const { status, code, field, errors, retryAfterMs = 0, cause } = details;
    super(field ? `${message} (field ${field})` : message, { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.field = field;
    this.errors = errors?.length ? errors : [{ field: field ?? null, message }];
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer came, or a broken one: the connection failed, or the time was over. */
export class UnreachableError extends RecfunnelError {}

/** Return the error for an answer that is no success. */
export function errorOf(response: Response, text: string): RecfunnelError {
  const { status } = response;
  const retryAfterMs = retryAfter(response);
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const message = `${response.url} answered with a redirect; use the address that it leads to`;
    return new RecfunnelError(message, { status });
  }
  const fault = faultIn(text);
  if (fault === undefined) {
    const message = `${response.url} answered with status ${status}, and not as recfunnel does`;
    return new RecfunnelError(message, { status, retryAfterMs });
  }
  const { message, code, faults } = fault;
  const field = fault.field ?? undefined;
  return new RecfunnelError(message, { status, code, field, errors: faults ?? [], retryAfterMs });
}

function faultIn(text: string): Schemas["ErrorDetail"] | undefined {
  try {
    const fault = (JSON.parse(text) as Schemas["ErrorBody"]).error;
    return typeof fault.message === "string" ? fault : undefined;
  } catch {
    return undefined;
  }
}

function retryAfter(response: Response): number {
  const text = response.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(text) ? Number(text) * 1000 : 0;
}
