/** The picture of how the last version spread, and the bar of all states. Pure. */
import { type Fleet, type Spread } from '../judge.ts';
import { STATES, type State } from '../row.ts';
import { span } from '../words.ts';
import { markup, type Markup } from './markup.ts';

const WIDTH = 1000;
const HEIGHT = 300;
/** Seconds that make good marks when they are cut in four. */
const ENDS = [20, 40, 60, 120, 240, 480, 1200, 2400, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 345_600, 691_200];

/** The stretch that is drawn, in seconds. */
function lengthOf({ after }: Spread): number {
  const last = after.at(-1) ?? 0;
  return ENDS.find((end) => end >= last * 1.02) ?? last * 1.02;
}

/** As the legend has them. */
export const BEST_FIRST: readonly State[] = STATES.map((_, i) => STATES[STATES.length - 1 - i] ?? 'current');

const one = (value: number): string => String(Math.round(value * 10) / 10);

/** At most 400 steps, however many gateways there are. */
export function curve(spread: Spread): Markup {
  const length = lengthOf(spread);
  const { after, of } = spread;
  const x = (seconds: number) => one((seconds / length) * WIDTH);
  const y = (count: number) => one(HEIGHT - (count / of) * HEIGHT);
  const stride = Math.max(1, Math.ceil(after.length / 400));
  let line = `M0 ${HEIGHT}`;
  for (let i = 0; i < after.length; i += stride) {
    const count = Math.min(i + stride, after.length);
    line += `H${x(after[count - 1] ?? 0)}V${y(count)}`;
  }
  line += `H${WIDTH}`;
  const marks = [
    { share: 0.5, at: spread.half },
    { share: 0.95, at: spread.most },
  ].map(({ share, at }) => {
    const height = one(HEIGHT * (1 - share));
    return markup`<path
      class="mark"
      d="M0 ${height}H${at === null ? WIDTH : x(at)}${at === null ? '' : `V${HEIGHT}`}"
    />`;
  });
  const ticks = [0, 1, 2, 3, 4].map((i) => markup`<span>${i === 0 ? '0' : span((length * i) / 4)}</span>`);
  return markup`<div class="plot" aria-hidden="true">
    <div class="ylabels"><span>100 %</span><span>50 %</span><span>0 %</span></div>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" focusable="false">
      <path class="grid" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}" />
      <path class="area" d="${line}V${HEIGHT}Z" />
      <path class="line" d="${line}" />
      ${marks}
    </svg>
    <div class="xlabels">${ticks}</div>
  </div>`;
}

/** All gateways as one bar, in the order of the legend below it. */
export function bar({ rows, counts }: Fleet): Markup {
  let at = 0;
  const parts = BEST_FIRST.flatMap((state) => {
    const count = counts[state];
    if (count === 0) return [];
    const width = (count / rows.length) * WIDTH;
    const part = markup`<rect class="${state}" x="${one(at)}" y="0" width="${one(width)}" height="10" />`;
    at += width;
    return [part];
  });
  return markup`<svg
    class="bar"
    viewBox="0 0 ${WIDTH} 10"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    ${parts}
  </svg>`;
}
