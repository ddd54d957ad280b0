// A record that is lost is rebuilt from the signed envelopes, with a hint of status.json: which version was live,
// and whether it was held. Whatever stands there, what is rebuilt can be read back. Writes below a folder of its
// own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BundleConfig, GatewayConfig } from '../../src/gateway/config.ts';
import { Copies } from '../../src/gateway/record/copies.ts';
import { recover } from '../../src/gateway/cycle/recover.ts';
import { StateFiles } from '../../src/gateway/record/state.ts';
import { StateError } from '../../src/errors.ts';
import { SigningKey } from '../support/forger.ts';
import { ago, keep, ringOf } from './records.ts';

const key = new SigningKey();
let dir: string;
let copies: Copies;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap hint-'));
  copies = new Copies(dir, 'example-org', null);
  for (const version of [4, 5]) keep(copies, version, key, [`${version}@example.org`]);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What becomes of the record where status.json says this of the bundle. */
async function rebuilt(hint: unknown) {
  writeFileSync(path.join(dir, 'state.json'), 'lost');
  writeFileSync(path.join(dir, 'status.json'), JSON.stringify(hint));
  const config = { state_dir: dir, map_dir: path.join(dir, 'maps'), bundle: [] } as unknown as GatewayConfig;
  const files = new StateFiles(dir);
  const start = { bundle: { name: 'example-org', threshold: 1 } as BundleConfig, ring: ringOf(1, key) };
  const holders = [{ name: 'example-org', start, copies }];
  const { state } = await recover({ config, files, holders, rebuild: new Set(), log: () => undefined });
  files.write(state);
  expect(files.read()).toEqual({ is: 'whole', value: state });
  return state.bundles['example-org'];
}
const bundle = (change: object) => ({ bundles: [{ name: 'example-org', version: 4, held: null, ...change }] });

test('a good hint is followed', async () => {
  const held = { version: 4, since: ago(1) };
  expect(await rebuilt(bundle({ held }))).toMatchObject({ installed: { version: 4 }, floor: { version: 5 }, held });
  expect(await rebuilt(bundle({}))).toMatchObject({ installed: { version: 4 }, held: null });
});

test.each<[string, unknown]>([
  ['a hold since a time cut short', bundle({ held: { version: 4, since: '2026-1:00Z' } })],
  ['a hold at half a version', bundle({ held: { version: 4.5, since: ago(1) } })],
  ['a hold at a version below none', bundle({ held: { version: -4, since: ago(1) } })],
  ['a hold that is text', bundle({ held: 'yes' })],
])('%s is none', async (_, hint) => {
  expect(await rebuilt(hint)).toMatchObject({ installed: { version: 4 }, floor: { version: 5 }, held: null });
});

test('a version that is none is no hint, one that is not there is STATE_CORRUPT', async () => {
  for (const version of [4.5, -1, 1e300, '4', null])
    expect(await rebuilt(bundle({ version }))).toMatchObject({ installed: { version: 5 }, floor: { version: 5 } });
  await expect(rebuilt(bundle({ version: 6 }))).rejects.toThrow(StateError);
});

test('any content at all: the floor stays, and the record is whole', async () => {
  const held = fc.record({ version: fc.jsonValue(), since: fc.jsonValue() });
  const hint = fc.oneof(
    fc.jsonValue(),
    fc.record({ bundles: fc.jsonValue() }),
    fc.oneof(held, fc.jsonValue()).map((each) => bundle({ held: each })),
  );
  await fc.assert(
    fc.asyncProperty(hint, async (each) => {
      expect(await rebuilt(each)).toMatchObject({ floor: { version: 5 } });
    }),
    { numRuns: 50 },
  );
});
