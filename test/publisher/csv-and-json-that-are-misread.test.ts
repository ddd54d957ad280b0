// CSV and JSON, by their own rules and in pieces of any length: the right column, no entry lost, no other entry taken.
import { array, assert, asyncProperty, constantFrom, emailAddress, integer } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf } from './entries.ts';

const csv = async (text: string, length = 7) => await entriesOf(text, { format: 'csv' }, length);
const json = async (text: string | Uint8Array, length = 7) => await entriesOf(text, { format: 'json' }, length);

describe('CSV: one entry a row', () => {
  test.each<[string, string, string[]]>([
    ['the first column, without a header', 'a@x.org,A\nb@x.org,B\n', ['a@x.org', 'b@x.org']],
    ['the one called email', 'id,Name,E-Mail\n1,A,a@x.org\n', ['a@x.org']],
    ['the one called mail', 'id;MAIL\n1;a@x.org\n', ['a@x.org']],
    ['PrimarySmtpAddress, as Exchange exports it', '"DisplayName","PrimarySmtpAddress"\n"A","a@x.org"\n', ['a@x.org']],
    ['not the one that only has mail in its name', 'mailbox size,address\n12,a@x.org\n', ['a@x.org']],
    ['tabs', 'id\tEmail Address\n1\ta@x.org\n', ['a@x.org']],
    ['a comma within quotes', 'name,email\n"Doe, Jane",a@x.org\n', ['a@x.org']],
    ['a line end within quotes', 'name,email\n"Jane\nDoe",a@x.org\nB,b@x.org\n', ['a@x.org', 'b@x.org']],
    ['quotes within quotes', 'name,email\n"the ""boss""",a@x.org\n', ['a@x.org']],
    ['a quoted local part', 'name,email\nA,"""a b""@x.org"\n', ['"a b"@x.org']],
    ['inches', 'email,n\na@x.org,6" b\nb@x.org,x\nc@x.org,8" b\n', ['a@x.org', 'b@x.org', 'c@x.org']],
    ['line ends of Windows', 'email,name\r\na@x.org,A\r\n', ['a@x.org']],
    ['a byte order mark', '\ufeffemail,name\na@x.org,A\n', ['a@x.org']],
    ['blank lines and cells, counted', 'email\na@x.org\n\n ,\nb@x.org\n', ['a@x.org', 'b@x.org']],
    ['a # is no comment', 'email\n#a@x.org\n', ['#a@x.org']],
    ['two addresses in a cell', 'email\na@x.org b@x.org\n', ['a@x.org', 'b@x.org']],
  ])('%s', async (_, text, entries) => {
    for (const length of [1, 3, 1000]) expect(await csv(text, length)).toEqual(entries);
  });

  test.each([
    ['too few columns', 'name,email\nA,a@x.org\nB\n', 'list, row 3: 1 column, the address is in column 2'],
    ['an open quote', 'name,email\n"A,a@x.org\nB,b@x.org\n', 'list, row 2: ends within quotes; is it cut short?'],
    ['text behind a quote', 'name,email\n"A"x,a@x.org\n', 'list, row 2: text behind a closing quote'],
    [
      'a quote that is doubled at the end',
      'name,email\na","b""\n',
      'list, row 2: ends within quotes; is it cut short?',
    ],
  ])('refused: %s', async (_, text, words) => {
    expect(await csv(text)).toBe(words);
  });
});

describe('JSON: one entry an element', () => {
  test.each<[string, string, string[]]>([
    ['strings', '["a@x.org","b@x.org"]', ['a@x.org', 'b@x.org']],
    ['white space anywhere', ' [\n "a@x.org" ,\r\n\t"b@x.org" ] \n', ['a@x.org', 'b@x.org']],
    [
      'objects',
      '[{"id":1,"Email":"a@x.org"},{"mail":"b@x.org","tags":["x",{"address":"no address"}]}]',
      ['a@x.org', 'b@x.org'],
    ],
    ['a key that is null or empty', '[{"email":null},{"email":""},{"email":"a@x.org"}]', ['a@x.org']],
    ['brackets, commas and quotes within strings', String.raw`["\"a],[{b\\\""]`, [String.raw`"a],[{b\"`]],
    ['escapes', String.raw`["\u0061@x.org","j\u00fcrgen@x.org"]`, ['a@x.org', 'jürgen@x.org']],
    ['characters of several bytes', '["jürgen😀@x.org"]', ['jürgen😀@x.org']],
    ['an empty array', '[ ]', []],
  ])('%s', async (_, text, entries) => {
    for (const length of [1, 3, 1000]) expect(await json(text, length)).toEqual(entries);
  });

  test.each([
    ['a page', '<html>', 'list is neither a JSON array nor an object; expected [ "a@example.org", ... ]'],
    ['two arrays', '["a@x.org"]["b@x.org"]', 'list has text behind the array'],
    ['a comma too many', '["a@x.org",]', 'list entry 2 is not JSON'],
    ['a comma at the front', '[,"a@x.org"]', 'list entry 1 is not JSON'],
    ['no comma', '["a@x.org" "b@x.org"]', 'list entry 1 is not JSON'],
    ['a number', '["a@x.org",12]', 'list entry 2 is neither text nor an object'],
    [
      'an object without an address',
      '[{"handle":"a@x.org"}]',
      'list, entry 1: column "handle" is not read and holds an address; say with columns = [...] which to take',
    ],
    ['an address that is a number', '[{"email":12}]', 'list entry 1: email is not text'],
    ['brackets that do not match', '[{"email":"a@x.org"]]', 'list entry 1 is not JSON'],
    ['half a character', '["a', 'list ends before its array does; is it cut short?'],
    ['nothing', '', 'list ends before its array does; is it cut short?'],
  ])('refused: %s', async (_, text, words) => {
    for (const length of [1, 1000]) expect(await json(text, length)).toBe(words);
  });

  test('what is not UTF-8', async () => {
    expect(await json(Buffer.from('["j\xfcrgen@x.org"]', 'latin1'))).toBe('list is not UTF-8');
  });

  test('an element without end', async () => {
    const words = 'list entry 1 is over 16777216 characters';
    expect(await json(`["${'x'.repeat(17_000_000)}`, 1e6)).toBe(words);
    expect(await json(`["${'x'.repeat(17_000_000)}", "a@x.org"]`, 1e8)).toBe(words);
  });
});

describe('however it comes', () => {
  const long = 'a'.repeat(70_000);

  test.each([
    ['a line of CSV', `email,n\n${long}@x.org,1\nb@x.org,2\n`, csv, 'list, line 2: over 65536 bytes'],
    ['a last line without LF', `email,n\n${long}@x.org`, csv, 'list, line 2: over 65536 bytes'],
  ])('%s is too long in one piece as it is in many', async (_, text, read, words) => {
    for (const length of [1000, text.length]) expect(await read(text, length)).toBe(words);
  });

  test('a line is as long as it may be, and one byte longer', async () => {
    const row = (bytes: number) => `${'ä'.repeat((bytes - 6) / 2)}@x.org`;
    for (const length of [1000, 100_000]) {
      expect(await csv(`${row(65_536)}\nb@x.org\n`, length)).toEqual([row(65_536), 'b@x.org']);
      expect(await csv(`b@x.org\nx${row(65_536)}\n`, length)).toBe('list, line 2: over 65536 bytes');
    }
  });

  test.each([
    ['line ends', '\n'],
    ['line ends and doubled quotes', '""\n'],
    ['line ends of Windows', '\r\n'],
  ])('a quoted cell of nothing but %s is read in one go, not once for each line', async (_, unit) => {
    const cell = unit.repeat(Math.floor(60_000 / unit.length));
    const start = process.cpuUsage();
    expect(await csv(`x,mail\n${`"${cell}",a@x.org\n`.repeat(3)}`, 100_000)).toHaveLength(3);
    expect(await csv(`mail,x\n${`a@x.org,"${cell}"\n`.repeat(3)}`, 100_000)).toHaveLength(3);
    // By CPU time, which a loaded machine does not stretch: some ten milliseconds, where it once was half a minute.
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5);
  });

  test.each<[string, string, string[]]>([
    ['a first row that goes on, its separator behind it', '"x\ny";email\n1;a@x.org\n', ['a@x.org']],
    ['doubled quotes in several lines', 'email\n"a""\n""@x.org"\n', ['a"\n"@x.org']],
    ['a cell of line ends of another system', '"n\r\nm",email\r\n1,a@x.org\r\n', ['a@x.org']],
    ['a blank line in a quoted cell', 'n,email\n"\n\n",a@x.org\n\n', ['a@x.org']],
    ['quoted cells one behind the other', '"a\nb","c\nd",email\n1,2,a@x.org\n', ['a@x.org']],
  ])('%s', async (_, text, entries) => {
    for (const length of [1, 1000]) expect(await csv(text, length)).toEqual(entries);
  });
});

test('any list, as CSV and as JSON, in pieces of any length, comes back as it was', async () => {
  const lists = array(emailAddress({ size: 'small' }), { minLength: 1, maxLength: 8 });
  await assert(
    asyncProperty(lists, constantFrom('"', ''), integer({ min: 1, max: 40 }), async (list, quote, length) => {
      const cell = (text: string) => (quote === '' ? text : `"${text.replaceAll('"', '""')}"`);
      expect(await csv(`email,n\n${list.map((each) => `${cell(each)},1\n`).join('')}`, length)).toEqual([...list]);
      expect(await json(JSON.stringify(list.map((email) => ({ email }))), length)).toEqual(list);
      expect(await json(JSON.stringify(list), length)).toEqual(list);
    }),
    { numRuns: 200 },
  );
});
