/** Each rule of section 4 of docs/bundle-format.md: who breaks it, and who is just inside. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AddressError,
  MAX_ROW_BYTES,
  canonicalRow,
  describeRule,
  domainOf,
  rowRule,
  splitRow,
  type AddressRule,
} from '../../src/bundle/address/address.ts';

const domainOfBytes = (length: number) =>
  `${'d'.repeat(60)}.`
    .repeat(5)
    .slice(0, length - 2)
    .replace(/\.$/, 'x') + '.e';

describe('is refused', () => {
  const broken: readonly [AddressRule, string][] = [
    ['empty', ''],
    ['no-domain', 'alice'],
    ['no-domain', 'example.org'],
    ['unpaired-surrogate', 'a\ud800@example.org'],
    ['unpaired-surrogate', 'a\udc00@example.org'],
    ['unpaired-surrogate', 'a@\udc00\ud800.example'],
    ['control-character', 'a\u0000@example.org'],
    ['control-character', 'a\tb@example.org'],
    ['control-character', 'a@example.org\n'],
    ['control-character', 'a@example\r.org'],
    ['control-character', 'a\u001f@example.org'],
    ['control-character', 'a\u007f@example.org'],
    ['control-character', 'a\u0080@example.org'],
    ['control-character', 'a@example.\u009forg'],
    ['too-long', `${'a'.repeat(501)}@example.org`],
    ['too-long', `${'\u00e4'.repeat(251)}@example.org`],
    ['empty-label', 'a@'],
    ['empty-label', '@'],
    ['empty-label', 'a@.example.org'],
    ['empty-label', 'a@example.org.'],
    ['empty-label', 'a@example..org'],
    ['empty-label', 'a@.'],
    ['single-label', 'a@com'],
    ['single-label', '@localhost'],
    ['single-label', 'x@y.z@w'],
    ['domain-too-long', `a@${domainOfBytes(254)}`],
    ['domain-too-long', `a@${'\u00e4'.repeat(126)}.e`],
    ['address-literal', 'a@[192.0.2.1]'],
    ['address-literal', 'a@[ipv6:2001:db8::1]'],
    ['address-literal', '@[192.0.2.1]'],
    ['space-in-domain', 'a@exam ple.org'],
    ['space-in-domain', 'a@example.org '],
    ['space-in-domain', 'a@ example.org'],
  ];

  test.each(broken)('%s: %j', (rule, address) => {
    expect(rowRule(address)).toBe(rule);
    expect(refusal(address)).toMatchObject({ name: 'AddressError', rule, message: describeRule(rule) });
  });

  test('each rule has a case here', () => {
    const rules = new Set<AddressRule>([...broken.map(([rule]) => rule), 'not-folded']);
    expect(rules.size).toBe(11);
    for (const rule of rules) expect(describeRule(rule).length).toBeGreaterThan(5);
  });

  test('in words, and without the address', () => {
    const error = refusal('secret.person@com');
    expect(error.message).toBe(describeRule('single-label'));
    expect(error.message).not.toContain('secret');
    expect(error.stack?.split('\n')[0]).not.toContain('secret');
  });

  function refusal(address: string): AddressError {
    try {
      canonicalRow(address);
    } catch (error) {
      if (error instanceof AddressError) return error;
      throw error;
    }
    throw new Error('was accepted');
  }
});

describe('is accepted as it stands', () => {
  test.each([
    'alice@example.org',
    '@example.org',
    '#hash@example.org',
    'user+tag@example.org',
    'a b@example.org',
    ' leading@example.org',
    '"quoted"@example.org',
    'a@b@example.org',
    '@a@example.org',
    'a@1.2.3.4',
    'a@xn--bcher-kva.example',
    'a@b\u00fccher.example',
    '\u{1f4ee}@example.org',
    'a\u00a0b@example.org',
    '..@example.org',
    `${'a'.repeat(500)}@example.org`,
    `${'\u00e4'.repeat(250)}@example.org`,
    `a@${domainOfBytes(253)}`,
  ])('%j', (row) => {
    expect(rowRule(row)).toBeNull();
    expect(canonicalRow(row)).toBe(row);
  });
});

describe('is folded, and refused as a row before that', () => {
  test.each([
    ['Alice@Example.ORG', 'alice@example.org'],
    ['@EXAMPLE.org', '@example.org'],
    ['STRA\u00dfE@Example.org', 'strasse@example.org'],
    ['a@B\u00dcCHER.example', 'a@b\u00fccher.example'],
    ['\uab70@example.org', '\u13a0@example.org'],
  ])('%j', (address, row) => {
    expect(canonicalRow(address)).toBe(row);
    expect(rowRule(row)).toBeNull();
    expect(rowRule(address)).toBe('not-folded');
  });

  test('and counted after folding, which can make it longer', () => {
    // Two bytes each before, six after.
    const address = `${'\u0390'.repeat(84)}@example.org`;
    expect(Buffer.byteLength(address)).toBeLessThan(MAX_ROW_BYTES);
    expect(() => canonicalRow(address)).toThrow(describeRule('too-long'));
  });
});

test.each([
  ['alice@example.org', 'alice', 'example.org'],
  ['@example.org', '', 'example.org'],
  ['a@b@example.org', 'a@b', 'example.org'],
  ['@a@example.org', '@a', 'example.org'],
])('%j is parted at its last @', (row, local, domain) => {
  expect(splitRow(row)).toEqual({ local, domain });
  expect(domainOf(row)).toBe(domain);
});

test('whatever becomes a row is one that a gateway accepts, and becomes itself', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (local, domain) => {
      for (const address of [`${local}@${domain}`, `${local}@${domain}.example`, local]) {
        try {
          const row = canonicalRow(address);
          expect(rowRule(row)).toBeNull();
          expect(canonicalRow(row)).toBe(row);
        } catch (error) {
          if (!(error instanceof AddressError)) throw error;
        }
      }
    }),
    { numRuns: 2000 },
  );
});
