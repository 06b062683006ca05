// A chart of uPlot in the colours of the page, with its numbers as a table for those who cannot see it.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.js";
import { moment } from "./format.js";
import { Table } from "./parts.js";

const HEIGHT = 180;
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width, series, format) {
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const lines = series.map(({ name, stroke, dash }) => ({
    label: name,
    stroke: colour(stroke),
    width: 2,
    dash,
    spanGaps: false,
    points: { size: 5 },
    value: (_, value) => format(value),
  }));
  return {
    width,
    height: HEIGHT,
    cursor: { y: false },
    scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, 1) * 1.1] } },
    axes: [axis, { ...axis, size: 56 }],
    series: [{ value: (_, at) => moment(at) }, ...lines],
  };
}

/** `times` are unix seconds; each series has a name, a colour of the page, and values. */
export function Chart({ title, times, series, format }) {
  const place = useRef(null);
  const [isDark, setDark] = useState(dark.matches);
  useEffect(() => {
    const follow = (event) => setDark(event.matches);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    const element = place.current;
    const data = [times, ...series.map((one) => one.values)];
    const chart = new uPlot(options(element.clientWidth, series, format), data, element);
    const watch = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      chart.destroy();
    };
  }, [times, series, isDark]);
  const columns = [["from", (n) => moment(times[n])], ...series.map(({ name, values }) => [name, (n) => format(values[n]), "n"])];
  return html`<figure>
    <figcaption>${title}</figcaption>
    <div class="chart" ref=${place} aria-hidden="true"></div>
    <details>
      <summary>The numbers</summary>
      <${Table} caption=${title} hideCaption columns=${columns} rows=${times.map((_, n) => n)} />
    </details>
  </figure>`;
}
