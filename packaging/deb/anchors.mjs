// The trust anchors that the gateway's package contains: keys/NAME.pub, or a folder keys/NAME/ with *.pub and
// root/*.pub. Reads only that folder, and refuses anything that is not an Ed25519 public key.
import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

function publicKey(file) {
  const pem = readFileSync(file, 'latin1');
  let type;
  try {
    type = createPublicKey(pem).asymmetricKeyType;
  } catch {
    type = 'nothing that is a public key';
  }
  if (type !== 'ed25519') throw new Error(`${file} is ${type}; wanted is an Ed25519 public key (PEM, SPKI)`);
  return pem;
}

/**
 * `where` is below /etc/relaymap/keys/: NAME.pub becomes NAME/NAME.pub.
 * @returns {{where: string, pem: string}[]} sorted
 */
export function anchors(folder) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const where = path.relative(folder, file);
    if (/PRIVATE KEY/.test(readFileSync(file, 'latin1')))
      throw new Error(`${file} holds a PRIVATE key: take it out of this folder`);
    if (!entry.name.endsWith('.pub')) continue;
    if (!/^(?:[a-z0-9][a-z0-9.-]*\/(?:root\/)?)?[A-Za-z0-9][A-Za-z0-9._-]*\.pub$/.test(where))
      throw new Error(`${file}: a key is keys/NAME.pub, keys/NAME/ANY.pub or keys/NAME/root/ANY.pub`);
    const pem = publicKey(file);
    found.push({ where: where.includes('/') ? where : `${where.replace(/\.pub$/, '')}/${where}`, pem });
  }
  return found.sort((a, b) => (a.where < b.where ? -1 : 1));
}
