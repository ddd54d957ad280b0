// Two of two, from a row in the source to the answer of a gateway's Postfix, with the real commands on all hosts:
// `watch` at the centre, `cosign` on a second host with its own source, `relaymap run` with `threshold = 2`. What was
// rejected is accepted, and the reverse; with the second host down nothing changes.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Central, COMMAND } from '../publisher/central.ts';
import { authority } from '../support/endpoint.ts';
import { startGateway, until } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { askOnce } from '../support/smtp.ts';
import { ServedFolder } from '../support/two-hosts.ts';

const ROWS = Array.from({ length: 2000 }, (_, i) => `user${i}@example.org`);
/** The contract says eight seconds, on a machine that does nothing else. */
const MOST = 60;

/** Runs until the test ends, and must then end well. */
function started(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, [command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = { log: '' };
  child.stderr?.on('data', (chunk: Buffer) => (said.log += chunk.toString()));
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    expect(await ended, said.log).toEqual([0, null]);
  });
  return said;
}

function replace(file: string, rows: readonly string[]): void {
  writeFileSync(`${file}.new`, rows.map((row) => `${row}\n`).join(''));
  renameSync(`${file}.new`, file);
}

/** A second host beside the site's publisher, which from now on needs its signature. */
async function beside(site: Site): Promise<{ second: Central; served: ServedFolder }> {
  const second = new Central();
  mkdirSync(second.output, { mode: 0o750 });
  const served = new ServedFolder(second.output);
  await served.up();
  const at = (name: string) => path.join(site.dir, name);
  const pem = second.keys[0]?.publicPem ?? '';
  for (const name of ['second.pub', 'keys/second.pub']) writeFileSync(at(name), pem);
  writeFileSync(at('second-ca.pem'), authority().cert);
  const other = `{ url = "${served.url}", public = "${at('second.pub')}", ca_file = "${at('second-ca.pem')}" }`;
  const own = readFileSync(site.publisherConfig, 'utf8');
  writeFileSync(site.publisherConfig, `threshold = 2\ncosigners = [${other}]\n${own}`);
  second.configure({ top: `candidate = { url = "${site.url}candidate/", ca_file = "${at('tls.pem')}" }` });
  return { second, served };
}

test('a row that comes, one that goes, and one while the second host is down', async () => {
  const site = await createSite({
    bundleToml: 'threshold = 2',
    gatewayToml: '[schedule]\ncron = "*/5 * * * * *"\njitter = "0s"',
  });
  onTestFinished(() => site.stop());
  const { second, served } = await beside(site);
  const gateway = await startGateway({ mapDir: site.mapDir });
  onTestFinished(() => gateway.stop());
  Object.assign(site.env, gateway.env);
  const list = (rows: readonly string[]) => {
    for (const file of [second.source, path.join(site.dir, 'recipients')]) replace(file, rows);
  };
  const asked = async (address: string) => (await askOnce(gateway.port, [address]))[0]?.code;
  const answered = async (address: string, code: number): Promise<number> => {
    const from = performance.now();
    await until(`${code} for the changed row`, async () => (await asked(address)) === code);
    return (performance.now() - from) / 1000;
  };

  list(ROWS);
  const cosigner = started(COMMAND, ['cosign', '--config', second.config]);
  const watch = started(COMMAND, ['watch', '--config', site.publisherConfig]);
  await until('the first version', () => /published version 1 /.test(watch.log));
  await site.fetch();
  started(path.join(path.dirname(COMMAND), 'relaymap.cjs'), ['run', '--config', site.gatewayConfig], site.env);

  const seconds: number[] = [];
  for (let round = 0; round < 3; round++) {
    const address = `new${round}@example.org`;
    expect(await asked(address)).toBe(550);
    list([...ROWS, address]);
    seconds.push(await answered(address, 250));
    list(ROWS);
    seconds.push(await answered(address, 550));
  }
  const words = seconds.map((s) => s.toFixed(1)).join(', ');
  process.stdout.write(`with two signatures a changed row is answered after ${words} s\n`);
  expect(Math.max(...seconds)).toBeLessThan(MOST);
  expect([watch.log.match(/published version/g), cosigner.log.match(/signed version/g)].map((m) => m?.length)).toEqual([
    7, 7,
  ]);
  const manifest = JSON.parse(readFileSync(path.join(site.output, 'manifest.json'), 'utf8')) as {
    signatures: object[];
  };
  expect(manifest.signatures).toHaveLength(2);

  await served.down();
  list([...ROWS, 'late@example.org']);
  await until('a word that the second host is down', () => /UNSIGNED: version 8 has 1 of 2 signatures/.test(watch.log));
  expect([await asked('late@example.org'), await asked('user1999@example.org')]).toEqual([550, 250]);
  await served.up();
  await answered('late@example.org', 250);
});
