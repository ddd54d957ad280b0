// A list is read as bytes where its lines plainly are addresses, and as text elsewhere. Both ways say the same of
// every list: the rows, the entries left out, or the refusal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { array, assert, asyncProperty, constantFrom, oneof, string, tuple, uint8Array } from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { gather, type GatherOptions } from '../../src/publisher/gather/gather.ts';
import { hashed, hashStart } from '../../src/bundle/table/seeded-hash.ts';

function folder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bytes-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** What becomes of two sources, one as it is given and one that always is the same. */
async function outcome(dir: string, list: Uint8Array, skip: boolean, options: GatherOptions): Promise<unknown> {
  writeFileSync(path.join(dir, 'list'), list);
  writeFileSync(path.join(dir, 'other'), 'zoe@example.org\nzoe@other.example\n');
  const source = (name: string) =>
    `[[source]]\ntype = "file"\nname = "${name}"\npath = ${JSON.stringify(path.join(dir, name))}\n`;
  writeFileSync(
    path.join(dir, 'publish.toml'),
    `name = "a"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n${source('list')}${source('other')}[policy]\nskip_invalid = ${skip}\n`,
  );
  try {
    const config = readPublisherConfig(path.join(dir, 'publish.toml'));
    const { table, sources, skipped } = await gather(config, new Date(), { ...options, apart: true });
    const own = [...sources].map(([name, rows]) => [
      name,
      rows.rows,
      Buffer.from(rows.part(0, rows.bytes)).toString('latin1'),
    ]);
    return { rows: table.rows, text: Buffer.from(table.part(0, table.bytes)).toString('latin1'), own, skipped };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

async function sameBothWays(dir: string, list: Uint8Array, skip: boolean): Promise<unknown> {
  const bytes = await outcome(dir, list, skip, {});
  // Whoever is told of every row is told its line as text.
  expect(bytes).toEqual(await outcome(dir, list, skip, { each: () => undefined }));
  return bytes;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-'.split('');
const odd = [
  ' ',
  '\t',
  '\r',
  '"',
  '@',
  '#',
  '%',
  '!',
  ',',
  '<',
  '/',
  '\\',
  '\0',
  '\v',
  '\x7f',
  'é',
  'ß',
  'İ',
  '\u00a0',
  '\ufeff',
  '中',
  '𐀀',
];
const word = string({ unit: constantFrom(...letters, ...letters, ...odd), maxLength: 9 });
const plain = string({ unit: constantFrom(...letters), minLength: 1, maxLength: 9 });
const domain = oneof(
  constantFrom(
    'example.org',
    'EXAMPLE.org',
    'xn--bcher-kva.example',
    'a.xn--zz',
    'bücher.example',
    'one',
    'a..b',
    '.a.b',
    'a.b.',
    '1.2',
    '[1.2.3.4]',
  ),
  constantFrom(
    `${'l'.repeat(63)}.org`,
    `${'l'.repeat(64)}.org`,
    'a.b.c.d.e',
    'a.b.c.d.e.f',
    `${'long.'.repeat(55)}org`,
  ),
  tuple(plain, plain).map((labels) => labels.join('.')),
);
const local = oneof(plain, plain, word, constantFrom('x'.repeat(120), 'x'.repeat(121), '-a', 'a-', '"a b"', '"', ''));
const rest = constantFrom('', '', '', ' OK', '\tOK', ' \r', '\r', '\r\r', '\tO\rK', ' é', '  # x', '\v', '#');
const line = oneof(
  tuple(local, domain, rest).map(([l, d, r]) => `${l}@${d}${r}`),
  word,
  constantFrom('', ' ', '# a@b.c', 'Address', ' a@b.org', '\ufeffa@b.org', '@example.org'),
);

test('any list of odd lines, with and without skip_invalid', async () => {
  const dir = folder();
  const list = tuple(
    constantFrom('', '\ufeff'),
    array(line, { maxLength: 30 }),
    constantFrom('', '\n', 'last@example.org'),
  );
  const seen = { tables: 0, refusals: 0 };
  await assert(
    asyncProperty(list, constantFrom(true, false, true), async ([mark, lines, end], skip) => {
      const text = mark + lines.map((each) => `${each}\n`).join('') + end;
      const found = await sameBothWays(dir, Buffer.from(text), skip);
      if (typeof found === 'string') seen.refusals++;
      else seen.tables++;
    }),
    { numRuns: 150 },
  );
  expect(Math.min(seen.tables, seen.refusals)).toBeGreaterThan(5);
});

test('any bytes among good lines', async () => {
  const dir = folder();
  const good = Buffer.from('someone@example.org\n');
  await assert(
    asyncProperty(array(oneof(uint8Array({ maxLength: 4 }), constantFrom(good)), { maxLength: 12 }), async (parts) => {
      await sameBothWays(dir, Buffer.concat([good, ...parts]), true);
    }),
    { numRuns: 100 },
  );
});

test('a fault far down in a long list is named by its line', async () => {
  const dir = folder();
  const many = Array.from({ length: 40_000 }, (_, i) => `Person.${i * 7919}@d${i % 50}.Example\n`).join('');
  const whole = await sameBothWays(dir, Buffer.from(many), false);
  expect(whole).toMatchObject({ rows: 40_000 + 2 + 52 });
  expect(await sameBothWays(dir, Buffer.from(`${many}no address here\n${many}`), false)).toMatch(
    /^INVALID_ENTRY list, line 40001: /,
  );
  expect(await sameBothWays(dir, Buffer.concat([Buffer.from(many), Buffer.of(0xff, 0x0a)]), true)).toBe(
    'SOURCE list, line 40001: not UTF-8; encoding says what else it is, such as "windows-1252"',
  );
});

test('domains of one hash are two domains', async () => {
  const hash = (name: string) => [...Buffer.from(name)].reduce(hashed, hashStart());
  for (const [one, other] of [
    ['declinate.example', 'macallums.example'],
    ['costarring.example', 'liquid.example'],
  ] as const) {
    expect(hash(one)).toBe(hash(other));
    const found = await sameBothWays(folder(), Buffer.from(`a@${one}\nb@${other}\n`), false);
    expect(found).toMatchObject({ text: expect.stringContaining(`postmaster@${other}\n`) as string });
  }
});
