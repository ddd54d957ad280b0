/**
 * The configuration that `init` begins with, and the public key beside it. Writes both; an existing configuration that says something
 * else is never touched. What is written has been read as a configuration first.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { NAME } from '../../bundle/offer/name.ts';
import { parsePublicKey, publicKeyPem } from '../../bundle/trust/public-key.ts';
import { HostError } from '../../errors.ts';
import { AtomicFile, createFile, isAbsent, makeFolder } from '../../io/atomic-file.ts';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../config.ts';
import { publicKeyFiles } from '../keys/ring-fingerprint.ts';

export interface Wanted {
  readonly name: string;
  readonly url: string;
  /** Empty for none. */
  readonly domains: readonly string[];
  /** The file with the public key. */
  readonly key: string;
}

export interface Prepared {
  readonly config: GatewayConfig;
  readonly bundle: BundleConfig;
  /** What was written, in words. */
  readonly wrote: readonly string[];
}

const refused = (message: string, cause?: unknown) => new HostError('CONFIG', message, cause);

/** @throws HostError CONFIG: nothing has been written then. */
export function prepareConfig(file: string, wanted: Wanted): Prepared {
  if (!NAME.test(wanted.name)) throw refused(`--name ${wanted.name} must match [a-z0-9][a-z0-9.-]{0,63}`);
  const url = wanted.url.endsWith('/') ? wanted.url : `${wanted.url}/`;
  const raw = publicKey(wanted.key);
  const text = textOf(file);
  if (text !== null && /^\s*\[\[\s*bundle\s*\]\]/m.test(text)) {
    const config = readGatewayConfig(file);
    const bundle = agreeing(file, config, { ...wanted, url });
    return { config, bundle, wrote: addKey(bundle.keys, wanted, raw) };
  }
  const keys = path.join(path.dirname(path.resolve(file)), 'keys', wanted.name);
  const section = bundleSection(file, keys, { ...wanted, url });
  const whole = text === null || isBlank(text) ? HEAD(file) + section + TAIL : `${text.trimEnd()}\n\n${section}`;
  const folder = path.dirname(path.resolve(file));
  if (text === null) makeFolder(folder, 0o755);
  const candidate = new AtomicFile(path.resolve(file), 0o644);
  try {
    candidate.write(Buffer.from(whole));
    candidate.finish();
    const config = readCandidate(candidate.temp, file);
    const bundle = config.bundle.find((b) => b.name === wanted.name);
    if (bundle === undefined) throw refused(`${file} cannot take the bundle ${wanted.name}`);
    const wrote = addKey(keys, wanted, raw);
    candidate.commit();
    return { config, bundle, wrote: [`${text === null || isBlank(text) ? 'wrote' : 'added to'} ${file}`, ...wrote] };
  } finally {
    candidate.discard();
  }
}

const isBlank = (text: string): boolean => text.split('\n').every((line) => /^\s*(#|$)/.test(line));

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return null;
    throw refused(`cannot read the configuration ${file}: ${(error as Error).message}`, error);
  }
}

function readCandidate(temp: string, file: string): GatewayConfig {
  try {
    return readGatewayConfig(temp);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw refused(`${error.message.replaceAll(temp, file)} (nothing was written)`, error);
  }
}

/** The bundle of a configuration that is there already, if it says what is wanted. */
function agreeing(file: string, config: GatewayConfig, wanted: Wanted): BundleConfig {
  const bundle = config.bundle.find((b) => b.name === wanted.name);
  if (bundle === undefined) {
    const keys = path.join(path.dirname(path.resolve(file)), 'keys', wanted.name);
    throw refused(
      `${file} follows ${config.bundle.map((b) => b.name).join(', ')} and stays as it is. To follow ${wanted.name} too, add this to it and type the same again:\n${bundleSection(file, keys, wanted)}`,
    );
  }
  if (!bundle.urls.includes(wanted.url)) {
    throw refused(
      `${file} has ${bundle.urls.join(', ')} for ${wanted.name}, --url is ${wanted.url}. The file stays as it is: change it there, or type its own URL`,
    );
  }
  const own = [...(bundle.domains ?? [])].sort().join(', ');
  const asked = [...wanted.domains].sort().join(', ');
  if (asked !== '' && asked !== own) {
    throw refused(
      `${file} has ${own === '' ? 'no domains' : `the domains ${own}`} for ${wanted.name}, --domains is ${asked}. The file stays as it is: change it there, or leave --domains out`,
    );
  }
  return bundle;
}

function publicKey(file: string): Uint8Array {
  let pem: string;
  try {
    pem = readFileSync(file, 'latin1');
  } catch (error) {
    throw refused(`cannot read the public key --key ${file}: ${(error as Error).message}`, error);
  }
  try {
    return parsePublicKey(pem);
  } catch (error) {
    throw refused(`--key ${file}: ${(error as Error).message}`, error);
  }
}

/** Puts the key into the folder unless it is there, under whatever name. */
function addKey(folder: string, { name, key }: Wanted, raw: Uint8Array): string[] {
  try {
    makeFolder(folder, 0o755);
    if (publicKeyFiles(folder).some((file) => isKey(file, raw))) return [];
    const place = path.join(folder, `${name}.pub`);
    createFile(place, publicKeyPem(raw), 0o644);
    return [`wrote ${place}`];
  } catch (error) {
    if (error instanceof HostError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw refused(`the key cannot be put into ${folder}: ${message}`, error);
    throw refused(
      `${folder}/${name}.pub is there and holds another key than ${key}. To trust both: cp ${key} ${folder}/${name}-2.pub`,
    );
  }
}

function isKey(file: string, raw: Uint8Array): boolean {
  try {
    return Buffer.compare(parsePublicKey(readFileSync(file, 'latin1')), raw) === 0;
  } catch {
    return false; // no key, or unreadable: the cycle says so
  }
}

const HEAD = (file: string): string => `# ${file}: which lists this host follows. Written by relaymap init;
# after a change: relaymap check, and systemctl reload relaymap.

# state_dir = "/var/lib/relaymap"          # copies and records
# map_dir = "/var/lib/relaymap/maps"       # what Postfix opens

`;

function bundleSection(file: string, keys: string, { name, url, domains }: Omit<Wanted, 'key'>): string {
  const beside = path.dirname(path.resolve(file));
  const speaks =
    domains.length === 0
      ? `# domains = ["example.org", "*.example.org"]   # all that this list may speak for: better set it`
      : `domains = ${list(domains)}   # all that this list may speak for`;
  return `[[bundle]]
name = ${JSON.stringify(name)}
urls = ${list([url])}   # mirrors of the same list may follow
keys = ${JSON.stringify(keys)}   # every *.pub in it is trusted
${speaks}
# required = ["postmaster@${domains.find((d) => !d.startsWith('*.')) ?? 'example.org'}"]   # a list without it is refused
# token_file = ${JSON.stringify(path.join(beside, 'token'))}   # if the server asks for one; chown root:relaymap, chmod 0640
# ca_file = ${JSON.stringify(path.join(beside, 'ca.pem'))}   # if its certificate is of a CA of your own
# client_cert = ${JSON.stringify(path.join(beside, 'client.pem'))}
# client_key = ${JSON.stringify(path.join(beside, 'client.key'))}
`;
}

const list = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;

const TAIL = `
# [schedule]
# cron = "* * * * *"
# jitter = "30s"

# [health]
# warn_after = "1h"
# critical_after = "24h"
`;
