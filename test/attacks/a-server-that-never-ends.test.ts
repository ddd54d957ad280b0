// A server that goes on for ever, fast or slowly, in every part of an answer: the cycle ends, in time, and without
// much memory.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Misbehaviour } from '../support/endpoint.ts';
import { LONGER, Scene } from '../support/scene.ts';

// One URL gets a third of the total: 5 seconds, in which an honest manifest comes also on a loaded machine.
const SHORT = '[limits]\nidle_timeout = "5s"\ntotal_timeout = "15s"';
const MOST = 64 * 2 ** 20;
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open({ config: SHORT });
});
afterAll(() => scene.close());

/** Writes `head` to the bare connection, and then `more` as fast as it is taken, or every 100 ms. */
const pours =
  (head: string, more: string, slowly: boolean, sent: { bytes: number }): Misbehaviour =>
  ({ response, connection }) => {
    const { socket } = response;
    if (socket === null) throw new Error('no connection');
    socket.on('error', () => undefined);
    socket.write(head);
    if (slowly) {
      const timer = setInterval(() => socket.write(more), 100);
      connection.on('close', () => clearInterval(timer));
      return;
    }
    const block = more.repeat(Math.ceil(65_536 / more.length));
    const pour = (): void => {
      while (!socket.destroyed && socket.write(block)) sent.bytes += block.length;
    };
    socket.on('drain', pour);
    pour();
  };

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const HEADS: [string, string, string][] = [
  ['a status line', 'HTTP/1.1 200 ', 'O'],
  ['headers', OK, 'x-more: x\r\n'],
  ['one header', `${OK}x-more: `, 'x'],
  ['the name of a header', OK, 'x'],
  ['answers that say "wait"', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
];
const BODIES: [string, string, string][] = [
  ['an extension of a chunk', `${CHUNKED}5;x=`, 'x'],
  ['zeros before the length of a chunk', CHUNKED, '0'],
  ['trailers', `${CHUNKED}1\r\n{\r\n0\r\n`, 'x-more: x\r\n'],
  ['chunks of one byte', CHUNKED, '1\r\n \r\n'],
];
/** Slowly, each takes all its time: one of the heads and one of the bodies shows it. */
const SLOW: readonly string[] = ['headers', 'chunks of one byte'];
const PLACES = [
  ['manifest', [...HEADS, ...BODIES]],
  ['table', BODIES],
] as const;

describe.each(PLACES)('in place of the %s', (which, parts) => {
  const cases = parts.flatMap(([part, head, more]) => [
    [`${part}, fast`, head, more, false] as const,
    ...(SLOW.includes(part) ? [[`${part}, slowly`, head, more, true] as const] : []),
  ]);
  test.each(cases)('%s', async (_name, head, more, slowly) => {
    const { table } = scene.publish(LONGER);
    const sent = { bytes: 0 };
    const pour = pours(head, more, slowly, sent);
    scene.endpoint.misbehaviour = (exchange) =>
      (exchange.path === 'manifest.json') === (which === 'manifest') ? pour(exchange) : false;
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    const requests = which === 'manifest' ? ['manifest.json'] : ['manifest.json', table];
    const { bundle, ms } = await scene.refused(/^(NETWORK|TIMEOUT|TOO_LARGE|LENGTH_MISMATCH|BAD_GZIP)$/, requests);
    expect(bundle.wireBytes).toBeLessThan(MOST);
    expect(ms).toBeLessThan(60_000); // five seconds, and what a loaded machine adds
  });
});

test('then an honest version installs', async () => {
  const { version } = scene.publish(LONGER);
  await scene.installs(version, LONGER);
});
