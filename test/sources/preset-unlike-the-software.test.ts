// Each preset against the software that it is named after: tables with rows of every kind on a real server, asked by a real
// Postfix through that software's own lookups, and by `relaymap-publish`, whose list a gateway fetches. All three, and what a
// person says of each address, have to agree.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SmtpClient } from '../support/smtp.ts';
import { startPostfix } from '../support/postfix.ts';
import { createSite } from '../support/site.ts';
import { startMariadb, startPostgres, type Database } from './databases.ts';
import { refusal, sourceToml } from './querying.ts';
import { chimailmadmin } from './software/chimailmadmin.ts';
import { iredmail } from './software/iredmail.ts';
import { mailcow } from './software/mailcow.ts';
import { modoboa } from './software/modoboa.ts';
import { postfixadmin } from './software/postfixadmin.ts';
import { vimbadmin } from './software/vimbadmin.ts';
import type { Kind, Software } from './software/software.ts';

const servers = {} as Record<Kind, Database>;
beforeAll(async () => {
  [servers.postgres, servers.mysql] = await Promise.all([startPostgres(), startMariadb()]);
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
});

const cases = [postfixadmin, vimbadmin, mailcow, iredmail, modoboa, chimailmadmin].flatMap((software) =>
  software.kinds.map((kind) => ({ name: `${software.preset} on ${kind}`, software, kind })),
);

describe.each(cases)('$name', ({ software, kind }) => {
  const database = software.preset;
  const entries = software.entries(kind);
  let rows: ReadonlySet<string>;

  beforeAll(async () => {
    await servers[kind].create(database, software.statements(kind));
    rows = await onGateway(servers[kind], software);
  });

  test('what its own Postfix says at RCPT is what a person says', async () => {
    const said = await atRcpt(
      servers[kind],
      software,
      kind,
      entries.map(({ address }) => address),
    );
    expect(entries.map(({ address }) => [address, said.get(address)])).toEqual(
      entries.map(({ address, is }) => [address, is !== 'refused']),
    );
  });

  test('and what a gateway answers from the published list', () => {
    const answers = entries.map(({ address, is, trap }) => ({ address, trap, is: is === 'accepted' }));
    const ours = entries.map(({ address, trap }) => ({ address, trap, is: accepts(rows, address) }));
    expect(ours).toEqual(answers);
  });

  test('every local part in every domain: not one address more, and not one less', async () => {
    const seen = [...rows, ...entries.map(({ address }) => address)];
    const locals = new Set(seen.map((address) => address.split('@')[0] ?? '').filter((local) => local !== ''));
    const domains = new Set(seen.map((address) => address.split('@')[1] ?? ''));
    const addresses = [...domains].flatMap((domain) => Array.from(locals, (local) => `${local}@${domain}`));
    const decidedBy = (address: string) => software.decidedBy?.(address) ?? address;
    const undecided = new Set(entries.flatMap(({ address, is }) => (is === 'later' ? [decidedBy(address)] : [])));
    const asked = addresses.filter((address) => !undecided.has(decidedBy(address)));
    const said = await atRcpt(servers[kind], software, kind, [...new Set(asked.map(decidedBy))]);
    expect(asked.filter((address) => accepts(rows, address) !== said.get(decidedBy(address)))).toEqual([]);
    expect([...rows].filter((row) => row.startsWith('@')).sort()).toEqual(
      software.wildcards.map((domain) => `@${domain}`).sort(),
    );
    const traps = entries.filter(({ trap }) => trap !== undefined).length;
    const taken = asked.filter((address) => accepts(rows, address)).length;
    process.stdout.write(
      `${software.preset} on ${kind}: ${asked.length} addresses agree, ${taken} of them accepted; ${traps} traps\n`,
    );
  });

  test('a catch-all without leave: nothing is published', async () => {
    const said = await refusal({ url: servers[kind].url(database), preset: software.preset });
    expect(said).toMatch(software.wildcards.length > 0 ? /^WILDCARD .*accepts every address/ : /^accepted/);
  });
});

const accepts = (rows: ReadonlySet<string>, address: string): boolean =>
  rows.has(address) || rows.has(address.slice(address.lastIndexOf('@')));

/** Publishes from the database, fetches, and gives the keys of the gateway's map. */
async function onGateway(server: Database, { preset, wildcards }: Software): Promise<ReadonlySet<string>> {
  const site = await createSite({ postmaster: false, wildcards: [...wildcards] });
  try {
    const config = readFileSync(site.publisherConfig, 'utf8');
    const source = sourceToml({ url: server.url(preset), preset });
    writeFileSync(site.publisherConfig, config.replace(/\[\[source\]\]\n(?:.+\n)+/, source));
    const published = await site.relaymapPublish('publish');
    expect(published.stderr + published.stdout).toMatch(/version 1/);
    expect(published.status).toBe(0);
    await site.fetch();
    const text = readFileSync(path.join(site.mapDir, 'relay_recipients'), 'utf8');
    return new Set(text.split('\n').flatMap((line) => line.split('\t').slice(0, -1)));
  } finally {
    await site.stop();
  }
}

/** Whether a Postfix with the software's own lookups takes each address; one that it cannot answer fails the test. */
async function atRcpt({ postfixLines }: Database, software: Software, kind: Kind, addresses: readonly string[]) {
  const { preset, lookups, mainCf } = software;
  const tables = Object.entries(lookups(kind)).map(([name, query]): [string, string] => [
    `${name}.cf`,
    `${postfixLines(preset)}query = ${query.replace(/\s+/g, ' ')}\n`,
  ]);
  const type = kind === 'mysql' ? 'mysql' : 'pgsql';
  const map = (...names: string[]) => names.map((name) => `${type}:{dir}/${name}.cf`).join(', ');
  const postfix = await startPostfix({ files: { ...Object.fromEntries(tables), nothing: '' }, mainCf: mainCf(map) });
  try {
    const client = await SmtpClient.connect(postfix.port);
    const answers = new Map<string, boolean>();
    for (const address of addresses) {
      const { code, text } = await client.ask(address);
      if (code !== 250 && code < 500) throw new Error(`${address}: ${code} ${text}`);
      answers.set(address, code === 250);
    }
    await client.quit();
    return answers;
  } finally {
    await postfix.stop();
  }
}
