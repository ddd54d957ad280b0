// `relaymap init` for the list of a site, as it is typed on a host whose nameserver is the one given.
import path from 'node:path';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { run, type Finished } from '../support/finished.ts';
import { amongNames } from '../support/host-names.ts';
import type { Site } from '../support/site.ts';

/** Nothing listens there: it is refused at once. */
export const NO_NAMESERVER = '127.0.0.254';

export const initCommand = (site: Site): readonly string[] => [
  process.execPath,
  path.join(BIN_FOLDER, 'relaymap.cjs'),
  'init',
  '--config',
  `${site.dir}/etc/relaymap.toml`,
];

export const listOptions = (site: Site): readonly string[] => {
  const key = `${site.dir}/signing/example-org.pub`;
  return ['--name', 'example-org', '--url', site.url, '--key', key, '--ca-file', `${site.dir}/tls.pem`];
};

export const init = (site: Site, more: readonly string[], nameserver = NO_NAMESERVER): Promise<Finished> =>
  run([...amongNames({ nameservers: [nameserver] }), ...initCommand(site), ...listOptions(site), ...more], {
    env: { NO_COLOR: '1', ...site.env },
  });
