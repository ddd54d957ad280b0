// `[policy] domains` and `skip_domains`: rows of domains that the list must not speak for are refused by row, or
// left out aloud.
// Covers src/publisher/policy-domains.ts
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Desk, START } from './desk.ts';

const at = (policy: string): Desk => new Desk({ policy: `postmaster = false\n${policy}` });
const skipping = (skip: string): Desk => {
  const desk = new Desk();
  desk.toml.rest = `[[source]]\ntype = "file"\nname = "panel"\npath = "${desk.at('panel')}"\nskip_domains = ${skip}\n`;
  return desk;
};

describe('policy.domains', () => {
  test.each([
    [
      'another domain',
      '["a.example"]',
      'x@a.example\ny@b.example\n',
      /^staff, line 2: its domain b\.example is not one of/,
    ],
    ['below one that is named', '["a.example"]', 'x@sub.a.example\n', /^staff, line 1: its domain sub\.a\.example /],
    ['the top of a pattern', '["*.a.example"]', 'x@a.example\n', /^staff, line 1: its domain a\.example /],
    ['what only ends alike', '["*.a.example"]', 'x@ba.example\n', /its domain ba\.example/],
    ['a line that is not simple', '["a.example"]', '"x y"@b.example\n', /^staff, line 1: its domain b\.example/],
  ])('%s: refused, and nothing is written', async (_, domains, list, words) => {
    const desk = at(`domains = ${domains}`);
    desk.list(list);
    const { code, exitStatus, message } = await desk.refusal(START);
    expect([code, exitStatus, message]).toEqual(['FOREIGN_DOMAIN', 1, expect.stringMatching(words)]);
    expect(existsSync(desk.output)).toBe(false);
  });

  test.each([
    ['a domain itself', '["a.example"]', 'x@A.example\n', ['x@a.example']],
    ['any depth below', '["*.a.example"]', 'x@b.c.a.example\n', ['x@b.c.a.example']],
    [
      'U-label for both',
      '["b\u00fccher.example"]',
      'x@b\u00fccher.example\n',
      ['x@b\u00fccher.example', 'x@xn--bcher-kva.example'],
    ],
    ['A-label for both', '["*.xn--bcher-kva.example"]', 'x@y.b\u00fccher.example\n', undefined],
  ])('%s: published', async (_, domains, list, rows) => {
    const desk = at(`domains = ${domains}`);
    await desk.publishes(list, START);
    if (rows !== undefined) expect([...desk.rows()].sort()).toEqual([...rows].sort());
    else expect(desk.rows()).toHaveLength(2);
  });

  test('skip_invalid does not let a foreign domain in', async () => {
    const desk = at('domains = ["a.example"]\nskip_invalid = true');
    desk.list('x@a.example\nnobody\ny@b.example\n');
    expect((await desk.refusal(START)).code).toBe('FOREIGN_DOMAIN');
  });
});

describe('skip_domains', () => {
  test('leaves the rows out of the list, of this source alone, and counts them', async () => {
    const desk = skipping('["backup.example", "*.lab.example", "b\u00fccher.example"]');
    desk.list(
      'a@own.example\nb@own.example\nc@backup.example\n@backup.example\nd@x.lab.example\ne@xn--bcher-kva.example\n',
      'panel',
    );
    const result = await desk.publishes('boss@backup.example\nboss@own.example\n', START);
    expect(desk.rows()).toEqual(['a@own.example', 'b@own.example', 'boss@backup.example', 'boss@own.example']);
    expect(result.leftOut).toEqual([
      { source: 'panel', domain: 'backup.example', rows: 2 },
      { source: 'panel', domain: 'x.lab.example', rows: 1 },
      { source: 'panel', domain: 'xn--bcher-kva.example', rows: 1 },
      { source: 'panel', domain: 'b\u00fccher.example', rows: 1 },
    ]);
  });

  test('a source of which nothing is left has given nothing', async () => {
    const desk = skipping('["backup.example"]');
    desk.list('c@backup.example\n', 'panel');
    desk.list('a@own.example\n');
    const { code, message } = await desk.refusal(START);
    expect([code, message]).toEqual([
      'SOURCE',
      expect.stringMatching(/^panel gave no address but those of its skip_domains/),
    ]);
  });
});
