// Nothing changed, one-shot: `relaymap fetch` that is answered 304, against the start of Node.
import { compare } from '../measure.mjs';
import { bareNode } from './bare-node.mjs';

export const work = 'nothing changed, one-shot';
export const title = 'Nothing changed, one-shot: relaymap fetch, answered 304';
export const goal = 'wall 3.5 x of nodejs.org’s Node, 1.9 x of Debian’s';

export function measure(site) {
  return compare(
    {
      rounds: 15,
      ours: {
        name: 'relaymap fetch',
        argv: site.relaymap('fetch', '--config', site.at('relaymap.toml'), '--json'),
        env: site.env,
        check: (stdout) => {
          const { outcome, bundles } = JSON.parse(stdout);
          if (outcome !== 'unchanged' || bundles[0].wireBytes !== 0) throw new Error(`not a 304: ${stdout}`);
        },
      },
      yardstick: bareNode,
    },
    site.folder,
  );
}
