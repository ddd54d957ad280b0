// The main job end to end, without root, Postfix or openssl: keys, a list, a signed bundle over HTTPS on loopback, maps that answer, and
// a forged bundle that is refused. Prints each command as it could be typed. `npm run demo -- --keep DIR` leaves a folder to play in.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from 'selfsigned';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const keepAt = process.argv.indexOf('--keep');
const kept = keepAt < 0 ? null : path.resolve(process.argv[keepAt + 1] ?? 'relaymap-demo');
const dir = kept ?? mkdtempSync(path.join(os.tmpdir(), 'relaymap-demo-'));
const at = (...names) => path.join(dir, ...names);
const commands = { relaymap: 'relaymap.js', 'relaymap-publish': 'relaymap-publish.js' };
let server = null;

process.on('exit', () => {
  server?.kill('SIGTERM');
  if (kept === null) rmSync(dir, { recursive: true, force: true });
});
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

const say = (text = '') => process.stdout.write(`${text}\n`);
const heading = (text) => say(`\n== ${text}`);

/** The words of a command line as typed, and as they are run from this checkout. */
function prepare(line) {
  const [name, ...words] = line.split(' ');
  say(`$ ${line}`);
  return [process.execPath, [path.join(root, 'dist', 'bin', commands[name]), ...words]];
}

/** Types a command and shows what it answers. It must end with the status that is expected of it. */
function type(line, expected = 0) {
  const [file, words] = prepare(line);
  const { status, stdout, stderr } = spawnSync(file, words, {
    cwd: dir,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  process.stdout.write(stdout + stderr);
  if (expected !== 0) say(`(exit status ${status})`);
  if (status !== expected) {
    say(`the demo expected exit status ${expected}, it was ${status}`);
    process.exit(1);
  }
}

/** Starts `relaymap-publish serve` and gives the URL that it says. */
function serve(line) {
  const [file, words] = prepare(line);
  server = spawn(file, words, { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    server.on('exit', () => reject(new Error('the server ended')));
    server.stdout.on('data', (chunk) => {
      text += chunk;
      const url = /https:\S+/.exec(text)?.[0];
      if (url === undefined) return;
      process.stdout.write(text);
      resolve(url.replace('127.0.0.1', 'localhost'));
    });
  });
}

const people = ['anna', 'ben', 'chen', 'dora', 'emil', 'fatma', 'george', 'hana', 'ivan', 'jose', 'kim', 'lena'];
const domains = ['example.org', 'example.net', 'shop.example.org', 'bücher.example'];
const list = domains.flatMap((domain) =>
  Array.from({ length: 900 }, (_, i) => `${people[i % people.length]}.${1 + Math.floor(i / people.length)}@${domain}`),
);
const special = [
  '# odd ones',
  '"john doe"@example.org',
  "o'neill+news@example.org",
  'ABUSE@Example.org  # upper case is folded',
];
const write = (name, text, mode = 0o644) => writeFileSync(at(name), text, { mode });
const show = (name, text) => {
  write(name, text);
  say(`$ cat ${name}`);
  say(text.trimEnd());
};

mkdirSync(dir, { recursive: true });
for (const folder of ['gateway-keys', 'state', 'maps']) mkdirSync(at(folder));
say('`relaymap` is dist/bin/relaymap.js of this checkout, `relaymap-publish` lies beside it.');
say(`All of this happens in ${kept === null ? 'a temporary folder' : dir}.`);

heading('On the central side: a key, a list, a configuration');
type('relaymap-publish keygen --out . --name example-org');
write('recipients', `${[...list, ...special].join('\n')}\n`);
say(`$ tail -4 recipients   # of ${list.length + special.length} lines`);
say(special.join('\n'));
const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
  keySize: 2048,
  extensions: [
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ],
});
write('tls.pem', certificate.cert);
write('tls.key', certificate.private, 0o600);
write('token', `${randomBytes(18).toString('hex')}\n`, 0o600);
show(
  'publish.toml',
  `name = "example-org"
output = ${JSON.stringify(at('published'))}
state_dir = ${JSON.stringify(at('publisher'))}
keys = [${JSON.stringify(at('example-org.key'))}]

[[source]]
type = "file"
path = ${JSON.stringify(at('recipients'))}

[serve]
listen = "127.0.0.1:0"
cert = ${JSON.stringify(at('tls.pem'))}
key = ${JSON.stringify(at('tls.key'))}
token_file = ${JSON.stringify(at('token'))}
`,
);
type('relaymap-publish publish --config publish.toml');
const url = await serve('relaymap-publish serve --config publish.toml');

heading('On a gateway: the public key, a configuration, the first copy');
write('gateway-keys/example-org.pub', readFileSync(at('example-org.pub')));
show(
  'gateway.toml',
  `state_dir = ${JSON.stringify(at('state'))}
map_dir = ${JSON.stringify(at('maps'))}

[[bundle]]
name = "example-org"
urls = [${JSON.stringify(url)}]
keys = ${JSON.stringify(at('gateway-keys'))}
ca_file = ${JSON.stringify(at('tls.pem'))}
token_file = ${JSON.stringify(at('token'))}
required = ["postmaster@example.org"]
`,
);
type('relaymap fetch --config gateway.toml');
type('relaymap lookup --config gateway.toml anna.1@example.org');
type('relaymap lookup --config gateway.toml nobody@example.org', 1);

heading('A new colleague');
say('$ echo zoe@example.org >> recipients');
write('recipients', `${[...list, ...special, 'zoe@example.org'].join('\n')}\n`);
type('relaymap-publish publish --config publish.toml');
type('relaymap fetch --config gateway.toml');
type('relaymap lookup --config gateway.toml zoe@example.org');
type('relaymap fetch --config gateway.toml');

heading('Somebody changes the published list: refused, and the old map still answers');
const manifest = readFileSync(at('published', 'manifest.json'), 'utf8');
const envelope = JSON.parse(manifest);
const payload = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
payload.version += 1;
write(
  'published/manifest.json',
  JSON.stringify({ ...envelope, payload: Buffer.from(JSON.stringify(payload)).toString('base64') }),
);
say(
  `# published/manifest.json now says version ${payload.version}, with the signature of version ${payload.version - 1}`,
);
type('relaymap fetch --config gateway.toml', 1);
type('relaymap lookup --config gateway.toml zoe@example.org');

heading('And put right again');
write('published/manifest.json', manifest);
type('relaymap fetch --config gateway.toml');
type('relaymap health --config gateway.toml');

server.removeAllListeners('exit');
if (kept === null) say('\nDone; the folder is removed. To keep one to play in: npm run demo -- --keep DIR');
else say(`\nDone. To go on: cd ${kept}, start the server as above (another port: change urls), and type.`);
process.exit(0);
