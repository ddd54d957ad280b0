// Format section 4: a domain with non-ASCII labels appears in both forms (UTS 46, non-transitional), since Postfix
// converts neither.
import { describe, expect, test } from 'vitest';
import { gathered, refusal } from './gathered.ts';

const of = async (source: string, policy?: string): Promise<readonly string[]> => (await gathered(source, policy)).rows;

test.each([
  ['U-labels', 'a@bücher.example'],
  ['U-labels in upper case', 'a@BÜCHER.Example'],
  ['U-labels, decomposed', 'a@bu\u0308cher.example'],
  ['A-labels', 'a@xn--bcher-kva.example'],
  ['A-labels in upper case', 'a@XN--BCHER-KVA.example'],
])('%s give both', async (_, line) => {
  expect(await of(`${line}\n`)).toEqual(['a@bücher.example', 'a@xn--bcher-kva.example']);
});

test('a sharp s is no ss: its A-label is of its own, and the other form is what Postfix folds a query to', async () => {
  expect(await of('a@faß.de\n')).toEqual(['a@fass.de', 'a@xn--fa-hia.de']);
  expect(await of('a@xn--fa-hia.de\n')).toEqual(['a@fass.de', 'a@xn--fa-hia.de']);
  expect(await of('a@fass.de\n')).toEqual(['a@fass.de']);
});

test('final sigma and mixed labels', async () => {
  expect(await of('a@βόλος.example\n')).toEqual(['a@xn--nxasmm1c.example', 'a@βόλοσ.example']);
  expect(await of('a@mail.bücher.example\n')).toEqual(['a@mail.bücher.example', 'a@mail.xn--bcher-kva.example']);
  expect(await of('a@例え.テスト\n')).toEqual(['a@xn--r8jz45g.xn--zckzah', 'a@例え.テスト']);
});

test('only the domain has two forms; postmaster has them too', async () => {
  expect(await of('jürgen@example.org\n')).toEqual(['jürgen@example.org']);
  expect(await of('jürgen@bücher.example\n', '')).toEqual([
    'jürgen@bücher.example',
    'jürgen@xn--bcher-kva.example',
    'postmaster@bücher.example',
    'postmaster@xn--bcher-kva.example',
  ]);
});

test('a quoted local part in an internationalised domain', async () => {
  expect(await of('"a b"@bücher.example\n')).toEqual(['a b@bücher.example', 'a b@xn--bcher-kva.example']);
});

describe('an allowed wildcard is allowed in both forms, however it is written', () => {
  const FORMS = ['bücher.example', 'BÜCHER.example', 'xn--bcher-kva.example'];
  test.each(FORMS.flatMap((entry) => FORMS.map((named) => [entry, named])))('@%s under %s', async (entry, named) => {
    expect(await of(`@${entry}\n`, `postmaster = false\nwildcards = ["${named}"]`)).toEqual([
      '@bücher.example',
      '@xn--bcher-kva.example',
    ]);
  });

  test('a sharp s in the policy is the sharp s of the list', async () => {
    expect(await of('@faß.de\n', 'postmaster = false\nwildcards = ["faß.de"]')).toEqual(['@fass.de', '@xn--fa-hia.de']);
  });

  test('ss in the policy is not the sharp s of the list', async () => {
    expect(await refusal('@faß.de\n', 'wildcards = ["fass.de"]')).toMatch(/^WILDCARD /);
  });
});

test.each([
  ['an A-label that decodes to nothing', 'a@xn--.example'],
  ['an A-label that is none', 'a@xn--zz--.example'],
  ['an A-label of plain ASCII', 'a@xn--abc-.example'],
  ['a label too long once converted', `a@${'ü'.repeat(63)}.example`],
  ['digits that would become an IPv4 address', 'a@１.２.３.４'],
  ['a character that no name may hold', 'a@b\u{1f600}\ufffd.example'],
  ['a right-to-left override', 'a@b\u202eü.example'],
  ['a slash, at which a URL ends', 'a@bü/cher.example'],
  ['an escape that a URL would decode', 'a@b%C3%BCcher.example'],
  ['a question mark', 'a@bü?cher.example'],
  ['a port', 'a@bücher.example:25'],
])('%s is refused with its line', async (_, line) => {
  expect(await refusal(`ok@d.example\n${line}\n`)).toMatch(/^INVALID_ENTRY list, line 2: /);
});
