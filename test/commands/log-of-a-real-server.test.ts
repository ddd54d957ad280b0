// `relaymap-publish fleet` over what Debian's nginx and Caddy write, by the lines of docs/operations.md, while real
// clients ask: with a certificate, with another's, with none.
// Covers src/publisher/fleet, src/bin/publisher/fleet
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { ask } from '../publisher/serving.ts';
import { authority, type Identity } from '../support/endpoint.ts';
import { until } from '../support/postfix.ts';
import { caddy, nginx, type WebServer } from '../support/web-server.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const LOG_FORMAT = /```nginx-log\n(log_format[^]*?;)\n/.exec(page)?.[1] ?? '';

const agent = (id: string, version = 1, last = 'OK') =>
  `relaymap/0.1.0 (example-org=${version}; last=${last}; id=${id})`;

interface Report {
  readonly sentence: string;
  readonly gateways: readonly { name: string; by: string; state: string; version: number; says: string | null }[];
  readonly strangers: readonly { name: string; by: string; posesAs: string | null }[];
  readonly claims: readonly { name: string; isTaken: boolean }[];
  readonly log: { readonly lines: number; readonly unread: number; readonly refused: number };
}

/** A client certificate with this name, of our CA or of its own making. */
function issued(name: string, issuer: Identity | null): Identity {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: central.dir, stdio: 'pipe' });
  const made = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'c.key'];
  const subject = ['-subj', `/O=Example, Inc./CN=${name}`];
  if (issuer === null) openssl(...made, ...subject, '-x509', '-out', 'c.pem');
  else {
    written('by.pem', issuer.cert);
    written('by.key', issuer.key);
    openssl(...made, ...subject, '-out', 'c.csr');
    openssl('x509', '-req', '-in', 'c.csr', '-CA', 'by.pem', '-CAkey', 'by.key', '-CAcreateserial', '-out', 'c.pem');
  }
  return { key: readFileSync(central.at('c.key'), 'utf8'), cert: readFileSync(central.at('c.pem'), 'utf8') };
}

let central: Central;
let table: string;
beforeAll(async () => {
  central = new Central({ kept: true, further: '[fleet]\nexpect = []\nsilent_after = "2h"' });
  central.rows(people(20));
  table = `/example-org/recipients/${(await central.publish()).sha256}.gz`;
  renameSync(central.output, central.at('example-org'));
  central.configure({ top: `output = ${JSON.stringify(central.at('example-org'))}` });
  return () => central.remove();
});

/** What clients do: a gateway by its certificate, one that claims its name, one that is refused, and a stranger. */
async function visit({ port }: WebServer, hostile: string): Promise<void> {
  const host = `localhost:${port}`;
  const get = async (path: string, userAgent: string, options: object = {}) =>
    (await ask(port, path, { token: null, headers: { host, 'user-agent': userAgent }, ...options })).status;
  const manifest = '/example-org/manifest.json';
  const client = issued('gateway', authority());
  expect(await get(manifest, agent('mx1'), { client })).toBe(200);
  expect(await get(table, agent('mx1'), { client })).toBe(200);
  expect(await get(manifest, agent('gateway'))).toBe(200);
  expect(await get(table, agent('gateway'))).toBe(200);
  expect(await get(manifest, hostile)).toBe(200);
  expect(await get(table.replace('recipients', '%72ecipients'), 'curl/8.5.0')).toBe(200);
  expect(await get('/example-org/', agent('mx7'))).not.toBe(200);
}

async function reported(format: string, log: string, lines: number): Promise<Report> {
  await until('all lines are written', () =>
    existsSync(log) && readFileSync(log, 'utf8').split('\n').length > lines ? true : undefined,
  );
  const prom = central.at('fleet.prom');
  const run = await central.run(['fleet', '--log', log, '--json', '--prom', prom]);
  expect([run.status, run.stderr]).toEqual([0, '']);
  const told = await central.run(['fleet', '--log', log, '--format', format]);
  expect(told.stdout.split('\n')[0]).toBe(`example-org: ${(JSON.parse(run.stdout) as Report).sentence}`);
  execFileSync('promtool', ['check', 'metrics'], { input: readFileSync(prom) });
  return JSON.parse(run.stdout) as Report;
}

const EVIL = 'x" tls=SUCCESS dn="CN=evil" token="evil" \\" {"cn":"evil"}';

test('nginx, by the lines of the page', async () => {
  const server = await nginx(
    `${LOG_FORMAT}
server {
  listen 127.0.0.1:@port ssl;
  ssl_certificate @cert;
  ssl_certificate_key @key;
  ssl_client_certificate ${central.at('client-ca.pem')};
  ssl_verify_client optional_no_ca;
  root ${central.dir};
  access_log @dir/access.log relaymap;
  location = /example-org/ { return 403; }
  location / { gzip off; }
}`.replace(central.at('client-ca.pem'), written('client-ca.pem', authority().cert)),
  );
  await visit(server, EVIL);
  // A certificate of the same name that no CA of ours has signed.
  const forged = { port: server.port, client: issued('mx1', null) };
  expect(
    (
      await ask(forged.port, '/example-org/manifest.json', {
        token: null,
        client: forged.client,
        headers: { 'user-agent': agent('mx1', 99) },
      })
    ).status,
  ).toBe(200);
  const report = await reported('nginx', `${server.dir}/access.log`, 8);
  expect(report.log).toMatchObject({ lines: 8, unread: 0, refused: 0 });
  expect(report.gateways).toEqual([
    expect.objectContaining({ name: 'gateway', by: 'certificate', state: 'current', version: 1, says: 'mx1' }),
  ]);
  expect(report.claims).toEqual([
    expect.objectContaining({ name: 'gateway', isTaken: true }),
    expect.objectContaining({ name: 'mx1', isTaken: false }),
  ]);
  expect(report.strangers.map(({ by, posesAs }) => `${by} ${posesAs}`).sort()).toEqual([
    'address null',
    'claim gateway',
  ]);
});

test('Caddy', async () => {
  const server = await caddy(`https://localhost:@port {
bind 127.0.0.1
tls @cert @key {
client_auth {
mode verify_if_given
trusted_ca_cert_file ${written('client-ca.pem', authority().cert)}
}
}
log {
output file @dir/access.log
}
root * ${central.dir}
respond /example-org/ 403
file_server
}`);
  await visit(server, EVIL);
  const report = await reported('caddy', `${server.dir}/access.log`, 7);
  expect(report.log).toMatchObject({ lines: 7, unread: 0 });
  expect(report.gateways).toEqual([
    expect.objectContaining({ name: 'gateway', by: 'certificate', state: 'current', version: 1, says: 'mx1' }),
  ]);
  expect(report.claims).toEqual([expect.objectContaining({ name: 'gateway', isTaken: true })]);
  expect(report.strangers.map(({ by, posesAs }) => `${by} ${posesAs}`).sort()).toEqual([
    'address null',
    'claim gateway',
  ]);
});

function written(name: string, text: string): string {
  writeFileSync(central.at(name), text);
  return central.at(name);
}

test('a log that is none, and a command line that names none', async () => {
  const refused = async (...args: string[]) => {
    const run = await central.run(['fleet', ...args]);
    expect(run.stdout).toBe('');
    return `${run.status} ${run.stderr}`;
  };
  const log = written('hello.log', 'hello\n');
  expect(await refused('--log', log)).toMatch(/^2 .*SOURCE: the log .*hello\.log, line 1: none of the formats/);
  expect(await refused()).toMatch(/^2 .*CONFIG: which log\? Name it: --log FILE/);
  expect(await refused('--log', '-', '--log', '-')).toMatch(/^2 .*CONFIG: --log - is given twice/);
  expect(await refused('--log', log, '--format', 'apache')).toMatch(
    /^2 .*CONFIG: --format apache: the formats are nginx, /,
  );
  const empty = written('empty.log', '');
  expect(await refused('--log', empty, '--html', '/nowhere/x.html')).toMatch(
    /^2 .*OUTPUT: \/nowhere\/x\.html cannot be written/,
  );
});
