// A file with passwords, given as a list by mistake: the messages name the address and the line, never what stands
// beside it.
import { assert, asyncProperty, constantFrom, stringMatching, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { shownAddress } from '../../src/publisher/shown-address.ts';
import { gathered, refusal } from './gathered.ts';

const SECRET = 'correct-horse';

test.each([
  ['Dovecot, in clear', `bob@d.example:{PLAIN}${SECRET}:5000:5000::`, '"bob@d.example"'],
  ['docker-mailserver', `bob@d.example|{PLAIN}${SECRET}`, '"bob@d.example"'],
  ['a user name and no domain', `bob:{PLAIN}${SECRET}:5000:5000::`, 'the entry'],
  ['a password with an @ in it', `bob:{PLAIN}${SECRET}@home`, 'the entry'],
  ['the password first', `{PLAIN}${SECRET}:bob@d.example`, 'the entry'],
  ['the password first, and no scheme', `${SECRET}:bob@d.example`, 'the entry'],
  ['a password alone', SECRET, 'the entry'],
  ['a CSV', `"bob@d.example","${SECRET}"`, 'the entry'],
  ['a CSV without quotes', `bob@d.example,${SECRET}`, '"bob@d.example"'],
  ['a quote that is not closed', `"${SECRET}@d.example`, 'the entry'],
])('%s', async (_, line, shown) => {
  const found = await refusal(`alice@d.example\n${line}\n`);
  expect(found).toMatch(/^INVALID_ENTRY list, line 2: /);
  expect(found).toContain(`line 2: ${shown} `);
  expect(found).not.toContain(SECRET);
  const { skipped } = await gathered(`alice@d.example\n${line}\n`, 'skip_invalid = true');
  expect(skipped).toHaveLength(1);
  expect(skipped.join()).not.toContain(SECRET);
});

test('whatever separates them, only what can be an address is shown', async () => {
  const secret = stringMatching(/^[A-Za-z0-9$/{}=]{8,20}$/);
  const parts = tuple(
    constantFrom('bob@d.example', 'bob', '"a b"@d.example', ''),
    secret,
    constantFrom(':', '|', ',', ';', ' '),
  );
  await assert(
    asyncProperty(parts, async ([start, password, between]) => {
      expect(shownAddress(`${start}${between}${password}`)).toBe(
        start.includes('@') ? JSON.stringify(start) : 'the entry',
      );
    }),
  );
});
