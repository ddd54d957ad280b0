// The two configuration files: TOML, and what may stand in it.
import path from 'node:path';
import { readGatewayConfig } from '../../../src/gateway/config.ts';
import { listenAddress } from '../../../src/io/health/listen-address.ts';
import { rowRule } from '../../../src/bundle/address/address.ts';
import { HostError } from '../../../src/errors.ts';
import { readPublisherConfig } from '../../../src/publisher/config.ts';
import { mapFile } from '../../../src/publisher/sources/postfix-map.ts';
import { parseSqlUrl } from '../../../src/publisher/sources/sql/url.ts';
import { laid } from '../room.ts';
import { attempt, expanded, must, type Target } from '../target.ts';

const TOML = [
  '[[',
  ']]',
  '[',
  ']',
  '{',
  '}',
  '"""',
  "'''",
  ' = ',
  '\n',
  '\\u0000',
  '#',
  '0x',
  '1_000',
  'inf',
  'nan',
  '1979-05-27T07:32:00Z',
  '__proto__',
  'constructor',
  'true',
  '"',
  ',',
  '.',
  '~2000*[~',
  '~300*a.~',
];

const GATEWAY = `state_dir = "/var/lib/relaymap"
map_dir = "/var/lib/relaymap/maps"
[[bundle]]
name = "example-org"
urls = ["https://mx-central.example.org/recipients/"]
keys = "/etc/relaymap/keys/example-org"
threshold = 1
ring = 0
domains = ["example.org", "*.example.org"]
required = ["postmaster@example.org"]
max_shrink_percent = 20
ca_file = "/ca.pem"
client_cert = "/c.pem"
client_key = "/k.pem"
token_file = "/t"
[schedule]
cron = "* * * * *"
jitter = "30s"
[limits]
max_rows = 20_000_000
max_bytes = "1GiB"
total_timeout = "5m"
idle_timeout = "20s"
[maps]
types = ["cdb", "lmdb"]
value = "OK"
keep = 5
[health]
warn_after = "1h"
critical_after = "24h"
listen = "[::1]:9618"
textfile = "/x.prom"
`;
const SMALL = '[[bundle]]\nname = "a"\nurls = ["https://a/"]\nkeys = "/k"\n';

export const gatewayConfig: Target = {
  name: 'gateway-config',
  form: 'text',
  longest: 4096,
  words: [...TOML, ...(GATEWAY.match(/[a-z_]{3,}|"[^"]*"/g) ?? [])],
  seeds: () => [
    GATEWAY,
    SMALL,
    `${SMALL}domains = ["a.b"]\n${SMALL.replace('"a"', '"b"')}domains = ["*.c.d"]\n`,
    'a.b.c = 1\n',
    'x = [1, {a = 1}, 1979-05-27, nan]\n',
    '"\\u00e4" = """\na\\\n  b"""\n',
  ],
  run: async (input) => {
    const name = laid('c.toml', expanded(input));
    const read = await attempt(() => readGatewayConfig(name));
    if ('refused' in read) {
      must(read.error instanceof HostError && read.error.code === 'CONFIG', 'another code than CONFIG');
      must(read.error.message.length < 20_000, 'a message without measure');
      return read.refused.replaceAll(name, '');
    }
    const { bundle, limits, maps, health, schedule } = read.value;
    must(bundle.length > 0 && new Set(bundle.map((b) => b.name)).size === bundle.length, 'bundles');
    for (const b of bundle) {
      must(/^[a-z0-9][a-z0-9.-]{0,63}$/.test(b.name) && path.isAbsolute(b.keys), 'a name or a path');
      must(
        b.urls.length > 0 &&
          b.urls.every(
            (url) =>
              new URL('x', url).protocol === 'https:' &&
              new URL('manifest.json', url).pathname.endsWith('/manifest.json'),
          ),
        'a URL',
      );
      must(
        bundle.length === 1 || (b.domains?.length ?? 0) > 0,
        'a bundle of several that says not what it may speak for',
      );
      must(b.threshold >= 1 && b.threshold <= 16, 'a threshold');
    }
    const times = [limits.total_timeout, limits.idle_timeout];
    must(
      times.every((ms) => ms >= 1000 && ms <= 86_400_000),
      'a timeout',
    );
    must(
      [health.warn_after, health.critical_after, schedule.jitter, limits.max_bytes, limits.max_rows].every(
        Number.isFinite,
      ),
      'a number',
    );
    must(maps.types.length > 0 && /^[ -~]+$/.test(maps.value), 'the maps');
    must(health.listen === undefined || listenAddress(health.listen) !== null, 'where to listen');
    return `taken, ${Math.min(3, bundle.length)} bundles`;
  },
};

const PUBLISHER = `name = "example-org"
output = "/srv/relaymap/example-org"
state_dir = "/var/lib/relaymap-publish"
keys = ["/etc/relaymap-publish/example-org.key"]
valid_for = "7d"
keep_deltas = 8
[[source]]
type = "file"
path = "/etc/relaymap-publish/recipients"
[[source]]
type = "sql"
url = "postgres://u:p@h:1/mail?sslmode=verify-ca"
preset = "postfixadmin"
[[source]]
type = "ldap"
url = "ldaps://dc1.example.org"
bind_dn = "cn=reader,dc=example,dc=org"
password_file = "/etc/relaymap-publish/ldap.pw"
base_dn = "dc=example,dc=org"
filter = "(mail=*)"
attributes = ["mail"]
[[source]]
type = "http"
name = "web"
url = "https://a.b/c"
format = "csv"
max_shrink_percent = 50
[[source]]
type = "command"
argv = ["/bin/list", "-x"]
[[source]]
type = "postfix-map"
path = "hash:/etc/postfix/virtual"
[policy]
wildcards = ["example.org", "bücher.example"]
postmaster = true
max_shrink_percent = 10
skip_invalid = false
[serve]
listen = "0.0.0.0:8443"
cert = "/c"
key = "/k"
public = true
[watch]
interval = "5s"
debounce = "500ms"
`;

export const publisherConfig: Target = {
  name: 'publisher-config',
  form: 'text',
  longest: 4096,
  words: [
    ...TOML,
    'xn--bcher-kva.example',
    'sqlite:/a',
    'mysql://h/d?socket=/s',
    '%zz',
    ...(PUBLISHER.match(/[a-z_]{3,}|"[^"]*"/g) ?? []),
  ],
  seeds: () => [
    PUBLISHER,
    'name = "a"\noutput = "/o"\nkeys = ["/k"]\n[[source]]\ntype = "file"\npath = "/f"\n',
    ...['postgres:///mail', 'mysql://root@[::1]:3306/a%20b', 'sqlite:/srv/mail.db'].map(
      (url) =>
        `name = "a"\noutput = "/o"\nkeys = ["/k"]\n[[source]]\ntype = "sql"\nurl = "${url}"\nquery = "SELECT 1"\n`,
    ),
  ],
  run: async (input) => {
    const name = laid('c.toml', expanded(input));
    const read = await attempt(() => readPublisherConfig(name));
    if ('refused' in read) {
      must(read.error instanceof HostError && read.error.code === 'CONFIG', 'another code than CONFIG');
      must(read.error.message.length < 20_000, 'a message without measure');
      return read.refused.replaceAll(name, '');
    }
    const { source, policy, keys, valid_for: validity } = read.value;
    must(source.length > 0 && new Set(source.map((s) => s.name)).size === source.length, 'sources of one name');
    must(keys.length >= 1 && keys.length <= 16 && validity >= 1000 && validity <= 90 * 86_400_000, 'keys or validity');
    must(
      policy.wildcards.every((domain) => rowRule(`@${domain}`) === null),
      'a wildcard that is no row',
    );
    const ends: string[] = [];
    for (const each of source) {
      if (each.type === 'postfix-map') ends.push((await attempt(() => mapFile(each))) ? 'map' : '');
      if (each.type !== 'sql' || each.url === undefined) continue;
      const { url } = each;
      const target = await attempt(() => parseSqlUrl('source', url));
      ends.push('refused' in target ? target.refused : target.value.dialect);
      if ('refused' in target)
        must(!target.error.message.includes(url) || url.length < 12, 'a message that shows the URL');
      else {
        const { port, database, connectTimeout, readTimeout, host, tls } = target.value;
        must(
          port >= 0 && Number.isInteger(port) && database !== '' && connectTimeout > 0 && readTimeout > 0,
          'a target',
        );
        must(
          tls !== 'disable' ||
            /disable/.test(url) ||
            ['', 'localhost', '::1'].includes(host) ||
            host.startsWith('127.'),
          'no TLS between hosts',
        );
      }
    }
    return `taken, ${[...new Set(ends)].sort().join().slice(0, 60)}`;
  },
};
