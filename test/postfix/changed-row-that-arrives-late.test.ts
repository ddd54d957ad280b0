// From a row in the source to the answer of a gateway's Postfix, with the real commands on both sides:
// `relaymap-publish watch` at the centre, `relaymap run` on a five-second schedule. What was rejected is accepted
// within eight seconds, and the reverse.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMAND } from '../publisher/central.ts';
import { type Postfix, startGateway, until } from '../support/postfix.ts';
import { median, seconds, slowness } from '../support/pace.ts';
import { createSite, type Site } from '../support/site.ts';
import { askOnce } from '../support/smtp.ts';

const ROWS = Array.from({ length: 2000 }, (_, i) => `user${i}@example.org`);
const PROMISED = 8;
/** Seconds that a fetch without news takes on a machine that has nothing else to do, and as much again. */
const FETCH = 0.5;
let site: Site;
let gateway: Postfix;
let watch: ChildProcess;
let log = '';
let daemon: ChildProcess;

beforeAll(async () => {
  site = await createSite({ gatewayToml: '[schedule]\ncron = "*/5 * * * * *"\njitter = "0s"' });
  gateway = await startGateway({ mapDir: site.mapDir });
  Object.assign(site.env, gateway.env);
  list(ROWS);
  watch = spawn(process.execPath, [COMMAND, 'watch', '--config', site.publisherConfig], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  watch.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until('the first version', () => /published version 1 /.test(log));
  await site.fetch();
  const command = path.join(path.dirname(COMMAND), 'relaymap.cjs');
  daemon = spawn(process.execPath, [command, 'run', '--config', site.gatewayConfig], {
    env: { ...process.env, ...site.env },
    stdio: 'ignore',
  });
});
afterAll(async () => {
  const ended = [daemon, watch].map((child) => once(child, 'exit'));
  for (const child of [daemon, watch]) child.kill();
  expect(await Promise.all(ended)).toEqual([
    [0, null],
    [0, null],
  ]);
  await Promise.all([gateway?.stop(), site?.stop()]);
});

function list(rows: readonly string[]): void {
  writeFileSync(`${site.dir}/recipients.new`, rows.map((row) => `${row}\n`).join(''));
  renameSync(`${site.dir}/recipients.new`, `${site.dir}/recipients`);
}

const asked = async (address: string): Promise<number | undefined> => (await askOnce(gateway.port, [address]))[0]?.code;

/** Seconds until Postfix answers so. */
const answered = (address: string, code: number): Promise<number> =>
  seconds(() => until(`${code} for the changed row`, async () => (await asked(address)) === code));

test('a row that comes, and one that goes', async () => {
  const taken: number[] = [];
  const fetches: number[] = [];
  for (let round = 0; round < 3; round++) {
    const address = `new${round}@example.org`;
    expect(await asked(address)).toBe(550);
    list([...ROWS, address]);
    taken.push(await answered(address, 250));
    list(ROWS);
    taken.push(await answered(address, 550));
    expect(await asked('user1999@example.org')).toBe(250);
    fetches.push(await seconds(() => site.fetch()));
  }
  process.stdout.write(`a changed row is answered after ${taken.map((s) => s.toFixed(1)).join(', ')} s\n`);
  // The one in the middle: a machine that is busy with something else may be late once.
  expect(median(taken)).toBeLessThan(PROMISED * slowness(fetches, FETCH));
  expect(log.match(/published version/g)).toHaveLength(7);
});
