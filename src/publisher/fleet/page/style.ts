/** The page's only style. Its hash is in the page's policy, so no other style counts. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #f6f6f3; --card: #fff; --ink: #1b1d21; --soft: #5a6069; --line: #e2e2dc; --accent: #0f6f66; --tint: #0f6f661f;
  --current: #14764f; --behind: #985200; --silent: #b3261e; --never: #8c1d5f; --ahead: #5346c4; --unknown: #5f6672;
  --warn: #fdf0ee; --warnline: #e8b9b4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #131519; --card: #1b1e24; --ink: #e9eaec; --soft: #a3aab4; --line: #2d323b; --accent: #5cc8bb; --tint: #5cc8bb26;
    --current: #62c99c; --behind: #f0b45e; --silent: #ff8f86; --never: #f294c8; --ahead: #b7adff; --unknown: #acb4c0;
    --warn: #2a1b1c; --warnline: #6b3835;
  }
}
* { box-sizing: border-box; }
html { background: var(--bg); color: var(--ink); -webkit-text-size-adjust: 100%; }
body {
  margin: 0; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 4px 0 8px; font-size: clamp(22px, 3.4vw, 34px); line-height: 1.2; letter-spacing: -0.015em; text-wrap: balance; }
h2 { margin: 0 0 4px; font-size: 17px; letter-spacing: -0.005em; }
p { margin: 0; }
.list { color: var(--accent); font-weight: 600; }
.soft { color: var(--soft); }
.card { margin-top: 20px; padding: 20px 22px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.card.warn { background: var(--warn); border-color: var(--warnline); }
.card > .soft { font-size: 14px; }
.bar { display: block; width: 100%; height: 12px; margin: 22px 0 12px; border-radius: 6px; background: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 0; padding: 0; list-style: none; }
.legend b { font-weight: 650; }
rect.current { fill: var(--current); } rect.behind { fill: var(--behind); } rect.silent { fill: var(--silent); }
rect.never { fill: var(--never); } rect.ahead { fill: var(--ahead); } rect.unknown { fill: var(--unknown); }
.state { font-weight: 600; white-space: nowrap; }
.state::before {
  content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 7px; border-radius: 50%; background: currentColor;
}
.state.current { color: var(--current); } .state.behind { color: var(--behind); } .state.silent { color: var(--silent); }
.state.never { color: var(--never); } .state.ahead { color: var(--ahead); } .state.unknown { color: var(--unknown); }
.figures { display: flex; flex-wrap: wrap; gap: 10px 40px; margin: 14px 0 18px; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 22px; font-weight: 650; letter-spacing: -0.01em; }
.plot { display: grid; grid-template-columns: auto 1fr; gap: 6px 10px; color: var(--soft); font-size: 12px; line-height: 1; }
.plot svg { display: block; width: 100%; height: 180px; overflow: visible; }
.ylabels { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -6px 0; }
.xlabels { grid-column: 2; display: flex; justify-content: space-between; }
.plot path { fill: none; vector-effect: non-scaling-stroke; }
.plot .grid { stroke: var(--line); }
.plot .area { fill: var(--tint); }
.plot .line { stroke: var(--accent); stroke-width: 2.5; stroke-linejoin: round; }
.plot .mark { stroke: var(--soft); stroke-dasharray: 3 4; }
table { width: 100%; margin-top: 12px; border-collapse: collapse; font-size: 14px; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { padding: 9px 14px 9px 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { padding-top: 4px; border: 0; color: var(--soft); font-size: 13px; font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 9em; }
td { overflow-wrap: anywhere; }
time, td.word { white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
.bad { color: var(--silent); font-weight: 600; }
small { display: block; color: var(--soft); font-size: 13px; font-weight: 400; }
.notes { margin: 8px 0 0; padding-left: 18px; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
summary { cursor: pointer; font-size: 17px; font-weight: 650; }
footer { margin-top: 22px; color: var(--soft); font-size: 13px; }
@media screen and (max-width: 760px) {
  main { padding: 24px 14px 40px; }
  .card { padding: 16px; border-radius: 10px; }
  .plot svg { height: 140px; }
  table, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: grid; grid-template-columns: repeat(auto-fit, minmax(92px, 1fr)); gap: 4px 12px; padding: 10px 0; border-top: 1px solid var(--line); }
  th, td, th:last-child, td:last-child { padding: 0; border: 0; }
  tbody th { grid-column: 1 / -1; font-size: 15px; }
  td.wide { grid-column: 1 / -1; }
  td[data-label]::before { content: attr(data-label); display: block; color: var(--soft); font-size: 12px; line-height: 1.3; }
}
@media print {
  html { background: none; }
  main { max-width: none; padding: 0; }
  .card { padding: 12px 0; border: 0; }
  .card.warn { padding: 12px; }
  table { font-size: 12px; }
  tr, .plot { break-inside: avoid; }
  h2 { break-after: avoid; }
  .bar, .state::before { print-color-adjust: exact; }
}
`;
