// docs/commands.md section 3, "File source", sentence by sentence: what is an address, what is ignored, and what
// ends the publish.
import { assert, asyncProperty, constantFrom, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gathered, refusal } from './gathered.ts';

const of = async (source: string | Uint8Array): Promise<readonly string[]> => (await gathered(source)).rows;
const bytes = (...parts: (string | number[])[]): Buffer => Buffer.concat(parts.map((p) => Buffer.from(p as string)));

describe("a line's first field ends at unquoted white space, the rest is ignored", () => {
  test.each([
    ['a space', 'a@d.example OK\n', ['a@d.example']],
    ['a tab', 'a@d.example\tOK\n', ['a@d.example']],
    ['several', 'a@d.example \t  virtual: b@d.example\n', ['a@d.example']],
    ['a form feed and a vertical tab', 'a@d.example\fOK\nb@d.example\vOK\n', ['a@d.example', 'b@d.example']],
    ['white space before it', ' \ta@d.example\n', ['a@d.example']],
    ['white space behind it', 'a@d.example \n', ['a@d.example']],
    ['white space within quotes is none', '"a b"@d.example OK\n', ['a b@d.example']],
    ['several blanks within quotes stay', '"a  b"@d.example "c d"@d.example\n', ['a  b@d.example']],
    ['a rest that is not ASCII', 'a@d.example Zoë\u00a0Müller\n', ['a@d.example']],
    ['a rest with a stray quote', 'a@d.example "\n', ['a@d.example']],
  ])('%s', async (_, source, rows) => {
    expect(await of(source)).toEqual(rows);
  });
});

describe('# begins a comment only at the start of a line or after white space', () => {
  test.each([
    ['at the start', '#x@d.example\na@d.example\n', ['a@d.example']],
    ['after white space at the start', ' \t#x@d.example\na@d.example\n', ['a@d.example']],
    ['after an address', 'a@d.example #b@d.example\n', ['a@d.example']],
    ['in a local part it is a character', 'a#b@d.example\n', ['a#b@d.example']],
    ['quoted at the start it is one too', '"#a"@d.example\n', ['#a@d.example']],
    ['after a quoted blank as well', '"a #b"@d.example\n', ['a #b@d.example']],
    ['in a comment anything goes', '# caf\u00a0\u3000 "\na@d.example\n', ['a@d.example']],
  ])('%s', async (_, source, rows) => {
    expect(await of(source)).toEqual(rows);
  });

  test('glued to a domain it is no comment but a mistake', async () => {
    expect(await refusal('a@d.example\nb@d.example#old\n')).toMatch(/^INVALID_ENTRY list, line 2: .*domain/);
  });
});

describe('"a b"@d is unquoted', () => {
  test.each([
    ['quotes that were not needed', '"alice"@d.example\n', 'alice@d.example'],
    ['an escaped quote', String.raw`"a\"b"@d.example` + '\n', 'a"b@d.example'],
    ['an escaped backslash', String.raw`"a\\b"@d.example` + '\n', String.raw`a\b@d.example`],
    ['an escaped backslash before the closing quote', String.raw`"a\\"@d.example` + '\n', String.raw`a\@d.example`],
    ['an escape that was not needed', String.raw`"\a\ b"@d.example` + '\n', 'a b@d.example'],
    ['an @', '"a@b"@d.example\n', 'a@b@d.example'],
    ['only an @', '"@"@d.example\n', '@@d.example'],
    ['a comma', '"a,b"@d.example\n', 'a,b@d.example'],
    ['upper case and a sharp s', '"Ä Straße"@D.Example\n', 'ä strasse@d.example'],
  ])('%s', async (_, source, row) => {
    expect(await of(source)).toEqual([row]);
  });

  test.each([
    ['nothing between the quotes would be the whole domain', '""@d.example'],
    ['no closing quote', '"a b@d.example'],
    ['text behind the closing quote', '"a"b@d.example'],
    ['quotes joined by a dot', '"a"."b"@d.example'],
    ['a quote in the middle', 'a"b"@d.example'],
    ['an escape at the end', String.raw`"a\"@d.example`],
    ['two @ behind the quotes', '"a"@b@d.example'],
    ['a tab within', '"a\tb"@d.example'],
    ['a carriage return within', '"a\rb"@d.example'],
    ['a zero byte', '"a\u0000b"@d.example'],
    ['no domain', '"a b"@'],
    ['no @', '"a b"'],
  ])('%s: refused, with its line', async (_, line) => {
    expect(await refusal(`ok@d.example\n${line}\n`)).toMatch(/^INVALID_ENTRY list, line 2: /);
  });

  test('whatever a local part holds, quoting it and reading it gives it back', async () => {
    const local = string({
      unit: constantFrom(...Array.from('ab "\\@#<>,;:()[]. +\u00e9\u4e2d\u{1f600}')),
      minLength: 1,
      maxLength: 30,
    });
    const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"@d.example`;
    await assert(
      asyncProperty(local, async (text) => {
        expect(await of(`${quoted(text)} OK\n`)).toEqual([`${text}@d.example`]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('an unquoted local part holds no @ and nothing that needs quotes', () => {
  test.each([
    'a@b@d.example',
    '@a@d.example',
    'a@@d.example',
    'a,b@d.example',
    '<a@d.example>',
    'a@d.example,',
    'a@d.example;b@d.example',
    String.raw`a\b@d.example`,
    'mailto:a@d.example',
    '(a)@d.example',
  ])('%s', async (line) => {
    expect(await refusal(`ok@d.example\n${line}\n`)).toMatch(/^INVALID_ENTRY list, line 2: /);
  });

  test.each([
    'a@[192.0.2.1]',
    'a@example',
    'a@d..example',
    'a@.example',
    'a@d.example.',
    'a@',
    `a@${'x'.repeat(250)}.example`,
    `${'x'.repeat(600)}@d.example`,
    'alice',
  ])('%s breaks a rule of the format', async (line) => {
    expect(await refusal(`ok@d.example\n${line}\n`)).toMatch(/^INVALID_ENTRY list, line 2: /);
  });

  test.each([
    "o'brien+x=y@d.example",
    '!#$%&*/?^_`{|}~@d.example',
    'a.b-c@d.example',
    'jürgen@d.example',
    '中文@d.example',
  ])('%s needs no quotes', async (line) => {
    expect(await of(`${line}\n`)).toEqual([line]);
  });
});

describe('line ends', () => {
  test('the last line may lack its LF', async () => {
    expect(await of('a@d.example\nb@d.example')).toEqual(['a@d.example', 'b@d.example']);
    expect(await of('a@d.example')).toEqual(['a@d.example']);
  });

  test('CR LF is one, also at the end of the file and behind a value', async () => {
    expect(await of('a@d.example\r\nb@d.example OK\r\n\r\n#x\r\nc@d.example\r')).toEqual([
      'a@d.example',
      'b@d.example',
      'c@d.example',
    ]);
  });

  test('a CR elsewhere is refused: behind it addresses would be lost in silence', async () => {
    expect(await refusal('a@d.example\rb@d.example\rc@d.example\n')).toMatch(
      /^INVALID_ENTRY list, line 1: .*carriage return/,
    );
    expect(await refusal('a@d.example\nb@d.example OK\rc@d.example\n')).toMatch(/^INVALID_ENTRY list, line 2: /);
  });

  test('blank lines are none, and lines are counted with them', async () => {
    expect(await of('\n\n  \n\t\r\na@d.example\n\n')).toEqual(['a@d.example']);
    expect(await refusal('\n# x\n\na@d.example\nb\n')).toMatch(/list, line 5: /);
  });

  test('chunks of the file cut nothing: long lists, a character across a border, a line number far down', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => `mailbox-ü-${String(i).padStart(6, '0')}@d.example`);
    expect(await of(rows.join('\n'))).toEqual(rows);
    expect(await refusal(`${rows.join('\n')}\nx\u00a0y@d.example\n`)).toMatch(/^INVALID_ENTRY list, line 30001: /);
    expect(await refusal(bytes(`${rows.join('\n')}\n`, [0xff], '@d.example\n'))).toMatch(
      /^SOURCE list, line 30001: .*UTF-8/,
    );
  });
});

describe('the header row of a CSV', () => {
  test.each([
    ['is skipped when it has no @', 'email\na@d.example\n'],
    ['also behind comments and blank lines', '# export\n\nAddress\na@d.example\n'],
    ['also with a byte order mark', '\ufeffemail\r\na@d.example\r\n'],
  ])('%s', async (_, source) => {
    expect(await of(source)).toEqual(['a@d.example']);
  });

  test('only the first row is one', async () => {
    expect(await refusal('email\nname\na@d.example\n')).toMatch(/^INVALID_ENTRY list, line 2: /);
    expect(await refusal('a@d.example\nemail\n')).toMatch(/^INVALID_ENTRY list, line 2: /);
  });

  test.each([
    ['a name before the address', 'Alice alice@d.example\nb@d.example\n'],
    ['a quote that is never closed', '"a b@d.example\nb@d.example\n'],
    ['a quoted name before the address', '"Alice A." <alice@d.example>\nb@d.example\n'],
  ])('a first row with an @ is none, and is not dropped in silence: %s', async (_, source) => {
    expect(await refusal(source)).toMatch(/^INVALID_ENTRY list, line 1: /);
  });

  test('a header and nothing else is an empty source', async () => {
    expect(await refusal('email\n')).toMatch(/^SOURCE list/);
  });
});

describe('white space that is not ASCII is an error, not a separator', () => {
  const WIDE = [
    '\u0085',
    '\u00a0',
    '\u1680',
    '\u2000',
    '\u2003',
    '\u2009',
    '\u200a',
    '\u2028',
    '\u2029',
    '\u202f',
    '\u205f',
    '\u3000',
    '\ufeff',
  ];
  test.each(WIDE.map((c) => [`U+${c.charCodeAt(0).toString(16).padStart(4, '0')}`, c]))('%s', async (_, c) => {
    for (const line of [
      `b@d.example${c}OK`,
      `${c}b@d.example`,
      `b${c}c@d.example`,
      `"b${c}c"@d.example`,
      `b@d${c}.example`,
    ]) {
      expect(await refusal(`a@d.example\n${line}\n`), JSON.stringify(line)).toMatch(
        /^INVALID_ENTRY list, line 2: .*white space that is not ASCII/s,
      );
    }
  });
});

describe('bytes that are not UTF-8 end it with source and line, whatever skip_invalid says', () => {
  test.each([
    ['Latin-1', [0xfc]],
    ['a character cut short', [0xc3]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
  ])('%s', async (_, wrong) => {
    const source = bytes('a@d.example\nm', wrong, 'ller@d.example\nb@d.example\n');
    expect(await refusal(source)).toMatch(/^SOURCE list, line 2: .*UTF-8/);
    expect(await refusal(source, 'skip_invalid = true')).toMatch(/^SOURCE list, line 2: .*UTF-8/);
    expect(await refusal(bytes('a@d.example\nm', wrong))).toMatch(/^SOURCE list, line 2: .*UTF-8/);
  });

  test('UTF-16 and binary files', async () => {
    expect(await refusal(Buffer.from('a@d.example\n', 'utf16le'))).toMatch(/^SOURCE list, line 1: .*utf-16/);
    expect(await refusal(Buffer.alloc(300_000))).toMatch(/^(SOURCE|INVALID_ENTRY) list/);
  });

  test('a byte order mark at the start is no part of the first address', async () => {
    expect(await of('\ufeffa@d.example\n')).toEqual(['a@d.example']);
  });
});

describe('skip_invalid', () => {
  const source = 'a@d.example\nbroken\nb@d.example\nc@d\u00a0.example\n"x@d.example\n';

  test('off: the publish ends, and each of the entries is named with source, line and reason', async () => {
    const message = await refusal(source);
    expect(message.split('\n').map((line) => /list, line (\d+): (?:"c@d"|the entry) .{5}/.exec(line)?.[1])).toEqual([
      '2',
      '4',
      '5',
    ]);
  });

  test('on: they are left out, counted and listed, and the rest is there', async () => {
    const { rows, skipped } = await gathered(source, 'postmaster = false\nskip_invalid = true');
    expect(rows).toEqual(['a@d.example', 'b@d.example']);
    expect(skipped.map((line) => /^list, line (\d+): /.exec(line)?.[1])).toEqual(['2', '4', '5']);
  });

  test('on, and nothing is left: the source gave no address', async () => {
    expect(await refusal('x@y\nbroken\n', 'skip_invalid = true')).toMatch(/^SOURCE list/);
  });

  test('thousands of them do not make a message of thousands of lines', async () => {
    expect((await refusal('x@y\n'.repeat(5000))).split('\n').length).toBeLessThan(50);
    expect((await refusal(`a@d.example\n${'x'.repeat(60_000)}\n`)).length).toBeLessThan(500);
  });
});

describe('an empty list would reject all mail', () => {
  test.each(['', '\n', '# nothing\n', '\ufeff', ' \n\t\n', 'email\n'])('%j', async (source) => {
    expect(await refusal(source)).toMatch(/^SOURCE list/);
  });
});

describe('case, duplicates and postmaster', () => {
  test('folded as Postfix folds, each row once', async () => {
    expect(await of('ALICE@D.Example\nalice@d.example\nΣΣς@d.example\nİ@d.example\n')).toEqual([
      'alice@d.example',
      'i\u0307@d.example',
      'σσσ@d.example',
    ]);
  });

  test('postmaster@ is there for every domain, once, unless it is turned off', async () => {
    const source = 'a@d.example\nPostmaster@e.example\nb@d.example\n';
    expect((await gathered(source, '')).rows).toEqual([
      'a@d.example',
      'b@d.example',
      'postmaster@d.example',
      'postmaster@e.example',
    ]);
    expect((await gathered(source)).rows).toEqual(['a@d.example', 'b@d.example', 'postmaster@e.example']);
  });
});

describe('a row for a whole domain', () => {
  const source = 'a@d.example\n@d.example OK\n';

  test('is refused where the policy does not name it, whatever skip_invalid says', async () => {
    expect(await refusal(source)).toMatch(/^WILDCARD list, line 2: @d\.example/);
    expect(await refusal(source, 'skip_invalid = true')).toMatch(/^WILDCARD /);
    expect(
      await refusal(source, 'wildcards = ["e.example", "example", "x.d.example"]'.replace('"example", ', '')),
    ).toMatch(/^WILDCARD /);
  });

  test('is taken where it does, in whatever case, and does not stand for subdomains', async () => {
    expect((await gathered(source, 'postmaster = false\nwildcards = ["D.Example"]')).rows).toEqual([
      '@d.example',
      'a@d.example',
    ]);
    expect(await refusal('@x.d.example\n', 'wildcards = ["d.example"]')).toMatch(/^WILDCARD /);
  });

  test('a quoted local part of nothing is not taken for one', async () => {
    expect(await refusal('""@d.example\na@d.example\n', 'wildcards = ["d.example"]')).toMatch(/^INVALID_ENTRY /);
  });
});
