// Health looks at the key directory at every call and verifies again only where it has changed: what only seems a
// change costs a signature each minute.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { publicKeyOf } from '../../src/bundle/trust/ed25519.ts';
import { publicKeyPem } from '../../src/bundle/trust/public-key.ts';
import type { BundleConfig } from '../../src/gateway/config.ts';
import { directoryMark } from '../../src/gateway/keys/ring-fingerprint.ts';
import { ringMark, startingRing } from '../../src/gateway/keys/trusted-keys.ts';

const pem = publicKeyPem(publicKeyOf(new Uint8Array(32).fill(7)));
const other = publicKeyPem(publicKeyOf(new Uint8Array(32).fill(8)));

function directory(...files: string[]): BundleConfig {
  const keys = mkdtempSync(path.join(os.tmpdir(), 'relaymap keys-'));
  onTestFinished(() => rmSync(keys, { recursive: true, force: true }));
  for (const [i, text] of files.entries()) writeFileSync(path.join(keys, `${i}.pub`), text);
  return { keys, threshold: 1, ring: 0 } as BundleConfig;
}

test.each([
  ['the key alone', pem],
  ['line ends of another system', pem.replaceAll('\n', '\r\n')],
  ['a comment before it', `made on 24 November, for mx1\n${pem}`],
  ['a comment behind it', `${pem}AAAA\n`],
  ['a certificate behind it', `${pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`],
])('%s: the directory is the ring that was read from it', (_, text) => {
  const bundle = directory(text);
  expect(directoryMark(bundle)).toBe(ringMark(startingRing(bundle)));
});

test('another key, one more or one less is a change', () => {
  const marks = [directory(pem), directory(other), directory(pem, other), directory()].map(directoryMark);
  expect(new Set(marks).size).toBe(4);
});
