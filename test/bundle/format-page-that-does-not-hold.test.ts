/**
 * The worked example of docs/bundle-format.md is for people who write another implementation: every byte of it has
 * to be true.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { rowRule } from '../../src/bundle/address/address.ts';
import { isAcceptablePublicKey, publicKeyOf, sign, verify } from '../../src/bundle/trust/ed25519.ts';
import { keyid, parsePublicKey } from '../../src/bundle/trust/public-key.ts';
import { TEST_1, bytes } from './rfc8032.ts';

const page = readFileSync(new URL('../../docs/bundle-format.md', import.meta.url), 'utf8');
const MANIFEST = 'application/vnd.relaymap.manifest.v1+json';

/** The content of the fenced block with this label, with the LF of its last line. */
function block(label: string): string {
  const found = new RegExp(`^\`\`\`${label}\n([^\`]*)^\`\`\`$`, 'm').exec(page)?.[1];
  if (found === undefined) throw new Error(`the page has no block ${label}`);
  return found;
}
const line = (label: string) => block(label).trimEnd();
const rows = (text: string) => text.trimEnd().split('\n');
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');
const inByteOrder = (list: readonly string[]) =>
  [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const envelope = JSON.parse(block('envelope')) as {
  payload: string;
  payloadType: string;
  signatures: [{ keyid: string; sig: string }];
};
const payload = Buffer.from(envelope.payload, 'base64');
const manifest = JSON.parse(payload.toString()) as {
  tables: { recipients: Described & { rows: number; deltas: [Described & { from: string }] } };
};
interface Described {
  bytes: number;
  sha256: string;
  wireBytes: number;
}
const table = manifest.tables.recipients;

test('the key and its keyid', () => {
  expect(parsePublicKey(block('pem'))).toEqual(TEST_1.publicKey);
  expect(line('keyid')).toBe(keyid(TEST_1.publicKey));
});

test.each(['1', '2'])('table %s: order, rules and hash', (n) => {
  const text = block(`table-${n}`);
  expect(rows(text)).toEqual(inByteOrder([...new Set(rows(text))]));
  for (const row of rows(text)) expect(rowRule(row), row).toBeNull();
  expect(sha256(text)).toBe(line(`sha256-${n}`));
});

test('the delta turns one into the other', () => {
  const result = new Set(rows(block('table-1')));
  for (const change of rows(block('delta'))) {
    const row = change.slice(1);
    expect(result.has(row), change).toBe(change.startsWith('-'));
    if (!result.delete(row)) result.add(row);
  }
  expect(inByteOrder([...result])).toEqual(rows(block('table-2')));
  const changed = rows(block('delta')).map((change) => change.slice(1));
  expect(changed).toEqual(inByteOrder(changed));
});

test('the manifest describes table, delta and bodies', () => {
  expect(line('manifest').replaceAll('\n', '')).toBe(payload.toString());
  expect(table.rows).toBe(rows(block('table-2')).length);
  const [delta] = table.deltas;
  expect(delta.from).toBe(line('sha256-1'));
  for (const [described, text, body] of [
    [table, block('table-2'), line('body-2')],
    [delta, block('delta'), line('body-delta')],
  ] as const) {
    const wire = Buffer.from(body, 'base64');
    expect(gunzipSync(wire).toString()).toBe(text);
    expect(described).toMatchObject({ bytes: Buffer.byteLength(text), sha256: sha256(text), wireBytes: wire.length });
  }
});

test('the envelope verifies, and its sizes are those in the text', () => {
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${MANIFEST.length} ${MANIFEST} ${payload.length} `), payload]);
  const [signature] = envelope.signatures;
  expect(envelope.payloadType).toBe(MANIFEST);
  expect(signature.keyid).toBe(keyid(TEST_1.publicKey));
  expect(verify(signed, Buffer.from(signature.sig, 'base64'), publicKeyOf(TEST_1.seed))).toBe(true);
  expect(Buffer.from(sign(signed, TEST_1.seed)).toString('base64')).toBe(signature.sig);
  expect(page).toContain(`457 bytes without white space`);
  expect([payload.length, signed.length]).toEqual([457, 513]);
  expect(line('envelope').length + table.deltas[0].wireBytes).toBe(947);
});

test('what is signed, as section 2 writes it down', () => {
  const signedBytes = (payloadType: string, payload: string): string => {
    const value = { payloadType, payload };
    return line('dsse')
      .split(' ')
      .map((word) => {
        const [, counted, literal] = /^(?:length\((\w+)\)|"(\w+)")$/.exec(word) ?? [];
        if (word === 'SP') return ' ';
        if (counted !== undefined) return `${value[counted as keyof typeof value].length}`;
        return literal ?? value[word as keyof typeof value];
      })
      .join('');
  };
  expect(signedBytes('http://example.com/HelloWorld', 'hello world')).toBe(line('dsse-example'));
  expect(Buffer.from(sign(Buffer.from(line('dsse-example')), TEST_1.seed)).toString('hex')).toBe(line('signature'));
  expect(page).toContain(`\`${Buffer.from(TEST_1.seed).toString('hex')}\``);
});

test('the files of the repository are named by their hashes', () => {
  const [one, two] = [line('sha256-1'), line('sha256-2')];
  expect(rows(block('files'))).toEqual([
    'manifest.json',
    `recipients/${one}.gz`,
    `recipients/${one}-${two}.delta.gz`,
    `recipients/${two}.gz`,
  ]);
});

test('the eight small-order points of section 2 are what the code refuses', () => {
  const points = block('points');
  expect(new Set(rows(points)).size).toBe(8);
  for (const point of rows(points)) expect(isAcceptablePublicKey(bytes(point))).toBe(false);
});
