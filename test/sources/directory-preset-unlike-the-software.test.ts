// Each preset for a directory against the software that it is named after: entries of every kind on a real server,
// asked by a real Postfix through that software's own look-ups, and read by the preset. Both, and what a person
// says of each address, have to agree.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accepts, atRcpt, compared, PATIENCE, printTable, SIZE } from './asking.ts';
import { startSlapd } from './directories.ts';
import { startDirectoryServer } from './directory-server.ts';
import { readLdap } from './querying.ts';
import type { DirectorySoftware } from './software/ldap/directory.ts';
import { freeipa } from './software/ldap/freeipa.ts';
import { iredmailLdap } from './software/ldap/iredmail-ldap.ts';
import { kopano } from './software/ldap/kopano.ts';
import { postfixBook } from './software/ldap/postfix-book.ts';
import { qmailLdap } from './software/ldap/qmail-ldap.ts';
import { Chance } from './software/software.ts';
import { zimbra } from './software/ldap/zimbra.ts';

afterAll(printTable);

interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

const on: Readonly<Record<string, (software: DirectorySoftware, ldif: string) => Promise<Server>>> = {
  slapd: ({ schema, suffix }, ldif) => startSlapd(ldif, { schema, suffix, open: true }),
  '389-ds': ({ suffix }, ldif) => startDirectoryServer(suffix, ldif),
};

const cases = [postfixBook, iredmailLdap, qmailLdap, zimbra, kopano, freeipa].map((software) => ({
  name: software.name,
  software,
  server: software === freeipa ? '389-ds' : 'slapd',
}));

/** Names that an alias domain or an alternate name gets by chance. */
const ALIASES = ['a0.example', 'a1.example', 'a2.example', 'a3.example', 'a4.example'];

describe.each(cases)('$name', ({ software, server }) => {
  const { entries } = software;
  const chance = new Chance(16, SIZE.domains, SIZE.locals);
  let rows: ReadonlySet<string>;
  let said: ReadonlyMap<string, boolean>;
  let refused: string;

  beforeAll(async () => {
    const running = await on[server]?.(software, software.ldif(chance));
    if (running === undefined) throw new Error(`no ${server}`);
    try {
      const domains = [...new Set(entries.map(({ address }) => domainOf(address)))];
      const all = [...domains, ...chance.domains, ...ALIASES];
      const source = {
        url: `ldap://127.0.0.1:${running.port}`,
        base_dn: software.base ?? software.suffix,
        preset: software.preset,
      };
      const read = await readLdap(source, all);
      expect(read.refusal).toBe('');
      rows = new Set(read.rows);
      refused = (await readLdap(source, [])).refusal;
      const locals = [...new Set([...entries.map(({ address }) => address.split('@')[0] ?? ''), ...chance.locals])];
      const asked = [
        ...domains.flatMap((domain) => locals.slice(0, 60).map((local) => `${local}@${domain}`)),
        ...[...chance.domains, ...ALIASES].flatMap((domain) => chance.locals.map((local) => `${local}@${domain}`)),
      ];
      said = await askPostfix(software, running.port, [
        ...new Set([...entries.map(({ address }) => address), ...asked]),
      ]);
    } finally {
      await running.stop();
    }
  }, PATIENCE);

  test('what its own Postfix says at RCPT is what a person says', () => {
    expect(entries.map(({ address }) => [address, said.get(address)])).toEqual(
      entries.map(({ address, is }) => [address, is === 'accepted']),
    );
  });

  test('and what a gateway answers from the list', () => {
    const answers = entries.map(({ address, is, trap }) => ({ address, trap, is: is === 'accepted' }));
    expect(
      entries.map(({ address, trap }) => ({ address, trap, is: accepts(rows, address, software.delimiter) })),
    ).toEqual(answers);
  });

  test('every local part in every domain: none is missing, and none is extra', () => {
    const { asked, missing, extra } = compared(software.name, server, rows, said, software.delimiter);
    expect({ missing, extra }).toEqual({ missing: [], extra: [] });
    expect(asked).toBeGreaterThan(1000);
  });

  test('a domain that accepts everybody is a wildcard, which needs leave', () => {
    const mine = new Set([...chance.domains, ...ALIASES]);
    const wildcards = [...rows].filter((row) => row.startsWith('@') && !mine.has(row.slice(1)));
    expect(wildcards.sort()).toEqual(software.wildcards.map((domain) => `@${domain}`).sort());
    if (software.wildcards.length > 0) expect(refused).toMatch(/^WILDCARD .*accepts every address/);
  });
});

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

async function askPostfix(
  { lookups, mainCf, suffix, base, delimiter = '' }: DirectorySoftware,
  port: number,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, boolean>> {
  const table = (lines: string) => {
    const where = lines.includes('search_base') ? '' : `search_base = ${base ?? suffix}\n`;
    return `server_host = ldap://127.0.0.1:${port}\nversion = 3\nbind = no\n${where}${lines}\n`;
  };
  const files = Object.fromEntries(Object.entries(lookups).map(([name, lines]) => [`${name}.cf`, table(lines)]));
  const map = (...names: string[]) => names.map((name) => `ldap:{dir}/${name}.cf`).join(', ');
  return await atRcpt({ files, mainCf: { recipient_delimiter: delimiter, ...mainCf(map) } }, addresses);
}
