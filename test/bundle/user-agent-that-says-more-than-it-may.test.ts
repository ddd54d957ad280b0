// A User-Agent that carries more than its six values, or that breaks the header or the log which it stands in.
import { assert, double, property, record, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatUserAgent,
  GATEWAY_ID,
  idOfHost,
  parseUserAgent,
  type GatewayReport,
} from '../../src/bundle/fleet/user-agent.ts';

const REPORT: GatewayReport = { software: '0.1.0', bundle: 'example-org', installed: 42, last: 'OK', id: 'mx1' };
const TEXT = 'relaymap/0.1.0 (example-org=42; last=OK; id=mx1)';

test('the form of section 3.2, in both directions', () => {
  expect(formatUserAgent(REPORT)).toBe(TEXT);
  expect(parseUserAgent(TEXT)).toEqual(REPORT);
});

test('nothing installed and no cycle yet', () => {
  const fresh = { ...REPORT, installed: 0, last: null };
  expect(formatUserAgent(fresh)).toBe('relaymap/0.1.0 (example-org=0; last=-; id=mx1)');
  expect(parseUserAgent(formatUserAgent(fresh))).toEqual(fresh);
});

describe('a value that would break the header is not sent', () => {
  test.each([
    { id: 'mx1\r\nX-Evil: 1' },
    { id: 'mx 1' },
    { id: 'mx1)' },
    { id: 'straße' },
    { id: '' },
    { id: 'x'.repeat(65) },
    { bundle: 'example.org; id=other' },
    { bundle: 'EXAMPLE' },
    { last: 'ok' },
    { last: '' },
    { installed: -1 },
    { installed: 1.5 },
    { installed: 2 ** 60 },
    { installed: Number.NaN },
  ])('%o', (wrong) => {
    expect(formatUserAgent({ ...REPORT, ...wrong })).toBe('relaymap/0.1.0');
  });
  test('a version of the software with a line feed', () => {
    expect(formatUserAgent({ ...REPORT, software: '1\n2' })).toBe('relaymap');
  });
});

describe('what is no report of a gateway', () => {
  test.each([
    '',
    'relaymap',
    'relaymap/0.1.0',
    'curl/8.5.0',
    ` ${TEXT}`,
    `${TEXT} `,
    `${TEXT}\n`,
    TEXT.replace('; ', ';'),
    TEXT.replace('42', '042'),
    TEXT.replace('42', '99999999999999999999'),
    TEXT.replace('42', '9999999999999999'),
    TEXT.replace('OK', '__'),
    TEXT.replace('OK', ''),
    TEXT.replace('mx1', 'm@x1'),
    TEXT.replace('mx1', '<b>'),
    TEXT.replace('mx1', 'x'.repeat(65)),
    TEXT.replace(')', '; x=<script>)'),
    TEXT.replace('example-org', '__proto__'),
    TEXT.replace(')', `${'; x=1'.repeat(9)})`),
    TEXT.replace(')', `${`; x=${'y'.repeat(64)}`.repeat(8)})`),
  ])('%j', (text) => {
    expect(parseUserAgent(text)).toBeNull();
  });
});

test('what a later version adds is passed over', () => {
  expect(parseUserAgent(TEXT.replace(')', '; maps=cdb)'))).toEqual(REPORT);
  expect(parseUserAgent(TEXT.replace('OK', 'NEW_CODE'))).toEqual({ ...REPORT, last: 'NEW_CODE' });
});

test('a host of any name has an id of the right form', () => {
  expect(idOfHost('mx1.example.org')).toBe('mx1.example.org');
  expect(idOfHost('straße\r\n')).toBe('stra-e--');
  expect(idOfHost('')).toBe('unnamed');
  assert(property(string({ unit: 'binary', maxLength: 300 }), (host) => GATEWAY_ID.test(idOfHost(host))));
});

test('of any values a short line of printable ASCII is made, and it is read back or says nothing', () => {
  const text = string({ unit: 'binary', maxLength: 80 });
  const report = record({ software: text, bundle: text, installed: double(), last: text, id: text });
  assert(
    property(report, (any) => {
      const made = formatUserAgent(any);
      expect(made).toMatch(/^[ -~]{1,300}$/);
      if (made.includes('(')) expect(parseUserAgent(made)).toEqual(any);
    }),
  );
});
