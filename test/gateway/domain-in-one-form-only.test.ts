// An internationalised domain has two spellings. Whichever the postmaster types, the list has both, and both are meant.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { blocks } from '../bundle/blocks.ts';
import { RequiredRows } from '../../src/bundle/table/required-rows.ts';
import { readGatewayConfig } from '../../src/gateway/config.ts';
import { addressForms, domainForms } from '../../src/gateway/domain-forms.ts';
import { domainMatcher } from '../../src/map/domains.ts';

const BOTH = ['müller.example', 'xn--mller-kva.example'];

function read(lines: string) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'relaymap.toml');
  writeFileSync(file, `[[bundle]]\nname = "a"\nurls = ["https://localhost/"]\nkeys = "/keys"\n${lines}\n`);
  return readGatewayConfig(file);
}

test.each([
  ['müller.example', BOTH, ['muller.example', 'a.müller.example']],
  ['MÜLLER.example', BOTH, ['muller.example']],
  ['xn--mller-kva.example', BOTH, ['xn--mller.example']],
  ['*.müller.example', BOTH.map((domain) => `a.${domain}`), BOTH],
  ['*.xn--mller-kva.example', BOTH.map((domain) => `a.b.${domain}`), BOTH],
  ['straße.example', ['xn--strae-oqa.example', 'strasse.example'], ['strase.example']],
  ['müller.xn--p1ai', ['xn--mller-kva.рф', 'müller.рф', 'xn--mller-kva.xn--p1ai'].slice(1), ['müller.example']],
  ['example.org', ['example.org'], ['xn--example.org']],
  ['1.2.3.4', ['1.2.3.4'], ['1.2.3']],
])('domains = [%j]', (pattern, inside, outside) => {
  const [bundle] = read(`domains = [${JSON.stringify(pattern)}]`).bundle;
  const speaksFor = domainMatcher(bundle?.domains ?? []);
  expect(inside.filter((domain) => !speaksFor(domain))).toEqual([]);
  expect(outside.filter(speaksFor)).toEqual([]);
});

test('a required address is there in either spelling, and missing in neither', () => {
  const missing = (rows: string[]) => {
    const wanted = new RequiredRows(['a@müller.example', 'b@xn--mller-kva.example'], addressForms);
    for (const block of blocks(rows, 1000)) wanted.push(block);
    return wanted.missing();
  };
  expect(missing(['a@xn--mller-kva.example', 'b@müller.example'])).toEqual([]);
  expect(missing(['@xn--mller-kva.example'])).toEqual([]);
  expect(missing(['a@muller.example', 'b@müller.example'])).toEqual(['a@müller.example']);
});

test('what is no domain has no other spelling', () => {
  expect([domainForms('*.exa mple'), domainForms('')]).toEqual([['*.exa mple'], []]);
});

test.each([
  ['sealed = true', /bundle\.0\.sealed is not in this version of relaymap/],
  ['[mta]\nkind = "sendmail"', /mta\.kind must be postfix, exim, opensmtpd or haraka/],
  ['[mta]\nkind = "exim"\n[maps]\ntypes = ["lmdb"]', /maps\.types names lmdb.*Exim is given cdb/],
  ['[mta]\ninstances = ["postfix-in"]', /mta\.instances\.0 must be an absolute path/],
  ['[mta]\ninstances = []', /mta\.instances must not be an empty list/],
])('a key of a version to come is refused by name: %s', (lines, why) => {
  expect(() => read(lines)).toThrow(why);
});

test('instances of Postfix are configuration folders', () => {
  expect(read('[mta]\nkind = "postfix"\ninstances = ["/etc/postfix", "/etc/postfix-in"]').mta).toEqual({
    kind: 'postfix',
    instances: ['/etc/postfix', '/etc/postfix-in'],
  });
});
