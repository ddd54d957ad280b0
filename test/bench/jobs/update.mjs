// An update of 100 rows: `relaymap fetch` of a delta, against rsync of the text maps and postmap.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compare, run } from '../measure.mjs';
import { writtenBy } from '../written.mjs';
import { LINEAR, requireSameMaps, TOO_MANY } from './script.mjs';

const rsync = path.join(path.dirname(fileURLToPath(import.meta.url)), 'rsync.sh');

export const work = 'update of 100 rows';
export const title = 'Update of 100 rows: relaymap fetch, against rsync and postmap';
export const goal = (rows, kind) => {
  if (rows > TOO_MANY) return LINEAR;
  return kind === 'provider' ? 'wall 0.35 x, peak 115 MiB' : 'wall 0.25 x, CPU 0.33 x';
};

const FETCH = (site) => site.relaymap('fetch', '--config', site.at('relaymap.toml'), '--json');

export async function measure(site, rounds = 7) {
  let received = '';
  const alone = site.rows > TOO_MANY;
  const change = async () => {
    await site.change(100);
    if (!alone) await centralMaps(site);
  };
  const yardstick = {
    name: 'rsync and postmap',
    argv: ['bash', rsync, site.at('central-maps'), site.at('rsync-maps')],
    env: site.env,
    check: (stdout) => (received = /Total bytes received: ([0-9,]+)/.exec(stdout)?.[1] ?? '?'),
  };
  if (!alone) {
    rmSync(site.at('rsync-maps'), { recursive: true, force: true });
    await centralMaps(site);
    await run(yardstick.argv, yardstick.env); // its first copy is not what is measured
  }
  const measured = await compare(
    {
      rounds: alone ? 3 : rounds,
      beforeRound: change,
      ours: { name: 'relaymap fetch', argv: FETCH(site), env: site.env, check: requireDelta },
      yardstick: alone ? null : yardstick,
    },
    site.folder,
  );
  const same = alone ? [] : [requireSameMaps(site, 'rsync-maps')];
  const { wireBytes, deltas } = site.manifest().tables.recipients;
  const [delta] = deltas.slice(-1);
  await change();
  const written = await writtenBy(FETCH(site), site.env);
  await site.renew();
  const renewed = await writtenBy(FETCH(site), site.env);
  const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  return {
    ...measured,
    more: [
      {
        what: 'received: manifest and newest delta',
        measured: `${kB(site.manifestBytes())}, ${kB(delta.wireBytes)}`,
        goal: 'at most 3 kB, 1.5 kB',
      },
    ],
    notes: [
      `a whole table has ${kB(wireBytes)}${alone ? '' : `; rsync received ${received} bytes`}`,
      `written by an update: ${kB(written)}; by a version that only renews: ${kB(renewed)}`,
      ...same,
    ],
  };
}

function requireDelta(stdout) {
  const { outcome, bundles } = JSON.parse(stdout);
  if (outcome !== 'installed' || bundles[0].via !== 'delta') throw new Error(`no update by delta: ${stdout}`);
}

/** The text maps as the central side would keep them for rsync, from the published table. */
async function centralMaps(site) {
  const folder = site.at('central-maps');
  mkdirSync(folder, { recursive: true });
  const table = site.at('public/recipients', `${site.manifest().tables.recipients.sha256}.gz`);
  const line = `gunzip -c "$1" >"$2/table" && sed 's/$/\\tOK/' "$2/table" >"$2/relay_recipients" &&
    cut -d@ -f2 "$2/table" | LC_ALL=C sort -u | sed 's/$/\\tOK/' >"$2/relay_domains"`;
  await run(['bash', '-o', 'pipefail', '-c', line, 'central', table, folder]);
}
