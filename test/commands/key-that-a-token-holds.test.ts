// Keys that no file holds: a real ssh-agent, gpg-agent, and SoftHSM behind pkcs11-tool publish a list; and what says
// that it signs, and does not, is refused before anything goes out.
// Covers src/publisher/keys, src/io/net/ssh-agent.ts
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { gpgAgent, softHsm, sshAgent, type HeldKey } from '../support/agents.ts';
import { sha256, signedBytes } from '../support/forger.ts';

const list = (argv: readonly string[]) => `[${argv.map((word) => JSON.stringify(word)).join(', ')}]`;

/** A central side whose one key is held elsewhere. */
function centralWith(publicPem: string, holder: string): Central {
  const central = new Central();
  writeFileSync(central.at('held.pub'), publicPem);
  central.configure({ top: `keys = [{ public = ${JSON.stringify(central.at('held.pub'))}, ${holder} }]` });
  central.rows(people(20));
  return central;
}

const holderOf = ({ socket, argv }: HeldKey): string =>
  socket === '' ? `command = ${list(argv)}` : `agent = ${JSON.stringify(socket)}`;

/** The envelope's one signature, checked by node:crypto. */
function published(central: Central, pem: string): boolean {
  const envelope = JSON.parse(readFileSync(`${central.output}/manifest.json`, 'utf8')) as {
    payload: string;
    payloadType: string;
    signatures: { keyid: string; sig: string }[];
  };
  const [signature, ...more] = envelope.signatures;
  const key = createPublicKey(pem);
  const raw = key.export({ type: 'spki', format: 'der' }).subarray(-32);
  expect([more.length, signature?.keyid]).toEqual([0, sha256(raw)]);
  const bytes = signedBytes(envelope.payloadType, Buffer.from(envelope.payload, 'base64'));
  return verify(null, bytes, key, Buffer.from(signature?.sig ?? '', 'base64'));
}

test.each([
  ["OpenSSH's agent", sshAgent],
  ['gpg-agent', gpgAgent],
  ['SoftHSM through pkcs11-tool', () => Promise.resolve(softHsm())],
])('%s signs what goes out, and a length that tokens do not take is told', async (_, hold) => {
  const held = await hold();
  const central = centralWith(held.publicPem, holderOf(held));
  const run = await central.run(['publish'], ['env', ...Object.entries(held.env).map(([k, v]) => `${k}=${v}`)]);
  expect(run.status, run.stderr).toBe(0);
  expect(published(central, held.publicPem)).toBe(true);
  expect(run.stderr).toMatch(/is to sign \d{3} bytes, more than some tokens take \(Gnuk takes 256\)/);
});

describe('what signs badly is refused with KEY, and nothing goes out', () => {
  const refused = async (central: Central, words: RegExp) => {
    const run = await central.run(['publish']);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(words);
    expect(() => central.published()).toThrow(/manifest\.json/);
  };

  test('an agent that holds another key', async () => {
    const [held, other] = [await sshAgent(), await sshAgent()];
    await refused(centralWith(other.publicPem, holderOf(held)), /KEY: the ssh-agent at .* refused: it does not hold/);
  });

  test('no agent at all', async () => {
    const held = await sshAgent();
    await refused(
      centralWith(held.publicPem, 'agent = "/nowhere/agent"'),
      /KEY: .*\/nowhere\/agent cannot be asked: ENOENT/,
    );
  });

  // What an agent that is none may answer: a wrong signature, one of another kind, half an answer, too much, an end.
  const field = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const answer = (kind: string, sig: Uint8Array) =>
    field(Buffer.concat([Buffer.from([14]), field(Buffer.concat([field(Buffer.from(kind)), field(sig)]))]));
  test.each<[string, Buffer, RegExp]>([
    [
      '64 bytes that are no signature',
      answer('ssh-ed25519', Buffer.alloc(64, 1)),
      /gave 64 bytes that are no Ed25519 signature/,
    ],
    ['a signature of another kind', answer('rsa-sha2-256', Buffer.alloc(256, 1)), /gave 256 bytes of rsa-sha2-256/],
    ['an answer that is cut short inside', field(Buffer.from([14, 0, 0, 1, 0])), /cut short/],
    ['a length of four gigabytes', Buffer.from('ffffffff0e', 'hex'), /gave an answer of 4294967295 bytes/],
    ['an end', Buffer.alloc(0), /ended the connection without an answer/],
  ])('an agent that answers %s', async (_, bytes, words) => {
    const held = await sshAgent();
    const central = centralWith(held.publicPem, '');
    const socket = central.at('agent');
    const server = createServer((connection) => connection.once('data', () => connection.end(bytes))).listen(socket);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    central.configure({
      top: `keys = [{ public = ${JSON.stringify(central.at('held.pub'))}, agent = ${JSON.stringify(socket)} }]`,
    });
    await refused(central, words);
  });

  test.each<[string, string, RegExp]>([
    ['gives 64 other bytes', 'head -c 64 /dev/zero', /64 bytes that are no Ed25519 signature/],
    ['gives their base64', 'head -c 64 /dev/zero | base64', /64 bytes that are no Ed25519 signature/],
    ['gives nothing', 'cat >/dev/null', /gave 0 bytes, expected 64 or their base64/],
    ['gives without end', 'cat /dev/zero', /gave more than 1024 bytes/],
    ['ends badly', 'echo no PIN >&2; exit 3', /ended with status 3; its output is not used/],
    ['reads nothing', 'exit 4', /ended with status 4/],
  ])('a command that %s', async (_, script, words) => {
    const held = await sshAgent();
    await refused(centralWith(held.publicPem, `command = ${list(['/bin/sh', '-c', script])}`), words);
  });

  test('a command that is not there', async () => {
    const held = await sshAgent();
    await refused(centralWith(held.publicPem, 'command = ["/nowhere/signs"]'), /\/nowhere\/signs cannot be run/);
  });
});
