// Covers src/publisher/sources
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fileSource } from '../../src/publisher/sources/file.ts';
import { Desk, people, START } from './desk.ts';

/** A desk that has published once: whatever fails must leave that alone (`refusal` looks at every file). */
async function published(policy = 'postmaster = false'): Promise<Desk> {
  const desk = new Desk({ policy });
  await desk.publishes(people(5), START);
  return desk;
}

test.each([
  ['empty', '', 'gave no address'],
  ['comments only', '# nothing\n\n   \n', 'gave no address'],
  ['a header only', 'email,name\n', 'gave no address'],
  ['Latin-1', Buffer.from('a@example.org\nb@example.org\nj\xfcrgen@example.org\n', 'latin1'), 'line 3: not UTF-8'],
  [
    'Latin-1 in its last line, without LF',
    Buffer.from('a@example.org\n\xfc@example.org', 'latin1'),
    'line 2: not UTF-8',
  ],
  ['UTF-16 without a mark', Buffer.from('a@example.org\r\n', 'utf16le'), 'line 1: every other byte is zero'],
  ['one line without end', Buffer.alloc(400_000, 'x'), 'line 1: over 65536 bytes'],
])('a list that is %s: nothing is written', async (_, content, words) => {
  const desk = await published();
  desk.list(content);
  const refusal = await desk.refusal(START);
  expect([refusal.code, refusal.exitStatus]).toEqual(['SOURCE', 2]);
  expect(refusal.message).toContain(words);
  expect(refusal.message).toContain('staff');
});

test('a list that is gone, a folder or a FIFO: nothing is written, nothing waits', async () => {
  const desk = await published();
  rmSync(desk.at('list'));
  expect((await desk.refusal(START)).message).toMatch(/staff cannot be read: ENOENT/);
  mkdirSync(desk.at('list'));
  expect((await desk.refusal(START)).message).toMatch(/staff gave no address/);
  rmSync(desk.at('list'), { recursive: true });
  execFileSync('mkfifo', [desk.at('list')]);
  expect((await desk.refusal(START)).message).toMatch(/no regular file/);
});

test('a list that grows while it is read is half a list', async () => {
  const desk = new Desk();
  desk.list(people(60_000));
  const source = { type: 'file' as const, name: 'staff', path: desk.at('list') };
  const read = async () => {
    for await (const _ of fileSource(source).read(START)) appendFileSync(source.path, 'late@example.org\n');
  };
  // Each turn of the loop adds a line, so that the end is reached only after the last of them.
  await expect(read()).rejects.toThrow(/changed while it was read/);
});

test('of two sources one fails: nothing is written', async () => {
  const desk = await published();
  desk.toml.rest = `[[source]]\ntype = "file"\nname = "lists"\npath = "${desk.at('second')}"\n`;
  expect((await desk.refusal(START)).message).toMatch(/^lists cannot be read/);
  desk.list('# none today\n', 'second');
  expect((await desk.refusal(START)).message).toMatch(/^lists gave no address/);
  desk.list('all@example.org\nuser1@example.org\n', 'second');
  await desk.publish(START);
  expect(desk.rows()).toEqual(['all@example.org', ...people(5).trimEnd().split('\n')]);
});

test('an entry that is not an address ends it, and up to twenty are named with source, line and reason', async () => {
  const desk = await published();
  desk.list(`a@example.org\nbob\n\n# c\nd@e\n${'bad\n'.repeat(100)}`);
  const refusal = await desk.refusal(START);
  expect([refusal.code, refusal.exitStatus]).toEqual(['INVALID_ENTRY', 1]);
  const lines = refusal.message.split('\n');
  expect(lines).toHaveLength(20);
  expect(lines[0]).toBe('staff, line 2: the entry has no @');
  expect(lines[1]).toMatch(/^staff, line 5: "d@e" has a domain of a single label/);
});

test('skip_invalid leaves them out, counts and lists them; a list of nothing else still ends it', async () => {
  const desk = await published('postmaster = false\nskip_invalid = true');
  const result = await desk.publishes('a@example.org\nbob\nb@example.org\nd@e\n', START);
  expect(result.skipped).toHaveLength(2);
  expect(result.skipped[0]).toBe('staff, line 2: the entry has no @');
  expect(desk.rows()).toEqual(['a@example.org', 'b@example.org']);
  desk.list('email\nbob\nalice\n');
  expect((await desk.refusal(START)).message).toMatch(/gave no address/);
});

test.each([
  ['a header row of a CSV', 'email,name,since\na@example.org\n'],
  ['a quoted header row after a comment', '# export of today\n"E-Mail address",Name\na@example.org\n'],
  ['a byte order mark', '\ufeffa@example.org\n'],
  ['a byte order mark before a comment', '\ufeff# export\na@example.org\n'],
  ['no LF at its end', 'a@example.org'],
  ['line ends of Windows', 'email\r\na@example.org\r\n\r\n'],
  ['the same address twice', 'a@example.org\nA@EXAMPLE.ORG\n'],
])('taken: a list with %s', async (_, content) => {
  const desk = new Desk();
  await desk.publishes(content, START);
  expect(desk.rows()).toEqual(['a@example.org']);
});

test('a second line without @ is no header', async () => {
  const desk = new Desk();
  desk.list('a@example.org\nemail\n');
  expect((await desk.refusal(START)).message).toBe('staff, line 2: the entry has no @');
});

test('lines across the pieces in which a file is read', async () => {
  const desk = new Desk();
  const rows = Array.from({ length: 30_000 }, (_, i) => `überlänge-${i}@example.org`);
  await desk.publishes(rows.join('\r\n'), START);
  expect(new Set(desk.rows())).toEqual(new Set(rows));
});
