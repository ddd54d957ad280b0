// Exports of Windows and of old systems: a byte order mark decides, else the configuration; nothing is guessed.
import { describe, expect, test } from 'vitest';
import { entriesOf } from './entries.ts';

const LIST = 'Name,Mail\njörg,jörg@d.example\numa,uma@d.example\n';
const WANTED = ['jörg@d.example', 'uma@d.example'];
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe.each([1, 3, 100_000])('in pieces of %i bytes', (length) => {
  test.each<[string, Buffer, Record<string, unknown>]>([
    ['UTF-8', Buffer.from(LIST), {}],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${LIST}`), {}],
    ['UTF-8 with a mark, whatever the configuration says', Buffer.from(`\ufeff${LIST}`), { encoding: 'latin1' }],
    ['UTF-16 with a mark', utf16(`\ufeff${LIST}`), {}],
    ['UTF-16, the other way round', utf16(`\ufeff${LIST}`).swap16(), {}],
    ['UTF-16 with a mark, whatever the configuration says', utf16(`\ufeff${LIST}`), { encoding: 'utf-8' }],
    ['UTF-16 without a mark', utf16(LIST), { encoding: 'utf-16' }],
    ['UTF-16 without a mark, the other way round', utf16(LIST).swap16(), { encoding: 'utf-16' }],
    ['Latin-1', Buffer.from(LIST, 'latin1'), { encoding: 'latin1' }],
    ['Windows-1252', Buffer.from(LIST, 'latin1'), { encoding: 'windows-1252' }],
    ['line ends of Windows', Buffer.from(LIST.replaceAll('\n', '\r\n')), {}],
    ['line ends of an old Mac', Buffer.from(LIST.replaceAll('\n', '\r')), {}],
    ['line ends of an old Mac in UTF-16', utf16(`\ufeff${LIST.replaceAll('\n', '\r')}`), {}],
  ])('%s', async (_, bytes, options) => {
    expect(await entriesOf(bytes, options, length)).toEqual(WANTED);
  });

  test.each<[string, Buffer, Record<string, unknown>, string]>([
    [
      'Latin-1 that is not named',
      Buffer.from(LIST, 'latin1'),
      {},
      'list, line 2: not UTF-8; encoding says what else it is, such as "windows-1252"',
    ],
    [
      'UTF-16 that is not named',
      utf16(LIST),
      {},
      'list, line 1: every other byte is zero; if it is UTF-16 say encoding = "utf-16"',
    ],
    ['UTF-16 that is cut in a character', utf16(`\ufeff${LIST}`).subarray(0, -1), {}, 'list is not UTF-16LE'],
    ['half a surrogate pair', utf16('\ufeffMail\na\ud800@d.example\n'), {}, 'list is not UTF-16LE'],
  ])('%s is refused', async (_, bytes, options, words) => {
    expect(await entriesOf(bytes, options, length)).toBe(words);
  });
});

test('windows-1252 is not Latin-1, and the euro sign is no control character', async () => {
  const bytes = Buffer.from('Mail\na\x80@d.example\n', 'latin1');
  expect(await entriesOf(bytes, { encoding: 'windows-1252', format: 'csv' })).toEqual(['a€@d.example']);
  expect(await entriesOf(bytes, { encoding: 'latin1', format: 'csv' })).toEqual(['a\u0080@d.example']);
});

test('carriage returns alone, and a line feed far behind', async () => {
  const text = `${'a@d.example\r'.repeat(10_000)}b@d.example\n`;
  expect(await entriesOf(text, { format: 'csv' }, 1000)).toBe('list has line ends of two systems: CR alone, and LF');
});
