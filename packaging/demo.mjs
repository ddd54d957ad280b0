// Shows the main job from end to end, without root, Postfix or openssl: a key, a list, a signed bundle over HTTPS
// on loopback, maps that answer, and forgeries that are refused. It runs each line shown after a `$` by /bin/sh
// (except `serve`, which it starts directly) and checks how the line ends.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const say = (text = '') => process.stdout.write(`${text}\n`);
const heading = (text) => say(`\n== ${text}\n`);
const quoted = (text) => (/^[\w/.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
function stop(why, status = 1) {
  process.stderr.write(`demo: ${why}\n`);
  process.exit(status);
}

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [flag, wanted, ...more] = process.argv.slice(2);
const keep = flag === '--keep';
if ((flag !== undefined && !keep) || more.length > 0) stop('usage: npm run demo [-- --keep [DIR]]', 2);
if (Number(process.versions.node.split('.')[0]) < 20) stop(`needs Node 20 or later, this is ${process.version}`, 2);
if (!existsSync(path.join(root, 'dist', 'bin', 'relaymap.cjs'))) stop('not built yet; type: npm run demo', 2);
const { generate } = await import('selfsigned').catch(() => stop('a dependency is missing; type: npm ci', 2));
const dir = folder();
const at = (...names) => path.join(dir, ...names);

/** The folder that was asked for, which must be new or empty, or a temporary one. */
function folder() {
  if (wanted === undefined) return mkdtempSync(path.join(os.tmpdir(), 'relaymap-demo-'));
  // npm changes the folder; INIT_CWD is the one in which the command was typed.
  const asked = path.resolve(process.env.INIT_CWD ?? '', wanted);
  mkdirSync(asked, { recursive: true });
  if (readdirSync(asked).length > 0) stop(`${asked} is not empty`, 2);
  return asked;
}

let server;
process.on('exit', () => {
  server?.kill();
  if (!keep) rmSync(dir, { recursive: true, force: true });
});
for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
  process.on(signal, () => process.exit(128 + number));
process.stdout.on('error', () => process.exit(1));

// No proxy for 127.0.0.1. If this runs as root on a mail server, a `postfix` command that always fails keeps
// the demo from reloading Postfix.
const noPostfix = mkdtempSync(path.join(dir, '.no-postfix-'));
writeFileSync(path.join(noPostfix, 'postfix'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
const folders = [noPostfix, path.dirname(process.execPath), process.env.PATH].join(':');
const env = { ...process.env, PATH: folders, NO_COLOR: '1', no_proxy: '*', NO_PROXY: '*' };
const typedFirst = [
  `R=${quoted(root)}`,
  `alias relaymap='node "$R/dist/bin/relaymap.cjs"'`,
  `alias relaymap-publish='node "$R/dist/bin/relaymap-publish.js"'`,
  `D=${quoted(dir)}; mkdir -p "$D"; cd "$D"`,
];

/** Shows a command, runs it and shows its output. It must exit with `status` and print what `says` matches. */
async function type(command, says = /^/, status = 0) {
  await setImmediate(); // lets signals in between two commands
  say(`$ ${command}`);
  const script = [...typedFirst, 'exec 2>&1', command].join('\n');
  const ended = spawnSync('/bin/sh', ['-c', script], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (ended.error) stop(`/bin/sh: ${ended.error.message}`);
  process.stdout.write(ended.stdout);
  if (status !== 0) say(`(exit status ${ended.status})`);
  if (ended.status !== status) stop(`this should have ended with ${status}, and ended with ${ended.status}`);
  if (!says.test(ended.stdout)) stop(`this should have said ${says}`);
}

/** Starts the endpoint and returns the URL that it prints. */
function serve(...words) {
  say(`$ relaymap-publish ${words.join(' ')} &`);
  const command = path.join(root, 'dist', 'bin', 'relaymap-publish.js');
  server = spawn(process.execPath, [command, ...words], { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'] });
  server.on('exit', () => stop('relaymap-publish serve has ended'));
  return new Promise((resolve) => {
    let text = '';
    server.stdout.on('data', (chunk) => {
      text += chunk;
      const url = /^serving (\S+)\n/m.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

/** A list as a mail system exports it: 4 domains, odd addresses first, some lines with a value after the address. */
function recipients() {
  const first = 'anna ben chen dora emil fatma george hana ivan jose kim lena mara nils olga paul'.split(' ');
  const last = 'adler brandt costa diaz evans fischer gruber haas ito jansen keller lopez meyer novak'.split(' ');
  const lines = [
    '# relay recipients of example.org, one address a line',
    'Sales@Example.ORG                 # upper case is folded',
    'support+urgent@example.org        OK',
    '"john doe"@example.org',
    "m.o'neill@shop.example.org",
    'info@bücher.example               # published as xn--bcher-kva.example too',
  ];
  for (const domain of ['example.org', 'shop.example.org', 'example.net', 'bücher.example']) {
    lines.push('', `# ${domain}`);
    for (const a of first) for (const b of last) for (const n of ['', 2, 3, 4]) lines.push(`${a}.${b}${n}@${domain}`);
  }
  return `${lines.join('\n')}\n`;
}

say('# relaymap and relaymap-publish are run from this checkout:');
for (const line of typedFirst) say(`$ ${line}`);

heading('The central side: a key, a list, a signed bundle, served over HTTPS');
await type('relaymap-publish keygen --out central --name example-org', /^keyid [0-9a-f]{64}\n/);
writeFileSync(at('central', 'recipients'), recipients());
await type('wc -l central/recipients; head -n 7 central/recipients', /"john doe"/);
say(`# central/tls.pem and tls.key: a certificate of its own for 127.0.0.1, as from
#   openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 \\
#     -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.pem`);
const extensions = [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }];
const certificate = await generate([{ name: 'commonName', value: '127.0.0.1' }], { algorithm: 'sha256', extensions });
writeFileSync(at('central', 'tls.pem'), certificate.cert);
writeFileSync(at('central', 'tls.key'), certificate.private, { mode: 0o600 });
await type(`(umask 077; node -p 'crypto.randomBytes(24).toString("hex")' >central/token)`);
await type(`cat >central/publish.toml <<END
name = "example-org"
output = "$D/central/published"
state_dir = "$D/central/state"
keys = ["$D/central/example-org.key"]

[[source]]
type = "file"
path = "$D/central/recipients"

[serve]
listen = "127.0.0.1:0"
cert = "$D/central/tls.pem"
key = "$D/central/tls.key"
token_file = "$D/central/token"
END`);
await type('relaymap-publish publish --config central/publish.toml', /published version 1 /);
const url = await serve('serve', '--config', 'central/publish.toml');
say(`serving ${url}`);

heading('The gateway: the public key, the first bundle, some look-ups');
await type('mkdir -p gateway/keys && cp central/example-org.pub gateway/keys/');
await type('cp central/token central/tls.pem gateway/');
await type(`cat >gateway/relaymap.toml <<END
state_dir = "$D/gateway/state"
map_dir = "$D/gateway/maps"

[[bundle]]
name = "example-org"
urls = ["${url}"]
keys = "$D/gateway/keys"
required = ["postmaster@example.org"]
ca_file = "$D/gateway/tls.pem"
token_file = "$D/gateway/token"
END`);
await type('relaymap fetch --config gateway/relaymap.toml', /installed version 1,/);
await type(
  'ls gateway/maps',
  /^relay_domains\nrelay_domains\.cdb\nrelay_recipients\nrelay_recipients\.cdb\nstale_domains\nstale_domains\.cdb\n$/,
);
const lookup = (address) => `relaymap lookup --config gateway/relaymap.toml ${address}`;
await type(lookup('anna.adler@example.org'), /accepted/);
await type(lookup('info@xn--bcher-kva.example'), /accepted/);
await type(lookup('nobody@example.org'), /rejected, no such recipient/, 1);

heading('A new colleague: the list changes, the gateway takes the difference');
await type('cp central/published/manifest.json old-manifest.json');
await type('echo zoe.zimmer@example.org >>central/recipients');
await type('relaymap-publish publish --config central/publish.toml', /published version 2 .*1 delta/);
await type('relaymap fetch --config gateway/relaymap.toml', /installed version 2, .*delta/);
await type(lookup('zoe.zimmer@example.org'), /accepted/);

heading('Tampered with: one letter of the signed manifest. Refused');
await type('cp central/published/manifest.json good-manifest.json');
await type(`sed 's/"ey/"ez/' good-manifest.json >central/published/manifest.json`);
await type('relaymap fetch --config gateway/relaymap.toml', /BAD_SIGNATURE[^]*version 2 .*still in use/, 1);
await type(lookup('zoe.zimmer@example.org'), /accepted/);
await type('relaymap health --config gateway/relaymap.toml', /^RELAYMAP WARNING .*BAD_SIGNATURE/s, 1);

heading('Signed, but old: the list from before zoe comes back. Refused');
await type('cp old-manifest.json central/published/manifest.json');
await type('relaymap fetch --config gateway/relaymap.toml', /ROLLBACK[^]*version 2 .*still in use/, 1);
await type(lookup('zoe.zimmer@example.org'), /accepted/);

heading('Put right again');
await type('cp good-manifest.json central/published/manifest.json');
await type('relaymap fetch --config gateway/relaymap.toml', /unchanged, version 2,/);
await type('relaymap health --config gateway/relaymap.toml --deep', /^RELAYMAP OK - example-org version 2, /);

server.removeAllListeners('exit');
await new Promise((resolve) => server.on('exit', resolve).kill());
rmSync(noPostfix, { recursive: true });
if (keep) {
  const config = at('central', 'publish.toml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('127.0.0.1:0"', `${new URL(url).host}"`));
  say(`\n== Done. To play on, type the first four commands from above, then for instance

$ relaymap-publish serve --config central/publish.toml &    # the same port
$ relaymap history --config gateway/relaymap.toml --diff 1 2
$ echo yusuf@example.org >>central/recipients    # then publish, fetch, lookup`);
} else say('\n== Done, and cleaned up. A folder to play in: npm run demo -- --keep [DIR]');
process.exit(0);
