import { expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { Desk, START } from './desk.ts';

const LIST = 'a@example.org\n@example.org\n';

test('an @domain row that the policy does not name is refused, whatever skip_invalid says', async () => {
  const desk = new Desk({ policy: 'postmaster = false\nwildcards = ["example.net"]\nskip_invalid = true' });
  desk.list(LIST);
  const refusal = await desk.refusal(START);
  expect([refusal.code, refusal.exitStatus]).toEqual(['WILDCARD', 1]);
  expect(refusal.message).toContain('staff, line 2: @example.org');
});

test('leave for a domain is no leave for those below it', async () => {
  const desk = new Desk({ policy: 'postmaster = false\nwildcards = ["example.org"]' });
  desk.list('@mail.example.org\n');
  expect((await desk.refusal(START)).code).toBe('WILDCARD');
});

test.each(['["example.org"]', '["Example.ORG"]', '["@example.org"]'])('wildcards = %s allows it', async (wildcards) => {
  const desk = new Desk({ policy: `postmaster = false\nwildcards = ${wildcards}` });
  await desk.publishes(LIST, START);
  expect(desk.rows()).toEqual(['@example.org', 'a@example.org']);
});

test.each(['bücher.example', 'xn--bcher-kva.example'])(
  'leave for %s is leave for both of its forms',
  async (domain) => {
    const desk = new Desk({ policy: `postmaster = false\nwildcards = ["${domain}"]` });
    await desk.publishes('@bücher.example\n', START);
    expect(desk.rows()).toEqual(['@bücher.example', '@xn--bcher-kva.example']);
  },
);

test('a wildcard that is no domain is a mistake in the configuration', () => {
  const desk = new Desk({ policy: 'wildcards = ["*.example.org"]' });
  expect(() => desk.config()).toThrow(HostError);
  expect(() => desk.config()).toThrow(/policy\.wildcards\.0 "\*\.example\.org" has the character "\*"/);
});

test('*@example.org is @example.org: refused without leave, and taken with it', async () => {
  const desk = new Desk({ policy: 'postmaster = false\nskip_invalid = true' });
  desk.list('a@example.org\n*@example.org OK\n');
  const refusal = await desk.refusal(START);
  expect(refusal.code).toBe('WILDCARD');
  expect(refusal.message).toContain('staff, line 2: @example.org accepts every address');
  desk.toml.policy = 'postmaster = false\nwildcards = ["example.org"]';
  await desk.publishes('a@example.org\n*@example.org OK\n', START);
  expect(desk.rows()).toEqual(['@example.org', 'a@example.org']);
});

test.each(['.*@example.org', 'info-*@example.org', '*.list@example.org'])(
  '%s is a pattern, and no address',
  async (entry) => {
    const desk = new Desk({ policy: 'postmaster = false\nwildcards = ["example.org"]' });
    desk.list(`a@example.org\n${entry}\n`);
    const refusal = await desk.refusal(START);
    expect(refusal.code).toBe('INVALID_ENTRY');
    expect(refusal.message).toContain('pattern');
    await desk.publishes(`a@example.org\n"${entry.replace('@', '"@')}\n`, START);
    expect(desk.rows()).toContain(entry);
  },
);
