// A picture of one request: channels on the left flow into the pool, and each stage keeps a part.
import { count, ms } from "./format.js";
import { html } from "./html.js";

const [WIDTH, HEIGHT, TOP, NODE, GAP] = [920, 340, 34, 12, 4];
const SPAN = HEIGHT - TOP - 10;

function ribbon(x0, top0, bottom0, x1, top1, bottom1) {
  const middle = (x0 + x1) / 2;
  const curve = (from, to, x) => `${middle},${from} ${middle},${to} ${x},${to}`;
  return `M${x0},${top0} C${curve(top0, top1, x1)} L${x1},${bottom1} C${curve(bottom1, bottom0, x0)} Z`;
}

/** The same numbers are in the table of stages, so a reader of screens gets a sentence alone. */
export function Sankey({ steps: { channels, kept } }) {
  const proposing = channels.filter((channel) => channel.left > 0);
  const proposed = proposing.reduce((sum, channel) => sum + channel.left, 0);
  if (!proposed || kept.length < 2) return null;
  const gaps = GAP * (proposing.length - 1);
  const perChannel = (SPAN - gaps) / proposed;
  const perItem = SPAN / Math.max(...kept.map((step) => step.n), 1);
  const left = 175;
  const step = (WIDTH - left - 70) / kept.length;
  const x = (n) => left + step * (n + 1);
  let from = TOP;
  let into = TOP;
  const share = (kept[0].n * perItem) / proposed;
  const flows = proposing.map((channel) => {
    const [height, target] = [channel.left * perChannel, channel.left * share];
    const flow = { channel, top: from, height, path: ribbon(left + NODE, from, from + height, x(0), into, into + target) };
    from += height + GAP;
    into += target;
    return flow;
  });
  const sentence = `${channels.length} channels proposed ${proposed} items; ${kept.map((one) => `${one.name} ${one.n}`).join(", ")}.`;
  return html`<figure class="sankey">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${sentence}>
      ${flows.map(
        ({ channel, top, height, path }) => html`<g>
          <path class="flow" d=${path} />
          <rect class="node" x=${left} y=${top} width=${NODE} height=${Math.max(1, height)} />
          <text x=${left - 8} y=${top + height / 2 + 4} text-anchor="end">${channel.name} ${count(channel.left)} · ${ms(channel.ms)}</text>
        </g>`,
      )}
      ${kept.map((one, n) => {
        const height = Math.max(2, one.n * perItem);
        const next = kept[n + 1];
        const kind = one.outcome && one.outcome !== "ok" ? "node bad" : "node";
        return html`<g>
          ${next && html`<path class="flow" d=${ribbon(x(n) + NODE, TOP, TOP + Math.max(2, next.n * perItem), x(n + 1), TOP, TOP + Math.max(2, next.n * perItem))} />`}
          <rect class=${kind} x=${x(n)} y=${TOP} width=${NODE} height=${height} />
          <text class="strong" x=${x(n)} y=${TOP - 18}>${one.name}</text>
          <text x=${x(n)} y=${TOP - 5}>${count(one.n)}${one.ms === null ? "" : ` · ${ms(one.ms)}`}</text>
        </g>`;
      })}
    </svg>
    <figcaption class="muted">The height is the number of candidates.</figcaption>
  </figure>`;
}
