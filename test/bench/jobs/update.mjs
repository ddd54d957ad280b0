// An update of 100 rows: `relaymap fetch` of a delta, against the script, which has no deltas and does all of it again.
import { compare } from '../measure.mjs';
import { requireSameMaps, script } from './script.mjs';

export const work = 'update of 100 rows';
export const title = 'Update of 100 rows: relaymap fetch, against the script once more';

export async function measure(site) {
  let wire = 0;
  const measured = await compare(
    {
      rounds: site.rows > 2_000_000 ? 2 : 5,
      beforeRound: () => site.change(100),
      ours: {
        name: 'relaymap fetch',
        argv: site.relaymap('fetch', '--config', site.at('relaymap.toml'), '--json'),
        env: site.env,
        check: (stdout) => {
          const { outcome, bundles } = JSON.parse(stdout);
          if (outcome !== 'installed' || bundles[0].via !== 'delta') throw new Error(`no update by delta: ${stdout}`);
          wire = bundles[0].wireBytes;
        },
      },
      yardstick: script(site),
    },
    site.folder,
  );
  const whole = site.manifest().tables.recipients.wireBytes;
  return {
    ...measured,
    notes: [`received: manifest and delta ${wire} bytes, a whole table has ${whole}`, requireSameMaps(site)],
  };
}
