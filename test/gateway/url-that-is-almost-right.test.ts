// What a hand puts into relaymap.toml that is almost right: the message says what is wrong with this value, and shows
// no password. A domain that could match nothing is refused instead of taken.
// Covers src/gateway/config.ts, src/gateway/bundle-urls.ts, src/gateway/keys/trusted-keys.ts
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readGatewayConfig } from '../../src/gateway/config.ts';
import { startingRing } from '../../src/gateway/keys/trusted-keys.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-almost-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function refusal(urls: string, further = ''): string {
  const file = path.join(dir, 'relaymap.toml');
  writeFileSync(file, `[[bundle]]\nname = "x"\nurls = ${urls}\nkeys = "${dir}"\n${further}\n`);
  try {
    readGatewayConfig(file);
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  ['mx.example.org/list/', 'lacks https:// at its beginning'],
  ['mx.example.org:8443/list/', 'lacks https:// at its beginning'],
  ['http://mx.example.org/list/', 'begins with http://'],
  ['rsync://mx.example.org/list/', 'begins with rsync://'],
  ['file:///srv/list/', 'is a place on this host; a folder is read by: relaymap import DIR'],
  ['/srv/list/', 'is a place on this host; a folder is read by: relaymap import DIR'],
  ['https://mx.example.org/list', 'does not end in "/"'],
  ['https://mx.example.org', 'does not end in "/"'],
  ['https://mx.example.org/list/manifest.json', 'names manifest.json itself; it must name the folder'],
  ['https://mx.example.org/list/ ', 'ends in white space'],
  ['https://anna:secret@mx.example.org/list/', 'names a user or a password; a token goes into token_file'],
  [
    'https://mx.example.org/list/?token=secret',
    'has a query or a fragment (from "?" or "#" on); a token goes into token_file',
  ],
  ['https://mx.example.org:443443/list/', 'is no URL'],
])('%s', (url, fault) => {
  const said = refusal(JSON.stringify([url]));
  expect(said.endsWith(`; this one ${fault}`), said).toBe(true);
  expect(said).not.toContain('secret');
});

test.each(['example.org.', '.example.org', 'example.org,example.net', 'example..org', 'https://example.org'])(
  'domains = ["%s"] would match nothing',
  (domain) => {
    const url = '["https://mx.example.org/list/"]';
    expect(refusal(url, `domains = ["${domain}"]`)).toContain('domains.0 must be like "example.org"');
    expect(refusal(url, 'domains = ["*.sub-1.example.org", "müller.example", "xn--mller-kva.example"]')).toBe('taken');
  },
);

test('a key with another ending is named, since nothing else says why it does not count', () => {
  const keys = path.join(dir, 'keys');
  mkdirSync(keys);
  writeFileSync(path.join(keys, 'example-org.pem'), '');
  expect(() => startingRing({ keys, threshold: 1, ring: 0, root_threshold: undefined })).toThrow(
    'threshold is 1. Only names that end in .pub count, not example-org.pem',
  );
});
