// Lookups without SMTP: `postmap -q -` of 100,000 keys in our cdb, against the same in the one that postmap makes
// of our text.
import { rmSync } from 'node:fs';
import { compare } from '../measure.mjs';
import { KEYS, postmapsOwn, sampleKeys, writeKeys } from './keys.mjs';

export const work = 'lookups, postmap -q -';
export const title = `Lookups: postmap -q - of ${KEYS.toLocaleString('en-US')} keys in our cdb, against postmap's own cdb`;
export const goal = 'the same rate: 1.0 x';

export async function measure(site) {
  const { keys, known } = sampleKeys(site);
  const file = writeKeys(site, keys);
  const theirs = await postmapsOwn(site);
  const contender = (name, folder) => ({
    name,
    // Exit status 1 says that a key was not found, as every tenth is.
    argv: ['bash', '-c', 'postmap -q - "cdb:$1" <"$2" || (($? == 1))', 'query', `${folder}/relay_recipients`, file],
    env: site.env,
    check: (stdout) => {
      const found = stdout.split('\n').length - 1;
      if (found !== known) throw new Error(`${name}: ${found} keys found, not ${known}`);
    },
  });
  try {
    const measured = await compare(
      { rounds: 9, ours: contender('our cdb', site.at('maps')), yardstick: contender("postmap's cdb", theirs) },
      site.folder,
    );
    const walls = measured.ours.runs.map((r) => r.wall).sort((a, b) => a - b);
    return { ...measured, notes: [`${Math.round(KEYS / (walls[walls.length >> 1] / 1000))} keys a second in ours`] };
  } finally {
    for (const name of [theirs, file]) rmSync(name, { recursive: true, force: true });
  }
}
