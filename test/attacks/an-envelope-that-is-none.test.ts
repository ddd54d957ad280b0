// What stands in the place of manifest.json is no envelope of section 2, or one of another type, or not signed by
// enough keys.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  KEYRING_TYPE,
  MANIFEST_TYPE,
  signedBytes,
  SigningKey,
  type EnvelopeDraft,
  type Lies,
} from '../support/forger.ts';
import { eachRefused } from '../support/crowd.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const [first, second, stranger] = [new SigningKey(), new SigningKey(), new SigningKey()];
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open({ signers: [first] });
});
afterAll(() => scene.close());

const signatures = (change: (honest: EnvelopeDraft['signatures']) => unknown): Lies => ({
  envelope: (e) => ({ ...e, signatures: change(e.signatures) }),
});
const signature = (change: object): Lies => signatures(([honest]) => [{ ...honest, ...change }]);
const many = (count: number) =>
  Array.from({ length: count }, () => ({ keyid: new SigningKey().keyid, sig: Buffer.alloc(64).toString('base64') }));

describe('BAD_ENVELOPE', () => {
  const cases: [string, Lies][] = [
    ['no bytes', { file: () => '' }],
    ['an error page', { file: () => '<html><body>502 Bad Gateway</body></html>' }],
    ['JSON that is cut short', { file: (honest) => honest.subarray(0, -1) }],
    ['something behind the JSON', { file: (honest) => `${honest.toString()}{}` }],
    ['a BOM before it', { file: (honest) => `\ufeff${honest.toString()}` }],
    ['a comment in it', { file: (honest) => honest.toString().replace('{', '{/* hello */') }],
    ['not UTF-8', { file: (honest) => Buffer.from(honest.toString().replace('{', '{"é":1,'), 'latin1') }],
    ['UTF-16', { file: (honest) => Buffer.from(honest.toString(), 'utf16le') }],
    ['null', { file: () => 'null' }],
    ['a list', { file: (honest) => `[${honest.toString()}]` }],
    ['a number', { file: () => '17' }],
    ['60,000 open brackets', { file: () => '['.repeat(60_000) }],
    ['60,000 lists in each other', { file: () => '['.repeat(60_000) + ']'.repeat(60_000) }],
    ['no payload', { envelope: ({ payloadType, signatures: s }) => ({ payloadType, signatures: s }) }],
    ['no payloadType', { envelope: ({ payload, signatures: s }) => ({ payload, signatures: s }) }],
    ['no signatures', { envelope: ({ payload, payloadType }) => ({ payload, payloadType }) }],
    ['members of the prototype', { file: (honest) => `{"__proto__":${honest.toString()}}` }],
    ['payload is an object', { envelope: (e) => ({ ...e, payload: { format: 1 } }) }],
    ['payload is null', { envelope: (e) => ({ ...e, payload: null }) }],
    ['payloadType is a list', { envelope: (e) => ({ ...e, payloadType: [MANIFEST_TYPE] }) }],
    ['signatures is an object', signatures((s) => ({ 0: s[0], length: 1 }))],
    ['signatures is text', signatures(() => 'signed')],
    ['a signature is text', signatures(() => ['signed'])],
    ['a signature is null', signatures(() => [null])],
    ['a keyid is a number', signature({ keyid: 1 })],
    ['a keyid is missing', signatures(([s]) => [{ sig: s?.sig }])],
    ['a sig is missing', signatures(([s]) => [{ keyid: s?.keyid }])],
    [
      'payload with a space',
      { envelope: (e) => ({ ...e, payload: `${e.payload.slice(0, 8)} ${e.payload.slice(8)}` }) },
    ],
    ['payload in lines', { envelope: (e) => ({ ...e, payload: `${e.payload}\n` }) }],
    ['payload in a mixed alphabet', { envelope: (e) => ({ ...e, payload: `${e.payload}+_==` }) }],
    ['payload with padding in its middle', { envelope: (e) => ({ ...e, payload: `QUE=${e.payload}` }) }],
    [
      'payload of one digit too many',
      { envelope: (e) => ({ ...e, payload: `${e.payload.replace(/=+$/, '')}AAAAA`.slice(0, 5) }) },
    ],
    ['payload that is hex:', { envelope: (e) => ({ ...e, payload: `:${e.payload}` }) }],
    ['a signature with white space', signatures(([s]) => [{ keyid: s?.keyid, sig: ` ${s?.sig}` }])],
    ['a signature that is not base64', signature({ sig: '!!!' })],
    ['a stranger’s signature that is not base64', signatures((s) => [...s, { keyid: stranger.keyid, sig: '*' }])],
    ['17 signatures', signatures((s) => [...s, ...many(16)])],
    ['a keyid twice', signatures((s) => [...s, ...s])],
    ['an unknown keyid twice', signatures((s) => [...s, ...[1, 2].map(() => ({ keyid: 'aa', sig: '' }))])],
    ['a right and a wrong one of one keyid', signatures((s) => [...s, { keyid: first.keyid, sig: '' }])],
  ];
  eachRefused('BAD_ENVELOPE', cases, { signers: [first] });

  test('one of them by itself', async () => {
    scene.publish(LONGER, { file: () => '<html><body>502 Bad Gateway</body></html>' });
    await scene.refused('BAD_ENVELOPE', ['manifest.json']);
  });
});

describe('WRONG_TYPE', () => {
  const types = [
    KEYRING_TYPE,
    '',
    'application/json',
    MANIFEST_TYPE.toUpperCase(),
    `${MANIFEST_TYPE} `,
    'application/vnd.relaymap.manifest.v2+json',
  ];
  eachRefused(
    'WRONG_TYPE',
    types.map((type) => [`"${type}", rightly signed`, { type }] as const),
    { signers: [first] },
  );

  test('is looked at before the signatures', async () => {
    scene.publish(LONGER, { type: KEYRING_TYPE, signers: [stranger] });
    await scene.refused('WRONG_TYPE', ['manifest.json']);
  });

  test('a terminal’s escape sequence in it is not passed on', async () => {
    scene.publish(LONGER, { type: '\u001b[2J\u009b31m\nx' });
    const { stdout, stderr } = await scene.gateway.run(['fetch']);
    expect(stdout + stderr).toContain('WRONG_TYPE');
    // eslint-disable-next-line no-control-regex
    expect(stdout + stderr).not.toMatch(/[\u001b\u009b]/);
  });
});

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The same signature with S + L in the place of S: a verifier that does not look at S < L takes both. */
function malleable(sig: string): string {
  const bytes = Buffer.from(sig, 'base64');
  let s = ORDER;
  for (let i = 0; i < 32; i++) s += BigInt(bytes[32 + i] ?? 0) << BigInt(8 * i);
  for (let i = 0; i < 32; i++) bytes[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn);
  return bytes.toString('base64');
}

describe('BAD_SIGNATURE', () => {
  const bySig = (change: (sig: string) => string) =>
    signatures(([s]) => [{ keyid: s?.keyid, sig: change(s?.sig ?? '') }]);
  const cut = (bytes: number) => (sig: string) => Buffer.from(sig, 'base64').subarray(0, bytes).toString('base64');
  const cases: [string, Lies][] = [
    ['of a foreign key', { signers: [stranger] }],
    [
      'of a foreign key under the keyid of a trusted one',
      { signers: [stranger], ...signature({ keyid: first.keyid, sig: Buffer.alloc(64, 7).toString('base64') }) },
    ],
    ['right, under another keyid', signature({ keyid: stranger.keyid })],
    ['right, under its keyid in capitals', signatures(([s]) => [{ ...s, keyid: first.keyid.toUpperCase() }])],
    ['right, under a shortened keyid', signature({ keyid: first.keyid.slice(0, 16) })],
    ['none', { signers: [] }],
    ['over the payload before it was changed', { swapped: (p) => p.toString().replace('"format":1', '"format": 1') }],
    ['over another type', { signedType: KEYRING_TYPE }],
    ['of S + L', bySig(malleable)],
    ['all zeros', signature({ sig: Buffer.alloc(64).toString('base64') })],
    ['empty', signature({ sig: '' })],
    ['of 63 bytes', bySig(cut(63))],
    ['of 65 bytes', bySig((sig) => Buffer.concat([Buffer.from(sig, 'base64'), Buffer.alloc(1)]).toString('base64'))],
    ['of a bit changed', bySig((sig) => (sig.startsWith('A') ? `B${sig.slice(1)}` : `A${sig.slice(1)}`))],
    ['sixteen foreign ones', signatures(() => many(16))],
  ];
  eachRefused('BAD_SIGNATURE', cases, { signers: [first] });

  test('over the payload alone, without its type', async () => {
    scene.publish(LONGER, {
      envelope: (e) => ({
        ...e,
        signatures: [{ keyid: first.keyid, sig: first.sign(Buffer.from(e.payload, 'base64')).toString('base64') }],
      }),
    });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
  });

  test('what is not signed is not even looked into', async () => {
    scene.publish(LONGER, { signers: [stranger], payload: () => 'not JSON' });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
    scene.publish(LONGER, { signers: [stranger], manifest: (m) => ({ ...m, format: 2 }) });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
  });
});

describe('a threshold of two', () => {
  let pair: Scene;
  beforeAll(async () => {
    pair = await Scene.open({ signers: [first, second], bundle: 'threshold = 2' });
  });
  afterAll(() => pair.close());

  const cases: [string, Lies][] = [
    ['one key', { signers: [first] }],
    ['the other key', { signers: [second] }],
    ['one key and a stranger’s', { signers: [first, stranger] }],
    [
      'one key, and again under its keyid in capitals',
      { signers: [first], ...signatures((s) => [...s, { keyid: first.keyid.toUpperCase(), sig: s[0]?.sig }]) },
    ],
    ['one key’s signature under both keyids', signatures((s) => s.map(({ keyid }) => ({ keyid, sig: s[0]?.sig })))],
    ['two keys, one of them wrong', signatures(([a, b]) => [a, { ...b, sig: Buffer.alloc(64, 1).toString('base64') }])],
  ];
  test.each(cases)('%s: BAD_SIGNATURE', async (_name, lies) => {
    pair.publish(LONGER, lies);
    await pair.refused('BAD_SIGNATURE', ['manifest.json']);
  });

  test('the same key in two files is one key: CONFIG', async () => {
    pair.configure({ trusted: [first, first] });
    onTestFinished(() => pair.configure({ trusted: [first, second] }));
    await pair.failed('CONFIG');
  });

  test('both keys, beside fourteen that are unknown: installed', async () => {
    const { version } = pair.publish(
      LONGER,
      signatures((s) => [...many(14), ...s]),
    );
    await pair.installs(version, LONGER);
  });
});

/** The files of the bundle's state. */
function kept(): Buffer[] {
  const folder = path.join(scene.gateway.stateDir, 'bundles', 'example-org');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => readFileSync(path.join(e.parentPath, e.name)));
}

describe('what the format allows is taken', () => {
  const urlSafe = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  const cases: [string, Lies][] = [
    ['base64 without padding', { envelope: (e) => ({ ...e, payload: e.payload.replace(/=+$/, '') }) }],
    [
      'the URL-safe alphabet',
      {
        envelope: (e) => ({
          ...e,
          payload: urlSafe(e.payload),
          signatures: e.signatures.map((s) => ({ ...s, sig: urlSafe(s.sig) })),
        }),
      },
    ],
    [
      'unknown members',
      {
        envelope: (e) => ({ ...e, comment: { deep: [1] }, signatures: e.signatures.map((s) => ({ ...s, cert: 'x' })) }),
      },
    ],
    ['a wrong signature beside a right one', signatures((s) => [{ keyid: stranger.keyid, sig: '' }, ...s])],
    ['indented JSON', { file: (honest) => JSON.stringify(JSON.parse(honest.toString()), null, 4) }],
  ];
  test.each(cases)('%s', async (name, lies) => {
    const rows = [...LIST, `${name.replaceAll(' ', '-').toLowerCase()}@example.org`];
    const { version, manifestFile } = scene.publish(rows, lies);
    await scene.installs(version, rows);
    expect(kept().some((bytes) => bytes.equals(manifestFile))).toBe(true); // what was served, to the byte
  });

  test('the signed bytes are those of DSSE', () => {
    expect(signedBytes('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });
});
