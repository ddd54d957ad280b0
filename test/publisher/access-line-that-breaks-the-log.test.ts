// A request whose text breaks the line that it stands in: a second line, a terminal's escape, a line without end.
import { assert, constantFrom, double, option, property, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import { accessLine, type Access } from '../../src/publisher/serve/access-line.ts';

const PLAIN: Access = {
  time: new Date('2026-11-26T22:15:03.123Z'),
  site: '/example-org/',
  method: 'GET',
  path: '/example-org/manifest.json',
  status: 200,
  bytes: 1843,
  ms: 3.6,
  complete: true,
  userAgent: 'relaymap/0.1.0 (example-org=42; last=OK; id=mx1)',
  cn: null,
  token: 'mx1',
};

test('the line of docs/commands.md section 3.2, to the byte', () => {
  expect(accessLine(PLAIN)).toBe(
    '{"time":"2026-11-26T22:15:03.123Z","site":"/example-org/","method":"GET",' +
      '"path":"/example-org/manifest.json","status":200,"bytes":1843,"ms":4,"complete":true,' +
      '"userAgent":"relaymap/0.1.0 (example-org=42; last=OK; id=mx1)","cn":null,"token":"mx1"}\n',
  );
});

test('what comes from outside is cut, and the line has fewer than 8192 bytes', () => {
  const worst = '\u0000'.repeat(20_000);
  const line = accessLine({
    ...PLAIN,
    site: worst,
    method: worst,
    path: worst,
    userAgent: worst,
    cn: worst,
    token: worst,
  });
  expect(Buffer.byteLength(line)).toBeLessThan(8192 + 512 * 6); // a site's path is plain text of the configuration
  expect(Buffer.byteLength(accessLine({ ...PLAIN, path: worst, userAgent: worst, cn: worst }))).toBeLessThan(8192);
  expect((JSON.parse(line) as Access).path).toBe('\u0000'.repeat(512));
});

test('of any text one line of printable ASCII is made, which says that text', () => {
  const text = string({ unit: 'binary', maxLength: 100 });
  const any = record({
    time: constantFrom(PLAIN.time),
    site: option(text),
    method: constantFrom('GET', 'PROPFIND'),
    path: option(text),
    status: constantFrom(200, 499),
    bytes: constantFrom(0, 2 ** 40),
    ms: double({ min: 0, max: 1e9, noNaN: true }),
    complete: constantFrom(true, false),
    userAgent: option(text),
    cn: option(text),
    token: option(text),
  });
  assert(
    property(any, (access) => {
      const line = accessLine(access);
      expect(line).toMatch(/^[ -~]+\n$/);
      expect(JSON.parse(line)).toEqual({ ...access, time: access.time.toISOString(), ms: Math.round(access.ms) });
    }),
  );
});
