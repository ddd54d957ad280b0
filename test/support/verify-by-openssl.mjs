// Verifies the key ring steps and the manifest of a repository with `openssl` alone, as an auditor would: from the key
// directory of a gateway, by docs/bundle-format.md sections 2 and 6. Shares no code with src/. Prints a line for each
// document, and ends with 1 at the first that does not hold.
//
//   node test/support/verify-by-openssl.mjs REPOSITORY KEYS [THRESHOLD [ROOT_THRESHOLD]]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [repository = '.', keys = 'keys', threshold = '1', rootThreshold = ''] = process.argv.slice(2);
const scratch = mkdtempSync(path.join(os.tmpdir(), 'relaymap-audit-'));
const openssl = (args, input) => execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });

/** The raw key of a PEM file: the last 32 bytes of its DER. */
const rawOf = (file) => openssl(['pkey', '-pubin', '-in', file, '-outform', 'DER']).subarray(-32);
const sha256 = (bytes) => openssl(['dgst', '-sha256', '-r'], bytes).toString().slice(0, 64);

function keysIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.pub'))
    .map((name) => rawOf(path.join(folder, name)));
}

/** How many of these raw keys have signed. */
function signatures({ payload, payloadType, signatures: given }, trusted) {
  const body = Buffer.from(payload, 'base64');
  const message = path.join(scratch, 'message');
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `;
  writeFileSync(message, Buffer.concat([Buffer.from(head), body]));
  return trusted.filter((raw) => {
    const named = given.find(({ keyid }) => keyid === sha256(raw));
    if (named === undefined) return false;
    const key = path.join(scratch, 'key.der');
    const signature = path.join(scratch, 'signature');
    writeFileSync(key, Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]));
    writeFileSync(signature, Buffer.from(named.sig, 'base64'));
    const how = ['-verify', '-pubin', '-keyform', 'DER', '-inkey', key, '-rawin', '-in', message];
    return spawnSync('openssl', ['pkeyutl', ...how, '-sigfile', signature]).status === 0;
  }).length;
}

function demand(what, found, needed) {
  if (found < needed) throw new Error(`${what}: ${found} of ${needed} signatures`);
}

function audit() {
  const roots = keysIn(path.join(keys, 'root'));
  const most = rootThreshold === '' ? Math.floor(roots.length / 2) + 1 : Number(rootThreshold);
  let ring = { keys: keysIn(keys), threshold: Number(threshold), rootKeys: roots, rootThreshold: most };
  for (let n = 1; existsSync(path.join(repository, 'keyring', `${n}.json`)); n++) {
    const envelope = JSON.parse(readFileSync(path.join(repository, 'keyring', `${n}.json`), 'utf8'));
    if (envelope.payloadType !== 'application/vnd.relaymap.keyring.v1+json') throw new Error(`step ${n}: another kind`);
    demand(`step ${n}, the root keys before it`, signatures(envelope, ring.rootKeys), ring.rootThreshold);
    const step = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    const raw = (texts) => texts.map((text) => Buffer.from(text, 'base64'));
    const next = { ...step, keys: raw(step.keys), rootKeys: raw(step.rootKeys) };
    demand(`step ${n}, its own root keys`, signatures(envelope, next.rootKeys), next.rootThreshold);
    if (step.version !== n) throw new Error(`step ${n}: its version is ${step.version}`);
    ring = next;
    console.log(`step ${n}: good, keys ${ring.keys.map((key) => sha256(key).slice(0, 16)).join(', ')}`);
  }
  const envelope = JSON.parse(readFileSync(path.join(repository, 'manifest.json'), 'utf8'));
  if (envelope.payloadType !== 'application/vnd.relaymap.manifest.v1+json') throw new Error('manifest: another kind');
  demand('manifest', signatures(envelope, ring.keys), ring.threshold);
  console.log(`manifest: good, version ${JSON.parse(Buffer.from(envelope.payload, 'base64').toString()).version}`);
}

try {
  audit();
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
