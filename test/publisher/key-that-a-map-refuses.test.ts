// What a map says beside a key counts: who is refused there is no recipient, a catch-all is more than its
// exceptions allow, and a domain alias has the addresses of another domain, whichever source has them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocks } from '../bundle/blocks.ts';
import { written } from '../map/cdb-records.ts';
import { gathered, refusal } from './gathered.ts';
import { folder, refusalFrom, rowsFrom, sourcesFrom } from './sourced.ts';

function postfix(text: string, keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const file = path.join(folder(), 'map');
  writeFileSync(file, text);
  return { type: 'postfix-map', path: file, ...keys };
}
const ALLOWED = 'postmaster = false\nwildcards = ["d.example"]';

describe.each([
  ['a map', async (text: string) => await rowsFrom(postfix(text))],
  ['a plain list', async (text: string) => (await gathered(text)).rows],
])('%s', (_, rows) => {
  test.each([
    'REJECT',
    'reject now',
    'DISCARD',
    'DEFER',
    'DEFER_IF_REJECT later',
    'DEFER_IF_PERMIT',
    '550',
    '550 5.1.1 gone',
    '450 4.2.1 full',
    '554',
    'error:5.1.1 closed',
    'error:nouser 550 No such user',
    'ERROR:5.7.0:550 closed',
    '"error:5.1.1:550 closed"',
    'retry:4.0.0 later',
    'discard:',
    ':fail: unknown',
    ':defer:',
    ':blackhole:',
    '":fail: No Such User Here"',
    '5.1.1 unknown',
    '"4.7.1 later"',
  ])('%s is no recipient', async (value) => {
    expect(await rows(`a@d.example OK\nb@d.example ${value}\nc@d.example\t \t${value}\nd@d.example OK\n`)).toEqual([
      'a@d.example',
      'd@d.example',
    ]);
  });

  test.each([
    'OK',
    'permit',
    'DUNNO',
    'HOLD',
    'rejecter',
    'deferred',
    'discarded',
    'error',
    'errors:x',
    'relay:[10.0.0.1]',
    'bob@d.example',
    '5000',
    '12345',
    '45',
    'dave',
    'devnull',
    'eric',
    'RELAY',
    '|/bin/x',
    '5.1',
    '4.1.1.1',
  ])('%s is one', async (value) => {
    expect(await rows(`a@d.example ${value}\n`)).toEqual(['a@d.example']);
  });
});

describe('a catch-all', () => {
  test.each([
    ['that refuses is none', '@d.example error:nouser 550 No\na@d.example a\n', ['a@d.example']],
    ['written with a star', '*@d.example a\n', ['@d.example']],
    ['with exceptions elsewhere', '@d.example a\nb@e.example REJECT\n', ['@d.example']],
    ['to itself, as Postfix has it', '@d.example @d.example\n', ['@d.example']],
  ])('%s', async (_, text, rows) => {
    expect(await rowsFrom(postfix(text), ALLOWED)).toEqual(rows);
  });

  test.each([
    '@d.example a\nold@d.example REJECT\n',
    'old@d.example 550 gone\n@D.example a\n',
    '*@d.example a\nold@d.example error:nouser x\n',
  ])('with an exception is refused, and it says what can be done: %j', async (text) => {
    const found = await refusalFrom(postfix(text), ALLOWED);
    expect(found).toMatch(
      /^WILDCARD list, row [12]: @d\.example accepts every address of its domain but one that row [12] refuses/i,
    );
    expect(found).toMatch(/list the addresses of d\.example instead, or leave it out with skip_domains$/i);
  });

  test('of qmail’s validrcptto.cdb, where a hyphen begins an exception', async () => {
    const rowsOf = async (keys: readonly string[], value = '') => {
      const file = path.join(folder(), 'valid');
      writeFileSync(`${file}.cdb`, written(blocks(keys), value));
      return await refusalFrom({ type: 'postfix-map', path: `cdb:${file}` }, ALLOWED);
    };
    expect(await rowsOf(['a@d.example', '-old@d.example', 'b@d.example'])).toBe(
      'accepted: ["a@d.example","b@d.example"]',
    );
    expect(await rowsOf(['@d.example', '-old@d.example'])).toMatch(/^WILDCARD list, row 1: /);
    expect(await rowsOf(['a@d.example', '-old@d.example'], 'OK')).toBe('accepted: ["-old@d.example","a@d.example"]');
  });
});

describe('a domain alias', () => {
  const staff = 'a@new.example OK\nb@new.example OK\n';
  const both = ['a@new.example', 'a@old.example', 'b@new.example', 'b@old.example'];

  test('has the addresses of the other domain, of all sources and in any order', async () => {
    expect(await rowsFrom(postfix(`@old.example @new.example\n${staff}`))).toEqual(both);
    expect(await sourcesFrom([postfix('@old.example @new.example\n'), postfix(staff)])).toEqual(both);
    expect(await sourcesFrom([postfix(staff), postfix('@old.example\t%1@new.example\n')])).toEqual(both);
  });

  test('and a postmaster of its own', async () => {
    expect(await rowsFrom(postfix('@old.example @new.example\na@new.example x\n'), 'postmaster = true')).toEqual([
      'a@new.example',
      'a@old.example',
      'postmaster@new.example',
      'postmaster@old.example',
    ]);
  });

  test('of an alias, of two domains, and in a circle', async () => {
    expect(await rowsFrom(postfix('@x.example @old.example\n@old.example @new.example\na@new.example x\n'))).toEqual([
      'a@new.example',
      'a@old.example',
      'a@x.example',
    ]);
    expect(await rowsFrom(postfix('@x.example @y.example, @z.example\na@y.example x\nb@z.example x\n'))).toEqual([
      'a@x.example',
      'a@y.example',
      'b@x.example',
      'b@z.example',
    ]);
    expect(
      await rowsFrom(postfix('@x.example @y.example\n@y.example @x.example\na@x.example x\nb@y.example x\n')),
    ).toEqual(['a@x.example', 'a@y.example', 'b@x.example', 'b@y.example']);
  });

  test('of an internationalised domain, in both forms', async () => {
    expect(await rowsFrom(postfix('@bücher.example @zürich.example\na@xn--zrich-kva.example x\n'))).toEqual(
      ['a@bücher.example', 'a@zürich.example', 'a@xn--bcher-kva.example', 'a@xn--zrich-kva.example'].sort((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ),
    );
  });

  test('of a domain of which nobody has an address is refused, unless the policy names it', async () => {
    const text = '@d.example @gone.example\na@new.example x\n';
    expect(await refusalFrom(postfix(text))).toMatch(
      /^WILDCARD list, line 1: @d\.example stands for @gone\.example, of which no source has an address: .*policy\.wildcards/,
    );
    expect(await rowsFrom(postfix(text), ALLOWED)).toEqual(['@d.example', 'a@new.example']);
    expect(await rowsFrom(postfix(text, { skip_domains: ['d.example'] }))).toEqual(['a@new.example']);
  });

  test('of a domain with a catch-all is one itself, and meets the guard', async () => {
    const text = '@old.example @d.example\n@d.example a\n';
    expect(await refusalFrom(postfix(text), ALLOWED)).toMatch(
      /^WILDCARD list, line 1: @old\.example accepts every address/,
    );
    expect(await rowsFrom(postfix(text), ALLOWED.replace(']', ', "old.example"]'))).toEqual([
      '@d.example',
      '@old.example',
    ]);
  });

  test('of a domain that the list may not speak for', async () => {
    const found = await refusalFrom(postfix(`@old.example @new.example\n${staff}`), 'domains = ["new.example"]');
    expect(found).toMatch(/^FOREIGN_DOMAIN list, line 1: its domain old\.example/);
  });
});

test('a plain list with a domain alias in it is refused as a catch-all', async () => {
  expect(await refusal('a@d.example x\n@old.example @d.example\n')).toMatch(/^WILDCARD list, line 2: @old\.example/);
});

describe('a key that is no address is refused as what it is', () => {
  test.each([
    ['a regular expression', String.raw`/^(info|sales)@d\.example$/i OK`, 'is a regular expression'],
    ['one without an @', '/^postmaster/ OK', 'is a regular expression'],
    ['a condition', String.raw`if /@d\.example$/`, 'is a regular expression'],
    ['a local part for every domain', 'abuse@ OK', 'is for every domain, and a list has no row for that'],
    ["Mailu's pattern", '%@d.example OK', 'is a pattern elsewhere, with its %'],
    ["Sendmail's pattern", 'info+*@d.example OK', 'is a pattern elsewhere, with its *'],
  ])('%s', async (_, line, words) => {
    expect(await refusalFrom(postfix(`a@d.example OK\n${line}\n`))).toContain(words);
  });

  test('what cyradm shows: a mailbox, and what is below it', async () => {
    const shown = 'user/a@d.example (\\HasChildren)\nuser/a/Sent@d.example (\\HasNoChildren)\n';
    expect(await refusal(shown)).toMatch(/line 1: "user\/a@d.example" is a mailbox of Cyrus, .*\n.*line 2: /);
    expect(await refusal('user/a@d.example\n')).toContain('is a mailbox of Cyrus');
    expect(await refusal('user.a@d.example (\\Noselect \\HasNoChildren)\n')).toContain('is a mailbox of Cyrus');
  });

  describe('with `domain`, the first word of a line that says more is no local part', () => {
    const from = async (text: string) => {
      const file = path.join(folder(), 'lists');
      writeFileSync(file, text);
      return await refusalFrom({ type: 'file', path: file, domain: 'd.example' });
    };

    test.each([
      '2 matching mailing lists found:',
      'Uma Wolf uma@d.example',
      '1. uma@d.example',
      '* uma@d.example',
      'drwx------ 3 vmail vmail 4096 uma',
      '--------------',
      'Error: cannot connect to server',
    ])('%s', async (line) => {
      expect(await from(`${line}\n`)).toMatch(/^INVALID_ENTRY list, line 1: the entry has no @/);
    });

    test('and what does say a local part still does', async () => {
      expect(await from('Username  Quota\na 100\nb OK\nc # of sales\nd\ne REJECT\nf 550 gone for good\n')).toBe(
        'accepted: ["a@d.example","b@d.example","c@d.example","d@d.example"]',
      );
      expect(await from('info: a\ninfo: b\nsales: a\nsales: b\n')).toBe(
        'accepted: ["info@d.example","sales@d.example"]',
      );
    });
  });

  test('an instruction to NIS is no account', async () => {
    const file = path.join(folder(), 'passwd');
    writeFileSync(file, 'a:x:1001:1001:A:/home/a:/bin/sh\n+::::::\n-b::::::\n');
    expect(await rowsFrom({ type: 'file', path: file, format: 'passwd', domain: 'd.example' })).toEqual([
      'a@d.example',
    ]);
  });

  test('a file of a folder that ends as an export does is the file of a domain, or refused', async () => {
    const dir = folder();
    writeFileSync(path.join(dir, 'd.example.txt'), 'a\n');
    writeFileSync(path.join(dir, 'README.md'), 'a word\n');
    expect(await rowsFrom({ type: 'file', path: dir })).toEqual(['a@d.example']);
    writeFileSync(path.join(dir, 'users.csv'), 'mail\nb@d.example\n');
    expect(await refusalFrom({ type: 'file', path: dir })).toMatch(/^SOURCE .*"users.csv" is not named after a domain/);
  });
});
