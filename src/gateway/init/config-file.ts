/**
 * The configuration that `init` begins with, and the public key beside it. Writes both; an existing bundle that
 * says something else is changed only by --replace. What is written has been read as a configuration first.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { NAME } from '../../bundle/offer/name.ts';
import { parsePublicKey, publicKeyPem } from '../../bundle/trust/public-key.ts';
import { HostError } from '../../errors.ts';
import { AtomicFile, createFile, isAbsent, makeFolder } from '../../io/atomic-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../config.ts';
import { publicKeyFiles } from '../keys/ring-fingerprint.ts';
import {
  bundleSection,
  differences,
  mtaSection,
  replaceIn,
  wholeText,
  withStale,
  type Difference,
  type Wanted,
} from './config-text.ts';

export interface Prepared {
  readonly config: GatewayConfig;
  readonly bundle: BundleConfig;
  /** What was written, in words. */
  readonly wrote: readonly string[];
}

const refused = (message: string | readonly string[], cause?: unknown) => new HostError('CONFIG', message, cause);

/** @throws HostError CONFIG: nothing has been written then. */
export function prepareConfig(file: string, wanted: Wanted): Prepared {
  const prepared = prepareBundle(file, wanted);
  if (!wanted.isBackup || prepared.config.stale !== undefined) return prepared;
  const text = withStale(textOf(file) ?? '');
  const { config, bundle } = write(file, text, wanted.name, publicKey(wanted.key), {
    keys: prepared.bundle.keys,
    wanted,
  });
  return { config, bundle, wrote: prepared.wrote.length > 0 ? prepared.wrote : [`changed ${file}`] };
}

function prepareBundle(file: string, wanted: Wanted): Prepared {
  if (!NAME.test(wanted.name)) throw refused(`--name ${wanted.name} must match [a-z0-9][a-z0-9.-]{0,63}`);
  const url = wanted.url.endsWith('/') ? wanted.url : `${wanted.url}/`;
  const raw = publicKey(wanted.key);
  const text = textOf(file);
  if (text !== null && /^\s*\[\[\s*bundle\s*\]\]/m.test(text)) {
    const config = readGatewayConfig(file);
    const bundle = bundleOf(file, config, { ...wanted, url });
    requireKind(file, config, wanted);
    const differing = differences(bundle, { ...wanted, url });
    if (differing.length === 0) return { config, bundle, wrote: addKey(bundle.keys, wanted, raw) };
    if (!wanted.replace) throw differs(file, wanted.name, differing);
    const replaced = replaceIn(text, wanted.name, differing);
    if (replaced === null)
      throw differs(file, wanted.name, differing, 'and is written in a way that --replace cannot edit');
    return { ...write(file, replaced, wanted.name, raw, { keys: bundle.keys, wanted }), wrote: [`changed ${file}`] };
  }
  const keys = path.join(path.dirname(path.resolve(file)), 'keys', wanted.name);
  const mta = text !== null && /^\s*\[\s*mta\s*\]/m.test(text) ? '' : mtaSection(wanted);
  const section = bundleSection(file, keys, { ...wanted, url }) + mta;
  const whole = text === null || isBlank(text) ? wholeText(file, section) : `${text.trimEnd()}\n\n${section}`;
  if (text === null) makeFolder(path.dirname(path.resolve(file)), 0o755);
  const { config, bundle, wrote } = write(file, whole, wanted.name, raw, { keys, wanted });
  return { config, bundle, wrote: [`${text === null || isBlank(text) ? 'wrote' : 'added to'} ${file}`, ...wrote] };
}

/** Puts the text into place once it has been read as a configuration; the key first. */
function write(
  file: string,
  text: string,
  name: string,
  raw: Uint8Array,
  { keys, wanted }: { readonly keys: string; readonly wanted: Wanted },
): Prepared {
  const candidate = new AtomicFile(path.resolve(file), 0o644);
  try {
    candidate.write(Buffer.from(text));
    candidate.finish();
    const config = readCandidate(candidate.temp, file);
    const bundle = config.bundle.find((b) => b.name === name);
    if (bundle === undefined) throw refused(`${file} cannot take the bundle ${name}`);
    requireKind(file, config, wanted);
    const wrote = addKey(keys, wanted, raw);
    candidate.commit();
    return { config, bundle, wrote };
  } finally {
    candidate.discard();
  }
}

/** Another server would be asked in another way: that is for a person to decide. */
function requireKind(file: string, { mta }: GatewayConfig, { kind }: Wanted): void {
  if (kind === undefined || kind === mta.kind) return;
  throw refused(`${file} has kind = "${mta.kind}" below [mta], and the kind asked for is "${kind}"; change it there`);
}

const isBlank = (text: string): boolean => text.split('\n').every((line) => /^\s*(#|$)/.test(line));

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return null;
    throw refused(`cannot read the configuration ${file}: ${whyUnread(error, file)}`, error);
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

/** The bundle of a configuration that is there already. */
function bundleOf(file: string, config: GatewayConfig, wanted: Wanted): BundleConfig {
  const bundle = config.bundle.find((b) => b.name === wanted.name);
  if (bundle !== undefined) return bundle;
  const keys = path.join(path.dirname(path.resolve(file)), 'keys', wanted.name);
  throw refused([
    `${file} follows ${config.bundle.map((b) => b.name).join(', ')} and stays as it is. To follow ${wanted.name} too, add this to it and type the same again:`,
    ...bundleSection(file, keys, wanted).trimEnd().split('\n'),
  ]);
}

function differs(file: string, name: string, all: readonly Difference[], more = ''): HostError {
  const lines = all.map(({ key, option, has, asked }) => `  ${key}: ${has}; ${option} is ${asked}`);
  const how =
    more === '' ? 'To write what was typed: the same with --replace' : `It must be changed by hand: it differs ${more}`;
  return refused([`${file} says something else of ${name}, and stays as it is:`, ...lines, how]);
}

function publicKey(file: string): Uint8Array {
  let pem: string;
  try {
    pem = readFileSync(file, 'latin1');
  } catch (error) {
    throw refused(`cannot read the public key --key ${file}: ${whyUnread(error, file)}`, error);
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
