// Which hosts `next_hops` allows, and what is no entry of it (docs/commands.md section 2.1).
import { describe, expect, test } from 'vitest';
import { parseNextHop } from '../../src/bundle/address/next-hop.ts';
import { hopEntryRule } from '../../src/map/hop-entries.ts';
import { hopMatcher } from '../../src/map/next-hops.ts';

const allows = (entries: string[], nextHop: string): boolean => {
  const hop = parseNextHop(nextHop);
  if (hop === null) throw new Error(`${nextHop} is no next hop`);
  return hopMatcher(entries)(hop);
};

describe('allowed', () => {
  test.each<[string[], string]>([
    [['mx.example.org'], '[mx.example.org]'],
    [['mx.example.org'], 'mx.example.org:2525'],
    [['*.example.org'], '[mx.example.org]:25'],
    [['*.example.org'], 'a.b.c.example.org'],
    [['192.0.2.7'], '[192.0.2.7]'],
    [['192.0.2.7/32'], '[192.0.2.7]:1'],
    [['192.0.2.0/24'], '[192.0.2.0]'],
    [['192.0.2.0/24'], '[192.0.2.255]'],
    [['192.0.2.128/25'], '[192.0.2.200]'],
    [['192.0.2.6/31'], '[192.0.2.7]'],
    [['0.0.0.0/0'], '[203.0.113.9]'],
    [['2001:db8::/32'], '[2001:db8:ffff::1]'],
    [['2001:db8::/33'], '[2001:db8:7fff::1]'],
    [['2001:db8::7'], '[2001:db8:0:0::7]'],
    [['::/0'], '[::1]'],
    [['mx.example.net', '192.0.2.0/24', '*.example.org'], '[mail.example.org]'],
  ])('%j: %s', (entries, nextHop) => {
    expect(entries.map(hopEntryRule)).toEqual(entries.map(() => null));
    expect(allows(entries, nextHop)).toBe(true);
  });
});

describe('not allowed', () => {
  test.each<[string[], string]>([
    [['mx.example.org'], '[mx2.example.org]'],
    [['mx.example.org'], '[a.mx.example.org]'],
    [['*.example.org'], 'example.org'],
    [['*.example.org'], '[notexample.org]'],
    [['*.example.org'], 'mx.example.org.evil.example'],
    [['192.0.2.0/24'], '[192.0.3.0]'],
    [['192.0.2.0/24'], '[192.0.1.255]'],
    [['192.0.2.128/25'], '[192.0.2.127]'],
    [['192.0.2.6/31'], '[192.0.2.8]'],
    [['0.0.0.0/0'], '[::1]'],
    [['::/0'], '[192.0.2.7]'],
    [['::/0'], 'mx.example.org'],
    [['0.0.0.0/0', '::/0'], '[mx.example.org]'],
    [['2001:db8::/32'], '[2001:db9::1]'],
    [['2001:db8::/33'], '[2001:db8:8000::1]'],
    // The same four bytes in IPv6 forms that are no mapped ones.
    [['192.0.2.0/24'], '[64:ff9b::192.0.2.7]'],
    [['192.0.2.0/24'], '[2002:c000:207::1]'],
    [['192.0.2.0/24'], '[::192.0.2.7]'],
    [['c000:207::/32'], '[192.0.2.7]'],
  ])('%j: %s', (entries, nextHop) => {
    expect(entries.map(hopEntryRule)).toEqual(entries.map(() => null));
    expect(allows(entries, nextHop)).toBe(false);
  });
});

test.each<[string, RegExp]>([
  ['', /must be like/],
  ['*', /must be like/],
  ['*.', /must be like/],
  ['*.org', /must be like/],
  ['org', /must be like/],
  ['*.*.example.org', /must be like/],
  ['mx.*.example.org', /must be like/],
  ['.example.org', /must be like/],
  ['mx.example.org.', /must be like/],
  ['mx.example.org:25', /must be like/],
  ['[192.0.2.7]', /must be like/],
  ['mx.example.org/24', /is no network/],
  ['192.0.2/24', /is no network/],
  ['192.0.2.0/', /length from 0 to 32/],
  ['192.0.2.0/33', /length from 0 to 32/],
  ['192.0.2.0/024', /length from 0 to 32/],
  ['192.0.2.0/24/24', /length from 0 to 32/],
  ['192.0.2.0/255.255.255.0', /length from 0 to 32/],
  ['2001:db8::/129', /length from 0 to 128/],
  ['192.0.2.7/24', /bits set behind/],
  ['2001:db8::1/32', /bits set behind/],
  ['::ffff:192.0.2.0/120', /IPv4-mapped/],
  ['::ffff:192.0.2.7', /IPv4-mapped/],
])('no entry: %j', (entry, rule) => {
  expect(hopEntryRule(entry)).toMatch(rule);
});
