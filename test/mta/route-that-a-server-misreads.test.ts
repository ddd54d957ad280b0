// A next hop in the form that each mail server reads. The live suites send mail by them.
import { expect, test } from 'vitest';
import { eximRoute } from '../../src/gateway/mta/exim/route.ts';
import { opensmtpdRoute } from '../../src/gateway/mta/opensmtpd/route.ts';

test.each([
  ['[mx.example.org]', 'mx.example.org', 'smtp://mx.example.org:25'],
  ['[mx.example.org]:2525', 'mx.example.org::2525', 'smtp://mx.example.org:2525'],
  ['example.org', 'example.org/MX', 'mx://example.org:25'],
  ['example.org:26', 'example.org/MX::26', 'mx://example.org:26'],
  ['[192.0.2.7]', '192.0.2.7', 'smtp://[192.0.2.7]:25'],
  ['[192.0.2.7]:2525', '192.0.2.7::2525', 'smtp://[192.0.2.7]:2525'],
  ['[2001:db8::7]', '"<; 2001:db8::7"', 'smtp://[IPv6:2001:db8::7]:25'],
  ['[2001:db8::7]:25', '"<; [2001:db8::7]:25"', 'smtp://[IPv6:2001:db8::7]:25'],
])('%s', (nextHop, exim, opensmtpd) => {
  expect([eximRoute(nextHop), opensmtpdRoute(nextHop)]).toEqual([exim, opensmtpd]);
});
