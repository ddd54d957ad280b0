// certbot itself, at an ACME server of Debian's (pebble): `serve` reads the links of its `live` folder, as the
// operations page says, and shows a renewed certificate to the next connection. Nobody sends a signal.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { configure, serving, stop, type Serving } from '../publisher/serving.ts';
import { certificate } from '../support/endpoint.ts';
import { freePort } from '../support/web-server.ts';

const NAME = 'mx-central.example.org';
let pebble: ChildProcess | undefined;
let at: Serving | undefined;

afterEach(async () => {
  if (at !== undefined) await stop(at);
  if (pebble?.exitCode === null && pebble.kill()) await once(pebble, 'exit');
});

/** An ACME server that takes every name for proved. @returns the URL of its directory */
async function acme(central: Central): Promise<string> {
  const { key, cert } = certificate('good');
  writeFileSync(central.at('acme.key'), key);
  writeFileSync(central.at('acme.pem'), cert);
  const [port, management] = [await freePort(), await freePort()];
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: central.at('acme.pem'),
      privateKey: central.at('acme.key'),
      httpPort: await freePort(),
      tlsPort: await freePort(),
    },
  };
  writeFileSync(central.at('acme.json'), JSON.stringify(config));
  pebble = spawn('pebble', ['-config', central.at('acme.json')], {
    env: { ...process.env, PEBBLE_VA_ALWAYS_VALID: '1', PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const begun = new Promise<void>((resolve) => {
    pebble?.stdout?.on('data', (text: string) => {
      said += text;
      if (said.includes('directory available')) resolve();
    });
  });
  await begun;
  return `https://127.0.0.1:${port}/dir`;
}

/** The serial number of the certificate that is shown to whoever connects now. */
async function shown(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: NAME, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('certbot renews: serve shows it without a restart, and the group of the key stays', async () => {
  const central = new Central();
  central.rows(people(20));
  await central.publish();
  const directory = await acme(central);
  for (const folder of ['etc', 'work', 'logs']) mkdirSync(central.at(folder));
  const folders = [
    '--config-dir',
    central.at('etc'),
    '--work-dir',
    central.at('work'),
    '--logs-dir',
    central.at('logs'),
  ];
  const manners = ['--server', directory, '--no-verify-ssl', '--non-interactive'];
  const certbot = async (...more: string[]) =>
    promisify(execFile)('certbot', [...more, ...folders, ...manners, '--http-01-port', `${await freePort()}`]);
  await certbot('certonly', '--standalone', '--agree-tos', '--register-unsafely-without-email', '-d', NAME);
  const live = (file: string) => central.at(`etc/live/${NAME}/${file}`);
  // What the page has the postmaster do once, for the service's group.
  if (process.geteuid?.() === 0) chownSync(realpathSync(live('privkey.pem')), 0, 12_345);
  chmodSync(realpathSync(live('privkey.pem')), 0o640);
  configure(central, 'token_file = @token');
  for (const [name, file] of [
    ['tls.pem', 'fullchain.pem'],
    ['tls.key', 'privkey.pem'],
  ] as const) {
    unlinkSync(central.at(name));
    symlinkSync(live(file), central.at(name));
  }
  at = await serving(central);
  let said = '';
  at.child.stderr?.on('data', (text: string) => (said += text));
  const first = await shown(at.port);

  const before = statSync(live('privkey.pem'));
  await certbot('renew', '--force-renewal', '--no-random-sleep-on-renew');
  const after = statSync(live('privkey.pem'));
  expect(after.ino).not.toBe(before.ino);
  expect([after.mode & 0o777, after.gid]).toEqual([0o640, before.gid]);
  while (!said.includes('read again')) await once(at.child.stderr as NodeJS.EventEmitter, 'data');
  expect(await shown(at.port)).not.toBe(first);
});
