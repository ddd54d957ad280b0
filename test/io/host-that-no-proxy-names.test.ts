// Which hosts `no_proxy` keeps from the proxy, as curl reads it, and which only look as if it did.
// Covers src/io/net/no-proxy.ts
import { expect, test } from 'vitest';
import { Proxies } from '../../src/io/proxies.ts';

const PROXY = 'http://proxy.example:3128';
const route = (env: Record<string, string>, url: string) => new Proxies(env).for(new URL(url)) ?? 'direct';

test.each([
  ['127.0.0.0/8', 'https://127.0.0.1/', 'direct'],
  ['127.0.0.0/8', 'https://127.0.0.1:8443/', 'direct'],
  ['127.0.0.0/8', 'https://128.0.0.1/', PROXY],
  ['10.0.0.0/8,192.168.0.0/16', 'https://192.168.7.9/', 'direct'],
  ['192.168.1.128/25', 'https://192.168.1.127/', PROXY],
  ['192.168.1.128/25', 'https://192.168.1.128/', 'direct'],
  ['192.0.2.1/32', 'https://192.0.2.1/', 'direct'],
  ['0.0.0.0/0', 'https://203.0.113.5/', 'direct'],
  ['0.0.0.0/0', 'https://example.org/', PROXY],
  ['0.0.0.0/0', 'https://[2001:db8::1]/', PROXY],
  ['192.0.2.0/33', 'https://192.0.2.1/', PROXY],
  ['192.0.2.0/', 'https://192.0.2.1/', PROXY],
  ['192.0.2.0/24', 'https://192.0.2.1.example.org/', PROXY],
  ['2001:db8::/32', 'https://[2001:db8:7::1]/', 'direct'],
  ['[2001:db8::]/32', 'https://[2001:db8:7::1]/', 'direct'],
  ['2001:db8::/32', 'https://[2001:db9::1]/', PROXY],
  ['::1', 'https://[::1]:8443/', 'direct'],
  ['[::1]', 'https://[::1]/', 'direct'],
  ['[::1]:8443', 'https://[::1]:8443/', 'direct'],
  ['[::1]:8443', 'https://[::1]/', PROXY],
  ['0:0:0:0:0:0:0:1', 'https://[::1]/', 'direct'],
  ['192.0.2.1', 'https://192.0.2.1/', 'direct'],
  ['192.0.2.1:8443', 'https://192.0.2.1:8443/', 'direct'],
  ['192.0.2.1:8443', 'https://192.0.2.1/', PROXY],
  ['192.0.2.1', 'https://192.0.2.11/', PROXY],
  ['2.1', 'https://192.0.2.1/', PROXY],
  ['example.org', 'https://example.org/', 'direct'],
  ['example.org', 'https://mx.example.org/', 'direct'],
  ['example.org', 'https://notexample.org/', PROXY],
  ['.example.org', 'https://example.org/', 'direct'],
  ['.example.org', 'https://mx.example.org/', 'direct'],
  ['*.example.org', 'https://mx.example.org/', 'direct'],
  ['EXAMPLE.org', 'https://example.ORG/', 'direct'],
  ['example.org.', 'https://example.org/', 'direct'],
  ['example.org', 'https://example.org./', 'direct'],
  ['example.org:443', 'https://example.org/', 'direct'],
  ['example.org:8443', 'https://example.org/', PROXY],
  ['.', 'https://example.org/', PROXY],
  ['other.org, example.org', 'https://example.org/', 'direct'],
  ['other.org example.org', 'https://example.org/', 'direct'],
  ['*', 'https://[2001:db8::1]/', 'direct'],
  ['', 'https://example.org/', PROXY],
])('no_proxy "%s" and %s: %s', (no_proxy, url, way) => {
  expect(route({ https_proxy: PROXY, no_proxy }, url)).toBe(way);
});

test.each([
  [{ https_proxy: '', HTTPS_PROXY: PROXY }, PROXY],
  [{ https_proxy: '', all_proxy: PROXY }, PROXY],
  [{ all_proxy: PROXY, no_proxy: '', NO_PROXY: 'example.org' }, 'direct'],
  [{}, 'direct'],
])('an empty variable is as good as none: %j', (env, way) => {
  expect(route(env as Record<string, string>, 'https://example.org/')).toBe(way);
});
