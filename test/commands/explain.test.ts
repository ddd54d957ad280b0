// `relaymap-publish explain` answers the question «why is he not in the list?», with source, line and rule.
// Covers src/publisher/explain.ts, src/bin/publisher/explain-command.ts, src/publisher/tables/attribution.ts
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import type { Finished } from '../support/finished.ts';

const LIST = `# the staff
Alice@Example.ORG   OK
"john doe"@example.org
info@bücher.example
alice@example.org
bob @example.org
@lab.example
`;

function central(list = LIST): Central {
  const at = new Central({
    policy: 'skip_invalid = true\nwildcards = ["lab.example"]',
    further: '',
  });
  at.list(list);
  return at;
}

const explain = (at: Central, address: string): Promise<Finished> => at.run(['explain', address]);

test.each([
  ['alice@example.org', 'the list, line 2: Alice@Example.ORG'],
  ['ALICE@example.org', 'the list, line 5: alice@example.org'],
  ['"john doe"@example.org', 'john doe@example.org is in the list:\n  the list, line 3: "john doe"@example.org'],
  ['info@xn--bcher-kva.example', 'the list, line 4: info@bücher.example'],
  ['anyone@lab.example', 'the whole domain is accepted by @lab.example:\n  the list, line 7: @lab.example'],
  ['postmaster@example.org', 'postmaster@example.org is in the list by policy.postmaster'],
])('%s is in it, and why', async (address, words) => {
  const { status, stdout, stderr } = await explain(central(), address);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(words);
  expect(stdout).toContain('nothing is published yet: relaymap-publish publish\n');
});

test('an address that is not: exit 1, and how many of its domain each source has', async () => {
  const { status, stdout } = await explain(central(), 'nobody@example.org');
  expect(status).toBe(1);
  expect(stdout).toBe(
    'nobody@example.org is not in the list: no source has it\n' +
      '  the list: 3 other addresses of example.org\n' +
      'nothing is published yet: relaymap-publish publish\n',
  );
});

test('an entry that was meant to be it, and is none, is named', async () => {
  const { status, stdout } = await explain(central('alice@example.org\nbob,carol@example.org\n'), 'carol@example.org');
  expect(status).toBe(1);
  expect(stdout).toMatch(/not an address: the list, line 2: /);
});

test('whether gateways have it already, or still', async () => {
  const at = central('alice@example.org\nbob@example.org\n');
  await at.publish();
  at.list('alice@example.org\ncarol@example.org\n');
  const line = async (who: string) => (await explain(at, `${who}@example.org`)).stdout.trimEnd().split('\n').at(-1);
  expect(await line('alice')).toBe('the published version 1 has it');
  expect(await line('carol')).toBe('the published version 1 does not have it yet: relaymap-publish publish');
  expect(await line('bob')).toBe('the published version 1 still has it: relaymap-publish publish');
  expect(await line('dora')).toBe('the published version 1 does not have it either');
});

test('nothing is written, and what is no address or cannot be read is exit 2', async () => {
  const at = central('alice@example.org\n');
  await at.publish();
  const before = at.snapshot();
  expect((await explain(at, 'alice')).stderr).toMatch(/error: CONFIG: alice has no @/);
  expect((await explain(at, 'alice')).status).toBe(2);
  writeFileSync(at.source, '');
  const { status, stdout, stderr } = await explain(at, 'alice@example.org');
  expect([status, stdout, stderr]).toEqual([2, '', expect.stringMatching(/error: SOURCE: the list gave no address/)]);
  expect(at.snapshot()).toEqual(before);
});
