// Several URLs for one bundle: the highest acceptable version wins, a dead or lying mirror is a warning, and two
// signed lists of one version are found out wherever they come from.
// Covers src/gateway/fetch/best-offer.ts, src/gateway/fetch/url-sources.ts, src/gateway/fetch/source.ts
import { readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Endpoint } from '../support/endpoint.ts';
import { Forger } from '../support/forger.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
/** The same publisher's other mirror, with files of its own. */
let other: Forger;
let mirror: Endpoint;
let deadUrl: string;

beforeEach(async () => {
  scene = await Scene.open();
  other = new Forger('example-org', scene.forger.signers);
  for (const [path, bytes] of scene.forger.files) other.files.set(path, bytes);
  other.version = 1;
  mirror = await Endpoint.start(other.files);
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  deadUrl = `https://localhost:${(silent.address() as AddressInfo).port}/`;
  silent.close();
  scene.configure({ urls: [scene.endpoint.url, mirror.url] });
});
afterEach(async () => {
  await scene.close();
  await mirror.stop();
});

const warnings = (stderr: string): string[] => stderr.split('\n').filter((line) => line.startsWith('warning: '));

describe('the highest acceptable version wins', () => {
  test.each(['first', 'second'])('the %s mirror lags', async (which) => {
    const ahead = which === 'first' ? other : scene.forger;
    const { table } = ahead.publish(LONGER);
    const { stderr } = await scene.installs(2, LONGER);
    expect(warnings(stderr).join()).toMatch(/lags/);
    const [fromAhead, fromLate] = which === 'first' ? [mirror, scene.endpoint] : [scene.endpoint, mirror];
    expect(fromAhead.take()).toEqual(['manifest.json', table]);
    expect(fromLate.take()).toEqual(['manifest.json']);
    // From now on the late one serves an old list: a warning, since the other one has the version that is installed.
    const next = await scene.unchanged(2);
    expect(warnings(next.stderr).join()).toMatch(/ROLLBACK|lags/);
  });

  test('one is dead', async () => {
    scene.configure({ urls: [deadUrl, scene.endpoint.url] });
    scene.publish(LONGER);
    const { stderr } = await scene.installs(2, LONGER);
    expect(warnings(stderr).join()).toContain('NETWORK');
    expect((await scene.unchanged(2)).stderr).toContain('NETWORK');
    expect((await scene.gateway.health()).status).toBe(0);
  });

  test.each([
    ['EXPIRED', { created: Date.now() - 60_000, lifetime: 59 }],
    ['WRONG_NAME', { manifest: (m: object) => ({ ...m, name: 'another-org' }) }],
    ['BAD_SIGNATURE', { signers: [] }],
    ['EMPTY', { text: Buffer.alloc(0) }],
  ])('one offers a higher version that is refused as %s', async (code, lies) => {
    scene.publish(LONGER, { version: 2 });
    other.publish(LIST, { version: 9, ...lies });
    const { stderr } = await scene.installs(2, LONGER);
    expect(warnings(stderr).join()).toContain(code);
  });

  test('one has the manifest but not yet the table', async () => {
    const { table } = scene.publish(LONGER);
    other.publish(LONGER, { version: 2 });
    for (const [path, bytes] of scene.forger.files) other.files.set(path, bytes);
    scene.forger.files.delete(table);
    const { stderr, bundle } = await scene.installs(2, LONGER);
    expect(warnings(stderr).join()).toContain('HTTP_STATUS');
    expect(bundle.via).toBe('full');
  });

  test('each is asked with the ETag of its own', async () => {
    scene.endpoint.misbehaviour = ({ path, request, response, file }) => {
      if (path !== 'manifest.json') return false;
      const etag = '"of the first"';
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(file);
      return true;
    };
    await scene.unchanged(1);
    scene.endpoint.asked.length = 0;
    mirror.asked.length = 0;
    await scene.unchanged(1);
    expect(scene.endpoint.asked.map((a) => a.headers['if-none-match'])).toEqual(['"of the first"']);
    expect(mirror.asked[0]?.headers['if-none-match']).toMatch(/^"[0-9a-f]{32}"$/);
  });
});

describe('all of them fail', () => {
  test('the last refusal decides, not the failure behind it', async () => {
    scene.configure({ urls: [scene.endpoint.url, mirror.url, deadUrl] });
    scene.publish(LONGER, { signers: [] });
    other.publish(LONGER, { manifest: (m) => ({ ...m, name: 'another-org' }) });
    await scene.refused('WRONG_NAME', ['manifest.json']);
    scene.configure({ urls: [deadUrl, mirror.url, scene.endpoint.url] });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
  });

  test('none refuses: the last failure decides', async () => {
    scene.forger.files.clear();
    scene.configure({ urls: [scene.endpoint.url, deadUrl] });
    await scene.refused('NETWORK', ['manifest.json']);
    scene.configure({ urls: [deadUrl, scene.endpoint.url] });
    await scene.refused('HTTP_STATUS', ['manifest.json']);
  });
});

describe('two signed lists of one version: EQUIVOCATION, and neither is installed', () => {
  const evidence = (): string[] => readdirSync(scene.gateway.at('state', 'bundles', 'example-org', 'evidence'));

  test('at once from two mirrors', async () => {
    scene.publish(LONGER, { version: 2 });
    other.publish([...LIST, 'dora@example.org'], { version: 2 });
    await scene.refused('EQUIVOCATION', ['manifest.json']);
    expect(mirror.take()).toEqual(['manifest.json']);
    expect(evidence()).toHaveLength(2);
  });

  test('from one mirror after the other', async () => {
    scene.configure({ urls: [scene.endpoint.url] });
    scene.publish(LONGER, { version: 2 });
    await scene.installs(2, LONGER);
    other.publish([...LIST, 'dora@example.org'], { version: 2 });
    scene.configure({ urls: [mirror.url] });
    await scene.refused('EQUIVOCATION', []);
    expect(mirror.take()).toEqual(['manifest.json']);
    expect(evidence()).toHaveLength(2);
  });

  // Whichever answers last: the order of arrival must not decide whether it is found out.
  test.each([0, 300])('one good, the other refused for another reason, %i ms later', async (late) => {
    scene.publish(LONGER, { version: 2 });
    other.publish([], { version: 2 });
    mirror.misbehaviour = ({ response, file }) => {
      setTimeout(() => response.writeHead(200).end(file), late);
    };
    await scene.refused('EQUIVOCATION', ['manifest.json']);
    expect(evidence()).toHaveLength(2);
  });

  test('one good, refused as another the day before', async () => {
    scene.configure({ urls: [mirror.url] });
    other.publish([], { version: 2 });
    await scene.refused('EMPTY', []);
    mirror.take();
    scene.configure({ urls: [scene.endpoint.url] });
    scene.publish(LONGER, { version: 2 });
    await scene.refused('EQUIVOCATION', ['manifest.json']);
    expect(evidence()).toHaveLength(2);
  });
});
