// Where mail may be sent to, by the grammar of docs/bundle-format.md section 8 and nothing beside it.
import { describe, expect, test } from 'vitest';
import { ipBytes, isMapped } from '../../src/bundle/address/ip-address.ts';
import { parseNextHop, readNextHop } from '../../src/bundle/address/next-hop.ts';

const label = (length: number) => 'l'.repeat(length);

describe('is one', () => {
  test.each<[string, string, string | null, boolean, number | null]>([
    ['[mx1.example.org]', 'mx1.example.org', null, false, null],
    ['[mx1.example.org]:2525', 'mx1.example.org', null, false, 2525],
    ['mail.example.org', 'mail.example.org', null, true, null],
    ['mail.example.org:1', 'mail.example.org', null, true, 1],
    ['mail.example.org:65535', 'mail.example.org', null, true, 65_535],
    ['[192.0.2.7]', '192.0.2.7', 'c0000207', false, null],
    ['[0.0.0.0]:25', '0.0.0.0', '00000000', false, 25],
    ['[255.255.255.255]', '255.255.255.255', 'ffffffff', false, null],
    ['[2001:db8::7]:25', '2001:db8::7', '20010db8000000000000000000000007', false, 25],
    ['[::]', '::', '0'.repeat(32), false, null],
    ['[::1]', '::1', `${'0'.repeat(31)}1`, false, null],
    ['[1:2:3:4:5:6:7:8]', '1:2:3:4:5:6:7:8', '00010002000300040005000600070008', false, null],
    ['[1:2:3:4:5:6:7::]', '1:2:3:4:5:6:7::', '00010002000300040005000600070000', false, null],
    ['[64:ff9b::192.0.2.1]', '64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201', false, null],
    ['[1:2:3:4:5:6:192.0.2.1]', '1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201', false, null],
    ['[::ffff]', '::ffff', `${'0'.repeat(28)}ffff`, false, null],
    ['xn--mller-kva.example', 'xn--mller-kva.example', null, true, null],
    ['1and1.example.a1', '1and1.example.a1', null, true, null],
    [`${label(63)}.example`, `${label(63)}.example`, null, true, null],
  ])('%s', (text, host, address, viaMx, port) => {
    const hop = parseNextHop(text);
    expect(hop === null ? null : { ...hop, address: hop.address && Buffer.from(hop.address).toString('hex') }).toEqual({
      host,
      address,
      viaMx,
      port,
    });
  });
});

describe('is none', () => {
  test.each<[string, RegExp]>([
    ['', /HOST:PORT/],
    [':25', /HOST:PORT/],
    ['[]', /one label/],
    ['[]:25', /one label/],
    ['[mx.example.org', /HOST:PORT/],
    ['mx.example.org]', /HOST:PORT/],
    ['[[mx.example.org]]', /HOST:PORT/],
    ['[mx.example.org]x', /HOST:PORT/],
    ['[mx.example.org]25', /HOST:PORT/],
    ['[mx.example.org]:', /port/],
    ['mx.example.org:', /port/],
    ['mx.example.org:0', /port/],
    ['mx.example.org:025', /port/],
    ['mx.example.org:65536', /port/],
    ['mx.example.org:99999999999', /port/],
    ['mx.example.org:smtp', /port/],
    ['mx.example.org:+25', /port/],
    ['mx.example.org: 25', /port/],
    ['mx.example.org:25 ', /port/],
    ['mx.example.org:٢٥', /port/],
    ['mx.example.org:25:25', /HOST:PORT/],
    ['[mx.example.org]:25:25', /HOST:PORT/],
    ['mx.example.org::25', /HOST:PORT/],
    ['smtp:[mx.example.org]', /port/],
    ['relay:mx.example.org', /port/],
    ['error:5.1.1', /port/],
    ['discard:', /port/],
    ['Mx.example.org', /lower case/],
    ['[MX.example.org]', /lower case/],
    ['[2001:DB8::7]', /lower case/],
    ['mx.example.org.', /A-labels/],
    ['[mx.example.org.]', /A-labels/],
    ['.example.org', /A-labels/],
    ['mx..example.org', /A-labels/],
    ['*.example.org', /A-labels/],
    ['mx_1.example.org', /A-labels/],
    ['-mx.example.org', /A-labels/],
    ['mx-.example.org', /A-labels/],
    [`${label(64)}.example`, /A-labels/],
    [`${'l.'.repeat(126)}ll`, /253/],
    ['müller.example', /A-labels/],
    ['mx.example.org\n', /A-labels/],
    ['mx example.org', /A-labels/],
    ['mx.example.org,evil.example', /A-labels/],
    ['a@mx.example.org', /A-labels/],
    ['/tmp/x.sock', /A-labels/],
    ['localhost', /one label/],
    ['[localhost]', /one label/],
    ['192.0.2.7', /begins with a digit/],
    ['192.0.2.7:25', /begins with a digit/],
    ['mx.example.1a', /begins with a digit/],
    ['[mx.example.0x7f]', /begins with a digit/],
    ['[127.1]', /begins with a digit/],
    ['[192.0.2.256]', /begins with a digit/],
    ['[192.0.2.07]', /begins with a digit/],
    ['[0300.0.2.7]', /begins with a digit/],
    ['[192.0.2.7.1]', /begins with a digit/],
    ['[3221225991]', /one label/],
    ['[::ffff:192.0.2.7]', /IPv4-mapped/],
    ['[::ffff:c000:207]', /IPv4-mapped/],
    ['[0:0:0:0:0:ffff:c000:0207]', /IPv4-mapped/],
    ['[0:0::0:ffff:192.0.2.7]:25', /IPv4-mapped/],
    ['[ipv6:2001:db8::7]', /./],
    ['[2001:db8::7%eth0]', /./],
    ['[2001:db8::7/64]', /./],
    ['[2001:db8::0007::1]', /./],
    ['[2001:db8:::7]', /./],
    ['[1:2:3:4:5:6:7]', /./],
    ['[1:2:3:4:5:6:7:8:9]', /./],
    ['[1:2:3:4::5:6:7:8]', /./],
    ['[:1:2:3:4:5:6:7]', /./],
    ['[1:2:3:4:5:6:7:]', /./],
    ['[12345::]', /./],
    ['[::192.0.2.7:1]', /./],
    ['[::192.0.2]', /./],
    ['[::g]', /./],
    ['2001:db8::7', /./],
  ])('%j', (text, rule) => {
    expect(parseNextHop(text)).toBeNull();
    expect(readNextHop(text)).toMatch(rule);
    // In words that complete "has a next hop that ...".
    expect(readNextHop(text)).toMatch(/^(is|has) /);
  });
});

test('an IPv4 address in IPv6 form is known by its bytes', () => {
  const mapped = (text: string) => isMapped(ipBytes(text) ?? new Uint8Array(0));
  expect([mapped('::ffff:192.0.2.1'), mapped('::fffe:192.0.2.1'), mapped('::1:ffff:192.0.2.1')]).toEqual([
    true,
    false,
    false,
  ]);
  expect(mapped('192.0.2.1')).toBe(false);
});
