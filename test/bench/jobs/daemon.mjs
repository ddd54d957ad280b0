// Nothing changed, in the daemon: CPU of a poll, children included, and what it has resident between two polls.
import { rmSync } from 'node:fs';
import { Daemon, serveAlone } from '../daemon.mjs';

export const work = 'nothing changed, daemon';
export const title =
  'Nothing changed, in the daemon: relaymap run, answered 304, each poll over a connection of its own';

const WARM_UP = 60;
const POLLS = 240;

/** @returns figures instead of two sides. */
export async function measure(site) {
  const server = await serveAlone(site);
  let daemon = null;
  try {
    daemon = await Daemon.start(site, { url: server.url });
    await daemon.poll(WARM_UP);
    const { own, children } = await daemon.poll(POLLS);
    const idle = daemon.resident;
    await site.change(100);
    await daemon.poll(1);
    await daemon.poll(WARM_UP);
    const after = daemon.resident;
    const ms = (seconds) => `${(seconds * 1000).toFixed(1)} ms`;
    const rows = site.rows.toLocaleString('en-US');
    return {
      figures: [
        { what: 'CPU of a poll, children included', measured: ms(own + children), goal: 'at most 10 ms' },
        { what: `idle, maps of ${rows} rows installed`, measured: `${idle.toFixed(0)} MiB`, goal: 'at most 90 MiB' },
        { what: 'idle again after an update of 100 rows', measured: `${after.toFixed(0)} MiB`, goal: 'at most 90 MiB' },
      ],
      notes: [
        `${POLLS} polls: ${ms(own)} of its own and ${ms(children)} of its children; at most resident during the update ${daemon.peak.toFixed(0)} MiB`,
      ],
    };
  } finally {
    await daemon?.stop();
    server.close();
    rmSync(site.at('daemon.toml'), { force: true });
  }
}
