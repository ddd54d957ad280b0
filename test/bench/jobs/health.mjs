// `relaymap health` of a gateway that is well, against the start of Node.
import { compare } from '../measure.mjs';
import { bareNode } from './bare-node.mjs';

export const work = 'health';
export const title = 'Health: relaymap health of a gateway that is well';
export const goal = 'wall at most 1.8 x';

export function measure(site) {
  return compare(
    {
      rounds: 25,
      ours: {
        name: 'relaymap health',
        argv: site.relaymap('health', '--config', site.at('relaymap.toml')),
        check: (stdout) => {
          if (!stdout.startsWith('RELAYMAP OK')) throw new Error(`not well: ${stdout}`);
        },
      },
      yardstick: bareNode,
    },
    site.folder,
  );
}
