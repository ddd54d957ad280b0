// What a server calls its answer goes back to it with the next request. A name that no request may carry must not
// stop all of them: the mirror would be lost until somebody changes the configuration.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

describe('an ETag', () => {
  test.each<[string, Buffer, boolean]>([
    ['that is not UTF-8', Buffer.from('"\xff"', 'latin1'), false],
    ['beyond ASCII', Buffer.from('"ü"'), false],
    ['beyond Latin', Buffer.from('"李"'), false],
    ['with a TAB', Buffer.from('"a\tb"'), false],
    ['of nothing', Buffer.from(''), false],
    ['of eight thousand characters', Buffer.from(`"${'a'.repeat(8000)}"`), false],
    ['without quotes', Buffer.from('abc'), true],
    ['that is weak', Buffer.from('W/"abc"'), true],
  ])('%s: the next cycles ask all the same, and take the next version', async (_, etag, sent) => {
    scene.endpoint.misbehaviour = ({ path, file, response }) => {
      if (path !== 'manifest.json') return false;
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${file.length}\r\nConnection: close\r\nETag: `;
      response.socket?.end(Buffer.concat([Buffer.from(head), etag, Buffer.from('\r\n\r\n'), file]));
      return true;
    };
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    scene.endpoint.asked.length = 0;
    await scene.unchanged(2);
    const [asked] = scene.endpoint.asked;
    expect(asked?.headers['if-none-match']).toBe(sent ? etag.toString() : undefined);
    scene.publish([...LONGER, 'zz@example.org']);
    await scene.installs(3, [...LONGER, 'zz@example.org']);
  });
});
