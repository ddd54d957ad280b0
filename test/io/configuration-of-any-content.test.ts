// Any text in a configuration's place: what is taken is within its limits, all else is CONFIG with the file's name.
// Reads a file of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { readGatewayConfig } from '../../src/gateway/config.ts';
import { readPublisherConfig } from '../../src/publisher/config.ts';

let dir: string;
beforeAll(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap config-'))));
afterAll(() => rmSync(dir, { recursive: true }));

function laid(content: string | Uint8Array): string {
  const file = path.join(dir, 'c.toml');
  writeFileSync(file, content);
  return file;
}

/** A value as TOML has it. */
const toml = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(toml).join(', ')}]`
    : typeof value === 'number'
      ? String(value)
      : JSON.stringify(value);
const keys = (values: object): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} = ${toml(value)}\n`)
    .join('');

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const timeout = fc
  .tuple(fc.integer({ min: 1, max: 23 }), fc.constantFrom<'s' | 'm' | 'h'>('s', 'm', 'h'))
  .map(([n, unit]) => ({ text: `${n}${unit}`, ms: n * UNITS[unit] }));
const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,63}$/);
const domain = fc
  .tuple(fc.constantFrom('', '*.'), fc.stringMatching(/^[a-z]{1,9}\.[a-z]{2,5}$/))
  .map((parts) => parts.join(''));
const bundle = fc.record({
  name,
  urls: fc.uniqueArray(
    fc.webUrl({ validSchemes: ['https'] }).map((url) => url.replace(/\/?$/, '/')),
    { minLength: 1, maxLength: 3 },
  ),
  keys: fc.constant('/keys'),
  threshold: fc.integer({ min: 1, max: 16 }),
  domains: fc.array(domain, { minLength: 1, maxLength: 4 }),
  max_shrink_percent: fc.integer({ min: 0, max: 100 }),
});

test('of the gateway: what it was told it says', () => {
  const all = fc.tuple(
    fc.uniqueArray(bundle, { selector: (b) => b.name, minLength: 1, maxLength: 3 }),
    timeout,
    fc.nat(1000),
  );
  fc.assert(
    fc.property(all, ([bundles, idle, rows]) => {
      const limits = keys({ max_rows: rows + 1, idle_timeout: idle.text });
      const file = laid(`${bundles.map((b) => `[[bundle]]\n${keys(b)}`).join('')}[limits]\n${limits}`);
      const config = readGatewayConfig(file);
      expect(config.bundle).toEqual(
        bundles.map((b) => ({ ...b, ring: 0, required: [], places: b.urls.map((url) => ({ url })) })),
      );
      expect(config.limits).toMatchObject({ max_rows: rows + 1, idle_timeout: idle.ms });
    }),
  );
});

test('of the publisher: what it was told it says, each source under a name of its own', () => {
  const source = fc.oneof(
    fc.record({ type: fc.constant('file'), path: fc.stringMatching(/^\/[a-c]$/) }),
    fc.record({ type: fc.constant('command'), argv: fc.array(fc.stringMatching(/^[a-z /-]{1,9}$/), { minLength: 1 }) }),
    fc.record({ type: fc.constant('postfix-map'), path: fc.constantFrom('hash:/a', '/b') }),
  );
  fc.assert(
    fc.property(
      name,
      fc.array(source, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 90 }),
      (title, sources, days) => {
        const top = keys({ name: title, output: '/o', keys: ['/k'], valid_for: `${days}d` });
        const config = readPublisherConfig(laid(`${top}${sources.map((s) => `[[source]]\n${keys(s)}`).join('')}`));
        expect([config.name, config.valid_for]).toEqual([title, days * UNITS.d]);
        expect(config.source).toMatchObject(sources);
        expect(new Set(config.source.map((s) => s.name)).size).toBe(sources.length);
      },
    ),
  );
});

const START = '[[bundle]]\nname = "a"\nurls = ["https://a/"]\nkeys = "/k"\n';
const broken = fc.oneof(
  fc.uint8Array(),
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '[',
        ']',
        '{',
        '}',
        '=',
        '"',
        '"""',
        '\n',
        '.',
        ',',
        'a',
        '1',
        'bundle',
        '#',
        '\\u0000',
        '1979-05-27',
        'inf',
      ),
    )
    .map((parts) => parts.join(' ')),
  fc
    .tuple(fc.nat(START.length), fc.string({ maxLength: 5 }))
    .map(([at, text]) => START.slice(0, at) + text + START.slice(at)),
);

test.each([
  ['the gateway', readGatewayConfig],
  ['the publisher', readPublisherConfig],
])('of %s, any text at all: taken, or CONFIG that names the file', (_, read: (file: string) => object) => {
  fc.assert(
    fc.property(broken, (content) => {
      const file = laid(content);
      try {
        read(file);
      } catch (error) {
        expect(error).toBeInstanceOf(HostError);
        expect((error as HostError).code).toBe('CONFIG');
        expect((error as HostError).message).toContain(file);
      }
    }),
  );
});
