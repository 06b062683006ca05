// Numbers, times and names as people read them.
const whole = new Intl.NumberFormat("en");

export const count = (n) => (n === null || n === undefined ? "–" : whole.format(Math.round(n)));
export const number = (x, digits = 3) =>
  x === null || x === undefined || !Number.isFinite(x) ? "–" : String(+x.toFixed(digits));
export const percent = (x, digits = 1) =>
  x === null || x === undefined || !Number.isFinite(x) ? "–" : `${(100 * x).toFixed(digits)} %`;
export const ms = (x) =>
  x === null || x === undefined ? "–" : x > 0 && x < 0.05 ? "< 0.1 ms" : `${number(x, x < 10 ? 1 : 0)} ms`;
/** A rate in the unit in which it is at least about one. */
export const rate = (perSecond) =>
  perSecond >= 0.1 ? `${number(perSecond, 1)} a second` : `${number(perSecond * 3600, 1)} an hour`;
export const signed = (x) => (x > 0 ? "+" : x < 0 ? "−" : "") + number(Math.abs(x));

/** A moment in the time zone of the user: 2026-11-30 14:05. */
export function moment(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const date = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function age(seconds, now = Date.now() / 1000) {
  const passed = Math.max(0, now - seconds);
  const units = [
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  for (const [length, name] of units) {
    const n = Math.floor(passed / length);
    if (n) return `${n} ${name}${n === 1 ? "" : "s"}`;
  }
  return "less than a minute";
}

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  return n < 1e6 ? `${Math.round(n / 1e3)} kB` : `${number(n / 1e6, 1)} MB`;
}

/** A value of any kind as text. */
export const text = (value) =>
  value === null || value === undefined || value === ""
    ? "–"
    : Array.isArray(value)
      ? value.join(", ")
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
