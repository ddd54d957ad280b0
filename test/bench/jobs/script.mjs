// The yardstick of several jobs: pipeline.sh as a contender, and the proof that it made what relaymap made.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const pipeline = path.join(path.dirname(fileURLToPath(import.meta.url)), 'pipeline.sh');

/**
 * From here on nobody waits for the scripts: for each row postmap looks through all that it has of the same 256th,
 * so that its time grows with the square of the rows. One of ten million was not done after six minutes.
 */
export const TOO_MANY = 2_000_000;
/** The goal of what is measured alone. */
export const LINEAR = 'linear (below), peak under 320 MiB';

/** Into folders of its own. */
export function script(site) {
  return {
    name: 'script in C tools',
    argv: ['bash', pipeline, site.url, site.at('tls.pem'), site.at('keys/bench.pub'), ...folders(site)],
    env: site.env,
  };
}

export const folders = (site) => [site.at('script-state'), site.at('script-maps')];

/** Both did the same job: their maps are the same, byte for byte. @returns a line that says so. */
export function requireSameMaps(site, other = 'script-maps') {
  const hashes = ['relay_recipients.cdb', 'relay_domains.cdb'].map((name) => {
    const [ours, theirs] = ['maps', other].map((folder) =>
      createHash('sha256')
        .update(readFileSync(site.at(folder, name)))
        .digest('hex'),
    );
    if (ours !== theirs) throw new Error(`${name} differs: ours ${ours}, the other's ${theirs}`);
    return ours;
  });
  return `both made the same relay_recipients.cdb (${hashes[0].slice(0, 16)}...) and relay_domains.cdb`;
}
