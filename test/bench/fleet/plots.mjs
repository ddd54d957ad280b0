// Draws what the fleet did, by Debian's gnuplot-nox, as SVG: requests a second, and how a version spreads. Ours and
// second 0 side by side.
import { gnuplot, svg } from '../gnuplot.mjs';

const NAMES = { ours: 'relaymap: jitter 30 s, longer pauses after failures', fixed: 'everybody at second 0' };
const COLOURS = { ours: '#1b6ca8', fixed: '#d1495b' };
const head = (height) => `${svg(height, 'top right')}set grid ytics lc rgb "#dddddd"\n`;

/** @returns file name to SVG. */
export function plots(played, gateways, script) {
  return {
    'scale-requests.svg': requests(played, gateways, script),
    'scale-spread.svg': spread(played, gateways, script),
  };
}

/** An axis of its own for each: on one axis nothing would be seen of ours. */
function requests(played, gateways, { down, back, published, length }) {
  const minutes = (ms) => ms / 60_000;
  let text = `${head(560)}set multiplot layout 2,1 title "${gateways} gateways, one poll a minute: requests a second"
set xrange [0:${minutes(length)}]; set lmargin 11; set ylabel "requests a second"
set object 1 rectangle from ${minutes(down)},graph 0 to ${minutes(back)},graph 1 fc rgb "#f3e9d2" fs solid noborder behind
set label 1 "down" at ${minutes((down + back) / 2)},graph 0.93 center
set arrow 1 from ${minutes(published)},graph 0 to ${minutes(published)},graph 1 nohead dt 2 lc rgb "#888888"
set label 2 " a version" at ${minutes(published)},graph 0.93 left\n`;
  for (const way of ['fixed', 'ours']) {
    const { requests: seen } = played[way];
    const lines = seen.flatMap((count, second) =>
      count > 0 && second < length / 1000 ? [`${(second / 60).toFixed(3)} ${count}`] : [],
    );
    text += `set yrange [0:${Math.ceil(Math.max(...seen) * 1.25)}]\n`;
    text += `$${way} << EOD\n${lines.join('\n')}\nEOD\n${way === 'ours' ? 'set xlabel "minutes"\n' : ''}`;
    text += `plot $${way} using 1:2 with impulses lc rgb "${COLOURS[way]}" title "${NAMES[way]}"\n`;
  }
  return gnuplot(`${text}unset multiplot\n`);
}

/** Share of the fleet against seconds since the version was out, and since the central side was back. */
function spread(played, gateways, { published, back }) {
  let text = `${head(340)}set multiplot layout 1,2 title "how a version reaches ${gateways} gateways"
set xrange [0:*]; set yrange [0:100]; set ylabel "% of the gateways"; set key bottom right\n`;
  for (const [version, since, title] of [
    [2, published, 'seconds since it was published'],
    [3, back, 'seconds since the central side is back'],
  ]) {
    for (const way of ['ours', 'fixed']) {
      const times = played[way].arrivals.get(version) ?? [];
      const step = Math.max(1, Math.floor(times.length / 400));
      const lines = times.flatMap((ms, i) =>
        i % step === 0 || i === times.length - 1 ? [`${(ms - since) / 1000} ${((i + 1) / gateways) * 100}`] : [],
      );
      text += `$${way}${version} << EOD\n0 0\n${lines.join('\n')}\nEOD\n`;
    }
    const line = (way) =>
      `$${way}${version} using 1:2 with lines lw 2 lc rgb "${COLOURS[way]}" title "${way === 'ours' ? 'relaymap' : 'second 0'}"`;
    text += `set xlabel "${title}"\nplot ${line('ours')}, ${line('fixed')}\n`;
  }
  return gnuplot(`${text}unset multiplot\n`);
}
