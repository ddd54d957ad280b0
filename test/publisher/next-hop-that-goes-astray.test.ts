// The table of next hops, from a source to what is published: what is no next hop is refused by name or left out aloud,
// a domain has one, a table that shrinks is refused, and a gateway can verify what is out.
// Covers src/publisher/transport, src/publisher/sources/text/formats/routes.ts
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { directorySource } from '../../src/gateway/fetch/directory-source.ts';
import { inspect } from '../../src/gateway/fetch/inspect.ts';
import { explain } from '../../src/publisher/explain.ts';
import { gatherRoutes } from '../../src/publisher/transport/gather-routes.ts';
import { routesOf, splitLine, splitPair } from '../../src/publisher/transport/route-entry.ts';
import { readPublisherConfig as readConfig } from '../../src/publisher/config.ts';
import { DAY, Desk, HOUR, later, START } from './desk.ts';

interface Entry {
  rows: number;
  bytes: number;
  sha256: string;
  wireBytes: number;
  encoding: string;
  deltas: { from: string; sha256: string; bytes: number; wireBytes: number }[];
}

/** A desk with a list of two domains and a source of next hops. */
function desk(hops: string, keys = '', more = ''): Desk {
  const made = new Desk();
  const source = (name: string, lines: string) =>
    `[[source]]\ntype = "file"\nname = "${name}"\npath = "${made.at(name)}"\ntable = "transport"\n${lines}\n`;
  made.toml.rest = `${source('routes', keys)}${more}`;
  made.list('a@example.org\nb@example.net\n');
  made.list(hops, 'routes');
  return made;
}

const entryOf = (at: Desk): Entry | undefined => (at.manifest().tables as unknown as { transport?: Entry }).transport;

/** What is published, read with zlib alone. */
function published(at: Desk): string[] {
  const entry = entryOf(at);
  if (entry === undefined) return [];
  const wire = readFileSync(at.at('out', 'transport', `${entry.sha256}.gz`));
  const text = gunzipSync(wire);
  expect([wire.length, text.length, createHash('sha256').update(text).digest('hex')]).toEqual([
    entry.wireBytes,
    entry.bytes,
    entry.sha256,
  ]);
  return text.toString().split('\n').slice(0, -1);
}

const refused = async (at: Desk, now = START): Promise<[string, string]> => {
  const { code, message } = await at.refusal(now);
  return [code, message];
};

test('rows by TAB or blanks, in any case and order, come out canonical', async () => {
  const at = desk(
    '# mail hosts\n\nexample.org\t[MX1.Example.ORG]:2525\n  Example.NET   mail.example.org.  \r\nsub.example.org [2001:DB8::7]:25\n' +
      'four.example [192.0.2.7]\nmüller.example relay:[mx.bücher.example]\n',
  );
  const result = await at.publish(START);
  expect(published(at)).toEqual(
    [
      'example.net\tmail.example.org',
      'example.org\t[mx1.example.org]:2525',
      'four.example\t[192.0.2.7]',
      'müller.example\t[mx.xn--bcher-kva.example]',
      'sub.example.org\t[2001:db8::7]:25',
      'xn--mller-kva.example\t[mx.xn--bcher-kva.example]',
    ].sort(),
  );
  expect([result.nextHops?.rows, entryOf(at)?.rows, entryOf(at)?.encoding]).toEqual([6, 6, 'gzip']);
});

test('without a source of next hops there is no such table', async () => {
  const at = new Desk();
  at.list('a@example.org\n');
  await at.publish(START);
  expect([entryOf(at), existsSync(at.at('out', 'transport'))]).toEqual([undefined, false]);
});

describe('what is no next hop is refused by name', () => {
  test.each([
    ['example.org', /"example.org" has no next hop behind its domain/],
    ['example.org [mx.example.org] 25', /has more than a domain and a next hop/],
    ['example.org localhost', /has a next hop that has a name of one label/],
    ['example.org [::ffff:192.0.2.1]', /IPv4-mapped/],
    ['example.org mx.example.org:0', /has a port/],
    ['example.org mx.example.org:65536', /has a port/],
    ['example.org mx.example.org:025', /has a port/],
    ['example.org [mx.example.org', /is not \[HOST\]/],
    ['example.org 192.0.2.1', /last label begins with a digit/],
    ['example.org relay:[a.example.org],[b.example.org]', /has several next hops/],
    ['example.org slow:[mx.example.org]', /has the transport slow, of which it is not known/],
    ['user@example.org [mx.example.org]', /is for one address/],
    ['.example.org [mx.example.org]', /is for the domains below/],
    ['* [mx.example.org]', /is for every domain/],
    ['org [mx.example.org]', /"org" /],
    ['example.org\u00a0[mx.example.org]', /has no next hop behind its domain/],
    ['exa mple.org [mx.example.org]', /has more than/],
  ])('%s', async (line, message) => {
    const [code, said] = await refused(desk(`good.example [mx.example.org]\n${line}\n`));
    expect([code, said]).toEqual(['INVALID_ENTRY', expect.stringMatching(message)]);
    expect(said).toMatch(/^routes, line 2: /);
  });

  test('two next hops for a domain name both places; the same twice is one row', async () => {
    const [code, said] = await refused(desk('example.org [a.example.org]\nEXAMPLE.org [b.example.org]\n'));
    expect([code, said]).toEqual([
      'INVALID_ENTRY',
      'routes, line 2: "EXAMPLE.org" has the next hop [b.example.org], and [a.example.org] in routes, line 1',
    ]);
    const twice = desk('example.org [a.example.org]\nexample.org [A.example.org]\n');
    await twice.publish(START);
    expect(published(twice)).toEqual(['example.org\t[a.example.org]']);
  });

  test('an internationalised domain in both forms with two next hops is one domain with two', async () => {
    const [code] = await refused(desk('müller.example [a.example.org]\nxn--mller-kva.example [b.example.org]\n'));
    expect(code).toBe('INVALID_ENTRY');
  });

  test('skip_invalid leaves it out and says so', async () => {
    const at = desk('good.example [mx.example.org]\nbad.example nowhere\n');
    at.toml.policy = 'postmaster = false\nskip_invalid = true';
    const { skipped } = await at.publish(START);
    expect([skipped, published(at)]).toEqual([
      ['routes, line 2: "bad.example" has a next hop that has a name of one label'],
      ['good.example\t[mx.example.org]'],
    ]);
  });
});

test('transports that are no route to a host are left out aloud', async () => {
  const at = desk(
    'a.example local:\nb.example error:5.1.1 no such domain\nc.example virtual\nd.example lmtp:unix:/x\n' +
      'e.example smtp:[mx.example.org]\nf.example relay:\ng.example\n  relay:mail.example.org:587\n# end\n',
    'format = "postfix"',
  );
  await at.publish(START);
  const gathered = await gatherRoutes(at.config(), START);
  expect(published(at)).toEqual(['e.example\t[mx.example.org]', 'g.example\tmail.example.org:587']);
  expect(gathered?.others.map(({ transport, count }) => [transport, count])).toEqual([
    ['local', 1],
    ['error', 1],
    ['virtual', 1],
    ['lmtp', 1],
    ['relay without a host', 1],
  ]);
});

test.each([
  ['relay:[mx.example.org]:25', '[mx.example.org]:25'],
  ['smtp:mail.example.org', 'mail.example.org'],
  ['SMTP:[MX.example.org]:smtp', '[mx.example.org]:25'],
  [':[mx.example.org]', '[mx.example.org]'],
  ['smtp:[ipv6:2001:DB8::1]', '[2001:db8::1]'],
  ['smtp_via_transport_maps:[mx.example.org]:submission', '[mx.example.org]:587'],
])('a transport map: %s', (value, nextHop) => {
  expect(routesOf({ domain: 'example.org', value }, 'map')).toEqual({
    is: 'routes',
    domains: ['example.org'],
    nextHop,
  });
});

test('fields of a line and of a map', () => {
  expect(splitLine(' a.example \t b.example \r')).toEqual({ domain: 'a.example', value: 'b.example' });
  expect(splitPair('a.example\terror:5.1.1 no such')).toEqual({ domain: 'a.example', value: 'error:5.1.1 no such' });
  expect(() => splitPair('a.example\t')).toThrow('has no value');
  expect(() => routesOf({ domain: 'a.example', value: 'mx.example.org' }, 'map')).toThrow('without a colon');
});

test('policy.domains and skip_domains hold for next hops too', async () => {
  const at = desk('example.org [mx.example.org]\nforeign.example [mx.example.org]\n');
  at.toml.policy = 'postmaster = false\ndomains = ["example.org", "example.net"]';
  expect(await refused(at)).toEqual([
    'FOREIGN_DOMAIN',
    expect.stringMatching(/^routes, line 2: its domain foreign.example/),
  ]);
  const skipping = desk(
    'example.org [mx.example.org]\nforeign.example [mx.example.org]\n',
    'skip_domains = ["foreign.example"]',
  );
  const { leftOut } = await skipping.publish(START);
  expect([leftOut, published(skipping)]).toEqual([
    [{ source: 'routes', domain: 'foreign.example', rows: 1 }],
    ['example.org\t[mx.example.org]'],
  ]);
});

describe('a source that fails', () => {
  test.each([
    ['is empty', '', 'SOURCE'],
    ['holds comments alone', '# nothing\n\n', 'SOURCE'],
    ['is not UTF-8', Buffer.from([0x61, 0xff, 0x0a]), 'SOURCE'],
  ])('%s: nothing is published', async (_, content, code) => {
    const at = desk('');
    writeFileSync(at.at('routes'), content);
    expect((await refused(at))[0]).toBe(code);
  });

  test('is gone; or gives fewer than min_rows', async () => {
    const gone = desk('example.org [mx.example.org]\n');
    rmSync(gone.at('routes'));
    expect((await refused(gone))[0]).toBe('SOURCE');
    expect(await refused(desk('example.org [mx.example.org]\n', 'min_rows = 2'))).toEqual([
      'TOO_FEW',
      expect.stringMatching(/^routes gave 1 next hops, its min_rows is 2/),
    ]);
  });

  test('a list of addresses is no list of next hops', async () => {
    expect((await refused(desk('a@example.org\n')))[0]).toBe('INVALID_ENTRY');
  });
});

const many = (count: number, host = 'mx') =>
  Array.from({ length: count }, (_, i) => `d${String(i).padStart(3, '0')}.example [${host}.example.org]\n`).join('');

describe('the guard', () => {
  test('a table that shrinks, or changes as a whole, is refused; allowed it is approved for a day', async () => {
    const at = desk(many(100));
    await at.publish(START);
    at.list(many(80), 'routes');
    expect(await refused(at, later(HOUR))).toEqual([
      'SHRUNK',
      expect.stringMatching(/^of the next hops, 20 of the 100 rows in use would go, more than 10 %/),
    ]);
    at.list(many(100, 'thief'), 'routes');
    expect((await refused(at, later(HOUR)))[1]).toMatch(/^of the next hops, 100 of the 100 rows in use would go/);
    at.list(many(80), 'routes');
    await at.publish(later(HOUR), { allowShrink: true });
    const approved = at.manifest() as unknown as { shrinkApproved?: object };
    expect(approved.shrinkApproved).toEqual({
      until: '2026-11-25T08:00:00Z',
      rows: 2,
      domains: 2,
      transport: { rows: 80 },
    });
    expect(published(at)).toHaveLength(80);
    // While the word stands, so small a table passes without another; a smaller one does not.
    at.list(many(100), 'routes');
    await at.publish(later(2 * HOUR));
    at.list(many(80), 'routes');
    await at.publish(later(3 * HOUR));
    at.list(many(60), 'routes');
    expect((await refused(at, later(4 * HOUR)))[0]).toBe('SHRUNK');
  });

  test('the last next hop does not go by itself, however few there were', async () => {
    const at = desk('example.org [mx.example.org]\n');
    await at.publish(START);
    const rest = at.toml.rest;
    at.toml.rest = '';
    expect(await refused(at, later(HOUR))).toEqual([
      'SHRUNK',
      expect.stringMatching(/^all of the 1 next hops in use would go: mail would follow the MX/),
    ]);
    await at.publish(later(HOUR), { allowShrink: true });
    expect(entryOf(at)).toBeUndefined();
    at.toml.rest = rest;
    await at.publish(later(2 * HOUR));
    expect(published(at)).toHaveLength(1);
  });

  test('the strictest max_shrink_percent of the sources holds', async () => {
    const at = desk(many(100), 'max_shrink_percent = 50');
    await at.publish(START);
    at.list(many(60), 'routes');
    await at.publish(later(HOUR));
    expect(published(at)).toHaveLength(60);
  });
});

test('a delta from each earlier table, which makes the new one', async () => {
  const at = desk(many(300));
  await at.publish(START);
  const first = published(at);
  at.list(`${many(300)}new.example [mx.example.org]\n`, 'routes');
  await at.publish(later(HOUR));
  const entry = entryOf(at);
  const [delta] = entry?.deltas ?? [];
  const name = `${delta?.from}-${entry?.sha256}.delta.gz`;
  const rows = gunzipSync(readFileSync(at.at('out', 'transport', name)))
    .toString()
    .split('\n')
    .slice(0, -1);
  expect(rows).toEqual(['+new.example\t[mx.example.org]']);
  expect([...first, 'new.example\t[mx.example.org]'].sort()).toEqual(published(at));
});

test('the same again is not written again; a lost blob is; an old one goes after a day', async () => {
  const at = desk('example.org [mx.example.org]\n');
  await at.publish(START);
  expect((await at.publish(later(HOUR))).outcome).toBe('unchanged');
  rmSync(at.at('out', 'transport'), { recursive: true });
  expect((await at.publish(later(HOUR))).outcome).toBe('renewed');
  expect(published(at)).toHaveLength(1);
  at.list('example.org [mx2.example.org]\n', 'routes');
  expect((await at.publish(later(2 * HOUR))).outcome).toBe('published');
  const blobs = () => readdirSync(at.at('out', 'transport')).filter((name) => !name.includes('delta')).length;
  expect(blobs()).toBe(2);
  await at.publish(later(2 * HOUR + DAY + HOUR));
  expect(blobs()).toBe(1);
});

test('the list alone changes, and the next hops stay; and the reverse', async () => {
  const at = desk('example.org [mx.example.org]\n');
  await at.publish(START);
  const before = entryOf(at)?.sha256;
  await at.publishes('a@example.org\nb@example.net\nc@example.org\n', later(HOUR));
  expect(entryOf(at)?.sha256).toBe(before);
  const list = at.manifest().tables.recipients.sha256;
  at.list('example.org [mx2.example.org]\n', 'routes');
  await at.publish(later(2 * HOUR));
  expect([at.manifest().tables.recipients.sha256, at.manifest().version]).toEqual([list, 3]);
});

test('a dry run shows what would change, and writes nothing', async () => {
  const at = desk('example.org [mx.example.org]\nold.example [mx.example.org]\n');
  await at.publish(START);
  at.list('example.org [mx2.example.org]\nold.example [mx.example.org]\n', 'routes');
  const before = at.snapshot();
  const { nextHops, difference } = await at.publish(later(HOUR), { dryRun: true });
  expect(nextHops).toEqual({
    rows: 2,
    changes: ['-example.org\t[mx.example.org]', '+example.org\t[mx2.example.org]'],
  });
  expect([difference?.refusal, at.snapshot()]).toEqual([null, before]);
});

test('explain says where mail for an address goes, and by which line', async () => {
  const at = desk('# hosts\nexample.org [mx.example.org]\n');
  await at.publish(START);
  expect((await explain(at.config(), 'a@example.org', START)).lines).toContain(
    'mail for example.org goes to [mx.example.org] (routes, line 2)',
  );
  expect((await explain(at.config(), 'b@example.net', START)).lines).toContain(
    'no source has a next hop for example.net: its mail follows its MX',
  );
});

describe('a configuration that makes no sense', () => {
  test.each([
    ['remove_after = "1h"', /remove_after means nothing for table = "transport"/],
    ['columns = [1]', /columns means nothing/],
    ['format = "json"', /format "json" gives no next hops/],
    ['domain = "example.org"', /domain means nothing/],
  ])('%s', (keys, message) => {
    expect(() => desk('', keys).config()).toThrow(message);
  });

  test('no source of addresses', () => {
    const at = desk('');
    at.toml.rest = at.toml.rest.replace('table', '#table');
    expect(() => at.config()).not.toThrow();
    const text = readFileSync(at.at('publish.toml'), 'utf8').replaceAll(
      '[[source]]',
      '[[source]]\ntable = "transport"',
    );
    writeFileSync(at.at('only.toml'), text.replaceAll('#table', '#'));
    expect(() => readConfig(at.at('only.toml'))).toThrow(/at least one must give addresses/);
  });
});

describe('inspect looks at them as a gateway would', () => {
  const inspected = async (at: Desk): Promise<string[]> => {
    const notes: string[] = [];
    const source = directorySource(at.output);
    const [origin] = source.origins;
    if (origin === undefined) throw new Error('no folder');
    const cx = {
      origin,
      ring: null,
      now: START,
      show: () => undefined,
      note: (_: string, line: string) => void notes.push(line),
    };
    try {
      await inspect(cx);
    } catch (error) {
      notes.push(`${(error as { code?: string }).code}: ${(error as Error).message}`);
    }
    return notes;
  };

  test('whole; damaged; gone', async () => {
    const at = desk('example.org [mx.example.org]\n');
    await at.publish(START);
    expect(await inspected(at)).toContain('the table of next hops is whole: 1 rows');
    const file = at.at('out', 'transport', `${entryOf(at)?.sha256}.gz`);
    writeFileSync(file, gzipSync('example.org\t[mx.thief.example]\n'));
    expect((await inspected(at)).at(-1)).toMatch(/^(LENGTH|HASH)_MISMATCH: /);
    rmSync(file);
    expect((await inspected(at)).at(-1)).toMatch(/^NETWORK: /);
  });
});
