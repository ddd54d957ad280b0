// What comes back is not what was asked for: a page to sign in, a secret that was sent, a body of another coding, an
// error of the way. It is said as what it is, and what helps by itself is done.
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/publisher/repository/open-store.ts';
import { NO_S3 } from '../../src/publisher/repository/s3/location.ts';
import type { Store } from '../../src/publisher/repository/store.ts';
import { ObjectStore, refusal } from './object-store.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret/of+odd=characters' };
const MANIFEST = 'x/manifest.json';

async function opened(env: Record<string, string | undefined> = KEYS): Promise<{ server: ObjectStore; store: Store }> {
  const server = await ObjectStore.start();
  server.put(MANIFEST, Buffer.from('{}'));
  const timing = { idle: 60_000, total: 60_000, pauses: [1, 1, 1] };
  const store = openStore('s3://lists/x', { ...NO_S3, endpoint: server.url }, { env, timing });
  onTestFinished(() => store.close());
  return { server, store };
}

const message = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );

test('a store that sends back what it was sent: no secret is in the message', async () => {
  const { server, store } = await opened({ ...KEYS, AWS_SESSION_TOKEN: 'token-of-some-hours' });
  server.instead = ({ key, headers }) => {
    const token = String(headers['x-amz-security-token']);
    const body = `<Error><Code>InvalidToken</Code><Message>${token} ${KEYS.AWS_SECRET_ACCESS_KEY}</Message></Error>`;
    if (key === MANIFEST) return { status: 403, body };
    return { status: 307, headers: { location: `https://elsewhere.example.net/?token=${token}` } };
  };
  for (const key of ['manifest.json', 'step.json']) {
    const said = await message(store.get(key));
    expect(said).toMatch(/status (403, InvalidToken|307).*\[secret\]/);
    expect(said).not.toMatch(/token-of-some-hours|secret\/of/);
  }
});

test.each([200, 404, 502])('a page with status %i is no answer of a store, and no missing file', async (status) => {
  const { server, store } = await opened();
  server.instead = () => ({ status, headers: { etag: '"1"' }, body: '<!DOCTYPE html><title>Sign in' });
  const said = await message(store.get('manifest.json'));
  expect(said).toMatch(new RegExp(`^bucket lists, key ${MANIFEST} at 127.*: GET: status ${status}, a page \\(HTML\\)`));
});

test('a document that is sent compressed is named so', async () => {
  const { server, store } = await opened();
  server.change = (_, reply) => ({ ...reply, headers: { ...reply.headers, 'content-encoding': 'gzip' } });
  expect(await message(store.get('manifest.json'))).toMatch(/manifest\.json: the store sends it as gzip/);
});

test.each(['RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch'])(
  'what did not arrive as it was sent (%s) is sent again',
  async (code) => {
    const { server, store } = await opened();
    server.instead = () => (server.asked.length < 2 ? refusal(400, code) : null);
    expect((await store.get('manifest.json'))?.bytes).toHaveLength(2);
  },
);

test.each(['ExpiredToken', 'InvalidAccessKeyId'])('credentials that end in the middle of a run (%s)', async (code) => {
  const env: Record<string, string | undefined> = { ...KEYS };
  const { server, store } = await opened(env);
  const seen: string[] = [];
  let valid = KEYS.AWS_ACCESS_KEY_ID;
  server.instead = ({ headers }) => {
    const [, key = ''] = /Credential=([^/]+)/.exec(headers.authorization ?? '') ?? [];
    seen.push(key);
    return key === valid ? null : refusal(403, code);
  };
  expect(await message(store.get('manifest.json'))).toBe('no error');
  env['AWS_ACCESS_KEY_ID'] = valid = 'AKIANEXT';
  expect(await message(store.get('manifest.json'))).toBe('no error');
  valid = 'none';
  expect(await message(store.get('manifest.json'))).toMatch(new RegExp(`status 403, ${code}: of the test`));
  expect(seen).toEqual(['AKIAEXAMPLE', 'AKIAEXAMPLE', 'AKIANEXT', 'AKIANEXT', 'AKIANEXT']);
});
