// The first copy: `relaymap fetch` from nothing, against the same job as a shell pipeline.
import { rmSync } from 'node:fs';
import { compare } from '../measure.mjs';
import { folders, LINEAR, requireSameMaps, script, TOO_MANY } from './script.mjs';

export const work = 'first copy';
export const title =
  'First copy, from empty: relaymap fetch, against curl, openssl, gunzip, sha256sum, awk and postmap';
export const goal = (rows, kind) => {
  if (rows > TOO_MANY) return LINEAR;
  return kind === 'provider' ? 'wall 0.40 x, CPU 0.42 x, peak 115 MiB' : 'wall 0.26 x, CPU 0.28 x, peak 95 MiB';
};

export async function measure(site, rounds = 7) {
  const alone = site.rows > TOO_MANY;
  const measured = await compare(
    {
      rounds: alone ? 3 : rounds,
      ours: {
        name: 'relaymap fetch',
        argv: site.relaymap('fetch', '--config', site.at('relaymap.toml')),
        env: site.env,
        before: () => site.emptyGateway(),
        check: requireInstalled,
      },
      yardstick: alone
        ? null
        : {
            ...script(site),
            before: () => folders(site).forEach((folder) => rmSync(folder, { recursive: true, force: true })),
          },
    },
    site.folder,
  );
  return { ...measured, notes: alone ? [] : [requireSameMaps(site)] };
}

function requireInstalled(stdout) {
  if (!/installed/.test(stdout)) throw new Error(`fetch installed nothing: ${stdout}`);
}
