// Publish of a list in which 1,000 rows have changed, eight deltas kept: `relaymap-publish publish`, against
// publish.sh, which makes one delta. Everything lies in a folder of its own, so that the gateway's jobs find their
// list as they left it.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { changedLines, writeList } from '../list.mjs';
import { compare, run } from '../measure.mjs';

const CHANGED = 1000;
const DELTAS = 8;
const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'publish.sh');

export const work = `publish, ${CHANGED} rows changed`;
export const title = `Publish with ${CHANGED} rows changed and ${DELTAS} deltas kept, against sort, gzip, comm and openssl with one delta`;
export const goal = 'wall 0.60 x, CPU 0.75 x, peak 150 MiB';

export async function measure(site) {
  const at = (...names) => site.at('central', ...names);
  const publish = site.publish('publish', '--config', at('publish.toml'), '--json');
  mkdirSync(at());
  copyFileSync(site.at('secret/bench.key'), at('bench.key'));
  writeFileSync(at('publish.toml'), configuration(at));
  const change = (round) => {
    const lines = readFileSync(at('list'), 'latin1').split('\n').slice(0, -1);
    const next = changedLines(lines, site.domains, CHANGED, round);
    writeFileSync(at('list'), `${next.join('\n')}\n`, 'latin1');
  };
  writeList(at('list'), site.rows);
  // The deltas that are kept come from here: not timed, and the script's first table with the last of them.
  for (let version = 1; version <= DELTAS + 1; version++) {
    if (version > 1) change(version);
    await run(publish);
  }
  await run(['bash', script, at('list'), at('bench.key'), at('script')]);
  let round = DELTAS + 1;
  const measured = await compare(
    {
      rounds: site.rows > 2_000_000 ? 3 : 7,
      beforeRound: () => change(++round),
      ours: {
        name: 'relaymap-publish publish',
        argv: publish,
        check: (stdout) => {
          const { outcome, deltas } = JSON.parse(stdout);
          if (outcome !== 'published' || deltas !== DELTAS) throw new Error(`not what was to be published: ${stdout}`);
        },
      },
      yardstick: { name: 'script in C tools', argv: ['bash', script, at('list'), at('bench.key'), at('script')] },
    },
    site.folder,
  );
  return { ...measured, notes: [requireSame(at)] };
}

/** Both made the same table and the same delta. @returns a line that says so, with their sizes. */
function requireSame(at) {
  const [ours, theirs] = ['public', 'script'].map((folder) => {
    const { payload } = JSON.parse(readFileSync(at(folder, 'manifest.json'), 'utf8'));
    return JSON.parse(Buffer.from(payload, 'base64').toString()).tables.recipients;
  });
  const [delta] = theirs.deltas;
  const same = ours.deltas.find(({ from, sha256 }) => from === delta.from && sha256 === delta.sha256);
  if (ours.sha256 !== theirs.sha256 || same === undefined) throw new Error('table or delta differ from the script’s');
  const size = `${ours.wireBytes} bytes, the script's ${theirs.wireBytes}`;
  return `both made the same table (${size}) and the same delta (${same.wireBytes} bytes, the script's ${delta.wireBytes})`;
}

const configuration = (at) => `name = "bench"
output = "${at('public')}"
state_dir = "${at('state')}"
keys = ["${at('bench.key')}"]
keep_deltas = ${DELTAS}
[[source]]
type = "file"
path = "${at('list')}"
`;
