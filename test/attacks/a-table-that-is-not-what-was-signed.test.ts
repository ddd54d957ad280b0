// The manifest is good, the table is not: other bytes, another length, another gzip than one member, rows that
// break section 4.
// Covers src/gateway/fetch/take-table.ts, src/gateway/fetch/read-table.ts
import { createHash } from 'node:crypto';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { tableOf, type Lies } from '../support/forger.ts';
import { eachRefused } from '../support/crowd.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

async function refuses(code: string, lies: Lies, rows: readonly string[] = LONGER): Promise<void> {
  const { table } = scene.publish(rows, lies);
  await scene.refused(code, ['manifest.json', table]);
}

const random = (bytes: number): Buffer =>
  Buffer.concat(Array.from({ length: Math.ceil(bytes / 32) }, (_, i) => createHash('sha256').update(`${i}`).digest()));
const flipped = (at: number) => (honest: Buffer) => {
  const copy = Buffer.from(honest);
  const i = at < 0 ? copy.length + at : at;
  copy[i] = (copy[i] ?? 0) ^ 1;
  return copy;
};

describe('LENGTH_MISMATCH', () => {
  const off = (member: 'rows' | 'bytes' | 'wireBytes', by: number): Lies => ({
    table: (t) => ({ ...t, [member]: t[member] + by }),
  });
  const cases: [string, Lies][] = [
    ['a body of one byte more than declared', off('wireBytes', -1)],
    ['a body of one byte less than declared', off('wireBytes', 1)],
    ['a body where none is declared', { table: (t) => ({ ...t, wireBytes: 0 }) }],
    ['a table of one byte more than declared', off('bytes', -1)],
    ['a table of one byte less than declared', off('bytes', 1)],
    ['a row more than declared', off('rows', -1)],
    ['a row less than declared', off('rows', 1)],
    ['an empty table that is said to hold a row', { text: Buffer.alloc(0), table: (t) => ({ ...t, rows: 1 }) }],
    [
      'a gzip bomb: 64 MiB of zeros in 64 kB, declared as 64 kB',
      { wire: () => gzipSync(Buffer.alloc(64 * 2 ** 20)), table: (t) => ({ ...t, bytes: 65_536 }) },
    ],
    [
      'a gzip bomb of good rows',
      {
        wire: () => gzipSync(Buffer.from(Array.from({ length: 2 ** 20 }, (_, i) => `a${i}@example.org\n`).join(''))),
        table: (t) => ({ ...t, bytes: t.wireBytes }),
      },
    ],
  ];
  eachRefused('LENGTH_MISMATCH', cases, { table: true });

  test.each([1, -1])('%i byte, and the server does not say how many', async (by) => {
    const { table } = scene.publish(LONGER);
    scene.endpoint.misbehaviour = ({ path, response, file }) => {
      if (path === 'manifest.json') return false;
      response.writeHead(200); // chunked
      response.write(file.subarray(0, 20));
      setTimeout(
        () => response.end(by < 0 ? file.subarray(20, -1) : Buffer.concat([file.subarray(20), Buffer.from('x')])),
        50,
      );
      return true;
    };
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    await scene.refused('LENGTH_MISMATCH', ['manifest.json', table]);
  });

  test('a body without end is read no further than its declared length', async () => {
    const { table } = scene.publish(LONGER);
    let sent = 0;
    scene.endpoint.misbehaviour = ({ path, response, file }) => {
      if (path === 'manifest.json') return false;
      response.writeHead(200);
      response.write(file);
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on('drain', pour);
      pour();
      return true;
    };
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    const { bundle } = await scene.refused('LENGTH_MISMATCH', ['manifest.json', table]);
    expect(bundle.wireBytes).toBeLessThan(2 ** 20);
    expect(sent).toBeLessThan(64 * 2 ** 20);
  });
});

describe('BAD_GZIP', () => {
  const half = (text: Buffer): [Buffer, Buffer] => [text.subarray(0, 500), text.subarray(500)];
  const text = tableOf(LONGER);
  const cases: [string, NonNullable<Lies['wire']>][] = [
    ['the plain text', () => text],
    ['zlib’s format', () => deflateSync(text)],
    ['raw deflate', () => deflateRawSync(text)],
    ['no bytes', () => Buffer.alloc(0)],
    ['nine bytes', (honest) => honest.subarray(0, 9)],
    ['a header alone', (honest) => honest.subarray(0, 10)],
    ['two members that make up the text', () => Buffer.concat(half(text).map((part) => gzipSync(part)))],
    ['an empty member behind it', (honest) => Buffer.concat([honest, gzipSync(Buffer.alloc(0))])],
    ['an empty member before it', (honest) => Buffer.concat([gzipSync(Buffer.alloc(0)), honest])],
    ['a zero behind it', (honest) => Buffer.concat([honest, Buffer.alloc(1)])],
    ['a thousand zeros behind it', (honest) => Buffer.concat([honest, Buffer.alloc(1000)])],
    ['garbage behind it', (honest) => Buffer.concat([honest, Buffer.from('garbage')])],
    ['its trailer twice', (honest) => Buffer.concat([honest, honest.subarray(-8)])],
    ['the whole member twice', (honest) => Buffer.concat([honest, honest])],
    ['a wrong CRC', flipped(-8)],
    ['a wrong ISIZE', flipped(-4)],
    ['no trailer', (honest) => honest.subarray(0, -8)],
    ['cut in its trailer', (honest) => honest.subarray(0, -1)],
    ['cut in its middle', (honest) => honest.subarray(0, honest.length >> 1)],
    ['another method than deflate', flipped(2)],
    ['a reserved flag', (honest) => Buffer.from(honest.map((byte, i) => (i === 3 ? 0x80 : byte)))],
    [
      'a header CRC that is wrong',
      (honest) =>
        Buffer.concat([
          honest.subarray(0, 3),
          Buffer.from([2]),
          honest.subarray(4, 10),
          Buffer.from([0, 0]),
          honest.subarray(10),
        ]),
    ],
    [
      'a name without end',
      (honest) =>
        Buffer.concat([honest.subarray(0, 3), Buffer.from([8]), honest.subarray(4, 10), Buffer.alloc(70_000, 'n')]),
    ],
    ['random bytes', () => random(700)],
    [
      'a header and random bytes',
      (honest) => Buffer.concat([honest.subarray(0, 10), Buffer.from([0xff]), random(700)]),
    ],
  ];
  eachRefused(
    'BAD_GZIP',
    // Said to have as many bytes of text, so that it is no body over its bound.
    cases.map(([name, wire]) => [name, { wire, table: (t) => ({ ...t, bytes: Math.max(t.bytes, t.wireBytes) }) }]),
    { table: true },
  );

  test('one of them by itself', () =>
    refuses('BAD_GZIP', { wire: (honest) => Buffer.concat([honest, Buffer.alloc(1)]) }));
});

describe('HASH_MISMATCH', () => {
  const other = tableOf(LIST.map((row) => row.replace('alice', 'alicf')));
  test('another list of the same length', async () => {
    const honest = tableOf(LIST);
    expect(other.length).toBe(honest.length);
    const { table } = scene.publish(LIST.slice(0, 0), {
      text: honest,
      table: (t) => ({ ...t, sha256: 'f'.repeat(64) }),
    });
    scene.forger.files.set(`recipients/${'f'.repeat(64)}.gz`, gzipSync(honest));
    expect(table).not.toContain('f'.repeat(64));
    await scene.refused('HASH_MISMATCH', ['manifest.json', `recipients/${'f'.repeat(64)}.gz`]);
  });

  test('a list of the same length put in its place on the server', async () => {
    const { table } = scene.publish(LONGER);
    const [one, two] = [gzipSync(tableOf(LONGER)), gzipSync(tableOf([...LIST, 'carom@example.org']))];
    expect(one.length).toBe(two.length);
    scene.forger.files.set(table, two);
    await scene.refused('HASH_MISMATCH', ['manifest.json', table]);
  });
});

describe('NOT_CANONICAL', () => {
  const withRow = (row: string | Buffer): Lies => {
    const rows = [...LIST.map((r) => Buffer.from(`${r}\n`)), Buffer.concat([Buffer.from(row), Buffer.from('\n')])];
    return { text: Buffer.concat(rows.sort((a, b) => Buffer.compare(a.subarray(0, -1), b.subarray(0, -1)))) };
  };
  const text = (content: string | Buffer): Lies => ({ text: Buffer.from(content) });
  const honest = tableOf(LIST).toString();
  const cases: [string, Lies][] = [
    [
      'not sorted',
      text(
        [...LIST]
          .sort((x, y) => (x < y ? 1 : -1))
          .map((r) => `${r}\n`)
          .join(''),
      ),
    ],
    ['sorted as UTF-16, not as bytes', text('\u{1f600}@example.org\n\uff41@example.org\n')],
    ['sorted by domain', text('b@a.example\na@b.example\n')],
    ['two rows that are the same', text(honest.replace('bob@example.org\n', 'bob@example.org\n'.repeat(2)))],
    ['capitals in the local part', withRow('Carol@example.org')],
    ['capitals in the domain', withRow('carol@Example.org')],
    ['a capital that is not ASCII', withRow('ärger-Ä@example.org')],
    ['ß, which folds to ss', withRow('straße@example.org')],
    ['ς, which folds to σ', withRow('λόγος@example.org')],
    ['no LF at the end', text(honest.slice(0, -1))],
    ['a CR before each LF', text(honest.replaceAll('\n', '\r\n'))],
    ['CR in place of LF', text(`${honest.replaceAll('\n', '\r')}\n`)],
    ['an empty first row', text(`\n${honest}`)],
    ['an empty last row', text(`${honest}\n`)],
    ['nothing but an empty row', text('\n')],
    ['a BOM', text(`\ufeff${honest}`)],
    ['a BOM before its only row', text('\ufeffalice@example.org\n')],
    ['a NUL', withRow('car\0ol@example.org')],
    ['a tab', withRow('carol\t@example.org')],
    ['DEL', withRow('carol\u007f@example.org')],
    ['a C1 control', withRow('carol\u0085@example.org')],
    ['a row of 513 bytes', withRow(`${'c'.repeat(513 - 12)}@example.org`)],
    ['a row of 513 bytes that is not ASCII', withRow(`${'c'.repeat(499)}é@example.org`)],
    ['a row of a megabyte', withRow(`${'c'.repeat(2 ** 20)}@example.org`)],
    ['a row without end', { ...text('c'.repeat(2 ** 20)), table: (t) => ({ ...t, rows: 1 }) }],
    ['no @', withRow('carol')],
    ['nothing after the @', withRow('carol@')],
    ['an @ alone', withRow('@')],
    ['a domain of one label', withRow('carol@com')],
    ['a whole domain of one label', withRow('@com')],
    ['a domain that ends in a dot', withRow('carol@example.org.')],
    ['a domain that begins with a dot', withRow('carol@.example.org')],
    ['a domain with two dots in a row', withRow('carol@example..org')],
    ['a domain of 254 bytes', withRow(`carol@${'d'.repeat(62)}.${'e'.repeat(63)}.${'f'.repeat(63)}.${'g'.repeat(63)}`)],
    ['an address literal', withRow('carol@[192.0.2.1]')],
    ['an address literal of IPv6', withRow('carol@[ipv6:2001:db8::1.2.3.4]')],
    ['a space in the domain', withRow('carol@example .org')],
    ['not UTF-8: a lone byte', withRow(Buffer.from('caf\xe9@example.org', 'latin1'))],
    ['not UTF-8: an overlong slash', withRow(Buffer.from('636172c0af406578616d706c652e6f7267', 'hex'))],
    ['not UTF-8: half of a surrogate pair', withRow(Buffer.from('636172eda080406578616d706c652e6f7267', 'hex'))],
    ['not UTF-8 in its domain', withRow(Buffer.from('carol@ex\xe9mple.org', 'latin1'))],
  ];
  eachRefused('NOT_CANONICAL', cases, { table: true, rows: LIST });

  test('says the row’s number and the rule, and not the address', async () => {
    const { table } = scene.publish(LIST, withRow('carolX@example.org'));
    scene.gateway.unspeakable.add('carol');
    const { bundle } = await scene.refused('NOT_CANONICAL', ['manifest.json', table]);
    scene.gateway.unspeakable.delete('carol');
    expect(bundle.message).toMatch(/\brow 3\b/);
  });

  test('a wrong hash is told before a wrong row', async () => {
    await refuses('HASH_MISMATCH', { ...text('B@a\n'), wire: () => gzipSync('B@b\n') });
  });
});

describe('what the format allows is taken', () => {
  test('a gzip header with a name, a comment, an extra field and a CRC', async () => {
    const plain = gzipSync(tableOf(LONGER));
    const fields = Buffer.from([31, 139, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 3, 0, 65, 66, 67]);
    const header = Buffer.concat([fields, Buffer.from('a name\0a comment\0')]);
    const crc = gzipSync(header).readUInt32LE(gzipSync(header).length - 8) & 0xffff;
    const { version } = scene.publish(LONGER, {
      wire: () => Buffer.concat([header, Buffer.from([crc & 255, crc >> 8]), plain.subarray(10)]),
    });
    await scene.installs(version, LONGER);
  });

  test('a Content-Encoding that claims something is not undone', async () => {
    scene.endpoint.misbehaviour = ({ path, request, response, file }) => {
      expect(request.headers['accept-encoding']).toBe('identity');
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': file.length }).end(file);
      expect(path).toMatch(/^(manifest\.json|recipients\/)/);
    };
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    const { version } = scene.publish([...LONGER, 'dora@example.org']);
    await scene.installs(version, [...LONGER, 'dora@example.org']);
  });

  test('rows of every kind', async () => {
    const rows = [
      ...LIST,
      '@whole.example',
      '#hash@example.org',
      'a b@example.org',
      'a@b@example.org',
      '"quoted@example.org',
      `${'c'.repeat(512 - 12)}@example.org`,
      `carol@${'d'.repeat(61)}.${'e'.repeat(63)}.${'f'.repeat(63)}.${'g'.repeat(63)}`,
      'jörg@bücher.example',
      'jörg@xn--bcher-kva.example',
      '日本@example.org',
    ];
    const { version } = scene.publish(rows);
    const { bundle } = await scene.gateway.fetch();
    expect([bundle.outcome, bundle.version, bundle.rows]).toEqual(['installed', version, rows.length]);
    expect(scene.gateway.strays()).toEqual([]);
  });
});
