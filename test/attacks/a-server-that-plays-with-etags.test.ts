// A server that says "not modified" of what was never installed, and ETags that no client should have to send back.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Misbehaviour } from '../support/endpoint.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

function misbehave(on: Scene, misbehaviour: Misbehaviour): void {
  on.endpoint.misbehaviour = misbehaviour;
  onTestFinished(() => void (on.endpoint.misbehaviour = null));
}

describe('HTTP_STATUS: a 304 that nobody asked for', () => {
  test.each([
    ['on the first day, when nothing was ever installed', {}],
    ['on the first day, with an ETag of its own', { etag: '"x"' }],
    ['on the first day, with an order to keep it', { 'cache-control': 'max-age=31536000', vary: '*' }],
  ])('%s', async (_name, headers) => {
    const fresh = await Scene.open({ installed: false });
    onTestFinished(() => fresh.close());
    fresh.publish(LIST);
    misbehave(fresh, ({ request, response }) => {
      expect(request.headers['if-none-match']).toBeUndefined();
      expect(request.headers['if-modified-since']).toBeUndefined();
      response.writeHead(304, headers).end();
    });
    await fresh.refused('HTTP_STATUS', ['manifest.json']);
    expect(fresh.gateway.maps()).toEqual({});
    fresh.endpoint.misbehaviour = null;
    await fresh.installs(1, LIST);
  });

  test('for the list after one that was refused, whose ETag it gave before', async () => {
    const { manifestFile } = scene.publish(LONGER, { lifetime: -1 });
    misbehave(scene, ({ request, response }) => {
      if (request.headers['if-none-match'] === '"refused"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"refused"' }).end(manifestFile);
    });
    await scene.refused('BAD_MANIFEST', ['manifest.json']);
    await scene.refused('BAD_MANIFEST', ['manifest.json']);
  });
});

// What a header may hold at all, and what must not come back to haunt the next request.
const ETAGS: [string, Buffer | string][] = [
  ['that is weak', 'W/"x"'],
  ['that is empty', '""'],
  ['without quotes', 'abc'],
  ['that is a star', '*'],
  ['that names two', '"a", "b"'],
  ['of 12 kB', `"${'e'.repeat(12_000)}"`],
  ['in UTF-8', Buffer.from('"é\u{1f600}"')],
  ['in Latin-1', Buffer.from('"\xe9"', 'latin1')],
  ['with a tab in it', '"a\tb"'],
];

describe('an ETag', () => {
  test.each(ETAGS)('%s: neither this list nor the next is lost by it', async (name, etag) => {
    const rows = [...LIST, `${name.replaceAll(/[^a-z0-9]/g, '-')}@example.org`];
    const first = scene.publish(rows);
    misbehave(scene, ({ path, request, response, file }) => {
      if (path !== 'manifest.json') return false;
      expect(request.headers['if-none-match']?.length ?? 0).toBeLessThan(4096); // more than many a server takes
      const head = `HTTP/1.1 200 OK\r\ncontent-length: ${file.length}\r\nconnection: close\r\netag: `;
      response.socket?.end(Buffer.concat([Buffer.from(head), Buffer.from(etag), Buffer.from('\r\n\r\n'), file]));
      return true;
    });
    await scene.installs(first.version, rows);
    await scene.unchanged(first.version);
    const second = scene.publish([...rows, 'later@example.org']);
    await scene.installs(second.version, [...rows, 'later@example.org']);
  });
});
