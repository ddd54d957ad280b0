// Draws the figures as an SVG for light and dark pages: for each way to know recipients the rate, the time of an RCPT
// from the median to the slowest hundredth, and the memory of Postfix.

const ROW = 24;
const TOP = 64;
const NAMES = 292;
const WIDTH = 960;
const PANELS = [
  { title: 'RCPTs a second', from: 300, to: 500 },
  { title: 'time of an RCPT, ms', from: 548, to: 738 },
  { title: 'Postfix, MiB', from: 786, to: 900 },
];

const STYLE = `
    text { font: 12.5px system-ui, sans-serif; fill: #1d2b3a }
    .title { font-size: 14px; font-weight: 600 }
    .small { font-size: 11px; fill: #4a6076 }
    .name, .end { text-anchor: end }
    .middle { text-anchor: middle }
    .grid { stroke: #d5dde5; stroke-width: 1 }
    .ours { fill: #1b6ca8; stroke: #1b6ca8 }
    .other { fill: #b04a58; stroke: #b04a58 }
    .bar { stroke: none }
    .range { fill: none; stroke-width: 3 }
    .page { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0f1720 }
      text { fill: #e6eef6 }
      .small { fill: #a9bfd4 }
      .grid { stroke: #2b3a49 }
      .ours { fill: #6db3e8; stroke: #6db3e8 }
      .other { fill: #e58a96; stroke: #e58a96 }
    }
  `;

const at = (n) => n.toFixed(1);
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Places on a logarithmic axis that holds these values, and its powers of ten. */
function logAxis(values, { from, to }) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values) * 1.001));
  const place = (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  return { place, ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

export function draw({ rates, rows, clients }) {
  const height = TOP + rates.length * ROW + 36;
  const bottom = TOP + rates.length * ROW;
  const axes = [
    logAxis(
      rates.map((r) => r.perSecond),
      PANELS[0],
    ),
    logAxis(
      rates.flatMap((r) => [r.median, r.hundredth]),
      PANELS[1],
    ),
    logAxis(
      rates.map((r) => r.mib),
      PANELS[2],
    ),
  ];
  const grid = axes.flatMap(({ place, ticks }) =>
    ticks.map(
      (tick) => `<line class="grid" x1="${at(place(tick))}" x2="${at(place(tick))}" y1="${TOP - 4}" y2="${bottom}"/>
  <text class="small middle" x="${at(place(tick))}" y="${bottom + 16}">${tick.toLocaleString('en-US')}</text>`,
    ),
  );
  const titles = PANELS.map(({ title, from }) => `<text class="title" x="${from}" y="${TOP - 14}">${title}</text>`);
  const lines = rates.map((rate, i) => line(rate, TOP + i * ROW, axes));
  const what = `${rows.toLocaleString('en-US')} recipients, ${clients} SMTP clients at once; logarithmic axes`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t d">
  <title id="t">What the alternatives cost</title>
  <desc id="d">RCPTs a second, the time of an RCPT from the median to the slowest hundredth, and the memory of Postfix,
    for each way to know recipients. The table beside it has the same figures.</desc>
  <style>${STYLE}</style>
  <rect class="page" width="${WIDTH}" height="${height}"/>
  <text class="small" x="8" y="18">${what}; the time is drawn from the median to the slowest hundredth</text>
  ${[...titles, ...grid, ...lines].join('\n  ')}
</svg>
`;
}

function line({ name, way, perSecond, median, hundredth, mib }, top, [rate, time, memory]) {
  const kind = name.includes('relaymap') ? 'ours' : 'other';
  const [middle, text] = [at(top + ROW / 2), at(top + ROW / 2 + 4)];
  const bar = (axis, { from }, value) =>
    `<rect class="bar ${kind}" x="${from}" y="${at(top + 5)}" width="${at(Math.max(1, axis.place(value) - from))}" height="${ROW - 10}"/>`;
  const label = `${name.replace('reject_unverified_recipient', 'reject_unverified_…')}, ${way}`;
  return `<text class="name" x="${NAMES}" y="${text}">${escaped(label)}</text>
  ${bar(rate, PANELS[0], perSecond)}
  <line class="range ${kind}" x1="${at(time.place(median))}" x2="${at(time.place(hundredth))}" y1="${middle}" y2="${middle}"/>
  <circle class="bar ${kind}" cx="${at(time.place(median))}" cy="${middle}" r="4.5"/>
  ${bar(memory, PANELS[2], mib)}
  <text class="small" x="${at(memory.place(mib) + 4)}" y="${text}">${mib}</text>`;
}
