/** `relaymap-publish keyring init | propose | status | rehearse`: no configuration, no network. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeStep, type KeyringStep, type KeySet } from '../../../bundle/trust/keyring.ts';
import { defaultRootThreshold } from '../../../bundle/trust/root-threshold.ts';
import { decodeEnvelope } from '../../../bundle/trust/envelope.ts';
import { parseManifest } from '../../../bundle/offer/manifest.ts';
import { HostError, StepError } from '../../../errors.ts';
import { createFile } from '../../../io/atomic-file.ts';
import { whyUnread } from '../../../io/denied.ts';
import { printable } from '../../../io/printable.ts';
import { PublishError } from '../../../publisher/errors.ts';
import { keyFolder, publishedSteps } from '../../../publisher/keys/key-folder.ts';
import { publicKeyIn } from '../../../publisher/keys/publisher-keys.ts';
import { makeKey } from '../../../publisher/keys/signing-key.ts';
import { rehearsed } from '../../../publisher/keys/rehearse.ts';
import {
  chainOf,
  encodeStepFile,
  merged,
  newest,
  parseStepFile,
  type Start,
  type StepFile,
} from '../../../publisher/keys/step-file.ts';
import { MANIFEST, type Store } from '../../../publisher/repository/store.ts';
import { openPlace, type OpenBucket, type S3Options } from '../s3/options.ts';
import { changeWords, signedBy, signedWords, stepWords } from '../../../publisher/keys/step-words.ts';

export interface KeyringOptions extends S3Options {
  readonly config: string;
  readonly out?: string;
  readonly name?: string;
  readonly keys?: string;
  readonly published?: string;
  readonly roots?: string;
  readonly threshold?: string;
  readonly rootThreshold?: string;
  readonly startThreshold?: string;
  readonly startRootThreshold?: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly addRoot?: readonly string[];
  readonly removeRoot?: readonly string[];
  readonly floor?: string;
  readonly withoutOld: boolean;
}

export type Action = (files: readonly string[], options: KeyringOptions, now: Date) => number | Promise<number>;

/** What a command is given beside its options. */
interface Given {
  readonly now: Date;
  /** `keyring publish` */
  readonly publish: Action;
  /** Null for a program without a network. */
  readonly open: OpenBucket | null;
}

type Acting = (files: readonly string[], options: KeyringOptions, given: Given) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, Acting>> = {
  init: (_, options) => init(options),
  propose: (_, options, { now, open }) => withPublished(options, open, (published) => propose(options, published, now)),
  status: (files) => status(files),
  rehearse: (files, options, { open }) =>
    withPublished(options, open, async (published) => say((await rehearsed(readSteps(files), published)).lines)),
  publish: (files, options, { publish, now }) => publish(files, options, now),
};

export async function keyringCommand(
  action: string,
  files: readonly string[],
  options: KeyringOptions,
  given: Given,
): Promise<number> {
  const known = Object.keys(ACTIONS).join(', ');
  const run = ACTIONS[action];
  if (run === undefined) throw new HostError('CONFIG', `keyring ${action}: it is one of ${known}`);
  const takesFiles = action !== 'init' && action !== 'propose';
  if (takesFiles !== files.length > 0)
    throw new HostError('CONFIG', `keyring ${action} takes ${takesFiles ? 'the FILE of a step' : 'no file'}`);
  return run(files, options, given);
}

/** The place that `--published` names; null without it. */
async function withPublished(
  options: KeyringOptions,
  open: OpenBucket | null,
  work: (published: Store | null) => Promise<number>,
): Promise<number> {
  if (options.published === undefined) return await work(null);
  const store = await openPlace(options.published, options, open);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const say = (lines: readonly string[]): number => {
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  return 0;
};

function number(option: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && value <= most) return value;
  throw new HostError('CONFIG', `${option} ${text} is no number from 1 to ${most}`);
}

/** Makes the root keys, and says where they belong. */
function init({ out, name = 'root', roots, rootThreshold }: KeyringOptions): number {
  if (out === undefined) throw new HostError('CONFIG', 'keyring init needs --out DIR');
  const count = number('--roots', roots, 16) ?? 3;
  const threshold = number('--root-threshold', rootThreshold, count) ?? defaultRootThreshold(count);
  const there = Array.from({ length: count }, (_, i) =>
    ['key', 'pub'].map((end) => path.join(out, `${name}-${i + 1}.${end}`)),
  )
    .flat()
    .find((file) => existsSync(file));
  if (there !== undefined) throw new PublishError('KEY', `${there} is there already; a key is never overwritten`);
  const made = Array.from({ length: count }, (_, i) => makeKey(out, `${name}-${i + 1}`, randomBytes(32)));
  return say([
    ...made.map(({ keyid, files }) => `root key ${keyid.slice(0, 16)}: ${files.join(', ')}`),
    `${threshold} of these ${count} root keys have to sign each change of keys.`,
    'Put each .key on a medium of its own, each in another safe, in the hands of another person. None of them may stay',
    'on this host, on the publishing host or on a gateway: delete them here when they are copied and read back.',
    'Put every .pub into the folder root/ of the key directory of each gateway, beside the .pub of the signing key.',
    threshold === defaultRootThreshold(count)
      ? `Gateways need no further setting: their root_threshold is ${threshold} of ${count} by default.`
      : `Set root_threshold = ${threshold} on each gateway.`,
  ]);
}

/** Writes an unsigned step, and says what it changes. */
async function propose(o: KeyringOptions, published: Store | null, now: Date): Promise<number> {
  if (o.keys === undefined)
    throw new HostError('CONFIG', "keyring propose needs --keys DIR: a gateway's key directory");
  const { keys, rootKeys } = keyFolder(o.keys);
  if (rootKeys.size === 0)
    throw new PublishError('KEY', `${path.join(o.keys, 'root')} holds no root key: no step can change these keys`);
  const start: Start = {
    name: o.name ?? (await publishedName(published)),
    keys,
    threshold: number('--start-threshold', o.startThreshold, keys.size) ?? 1,
    rootKeys,
    rootThreshold: number('--start-root-threshold', o.startRootThreshold, rootKeys.size),
  };
  const chain = chainOf(start, published === null ? [] : await publishedSteps(published));
  const before = newest(chain);
  const nextKeys = changed('key', before.keys, o.add, o.remove);
  const nextRoots = changed('root key', before.rootKeys, o.addRoot, o.removeRoot);
  const step: KeyringStep = {
    name: start.name,
    version: before.step + 1,
    created: now,
    keys: nextKeys,
    threshold: number('--threshold', o.threshold, nextKeys.size) ?? Math.min(before.threshold, nextKeys.size),
    rootKeys: nextRoots,
    rootThreshold:
      number('--root-threshold', o.rootThreshold, nextRoots.size) ?? Math.min(before.rootThreshold, nextRoots.size),
    floor: number('--floor', o.floor, Number.MAX_SAFE_INTEGER),
  };
  if (step.threshold < start.threshold)
    throw new PublishError(
      'KEY',
      `its threshold would be ${step.threshold}, gateways have threshold = ${start.threshold}`,
    );
  const least = start.rootThreshold ?? 1;
  if (step.rootThreshold < least)
    throw new PublishError(
      'KEY',
      `its root threshold would be ${step.rootThreshold}, gateways have root_threshold = ${least}`,
    );
  const payload = encodeStep(step);
  const digest = createHash('sha256').update(payload).digest('hex');
  const file: StepFile = { payload, step, digest, signatures: [], before: chain };
  const out = o.out ?? `${start.name}-step-${step.version}.json`;
  if (existsSync(out)) throw new PublishError('KEY', `${out} is there already`);
  createFile(out, encodeStepFile(file), 0o644);
  return say([
    ...stepWords(step),
    ...changeWords(step, before),
    `${out} is not signed yet: ${signedBy(file).missing.join('; ')}`,
    `its digest is ${digest}`,
    'Tell each signer the first 16 characters of it by a way of its own, such as the telephone. They type:',
    `relaymap-publish sign ${path.basename(out)} --key FILE`,
  ]);
}

async function publishedName(store: Store | null): Promise<string> {
  if (store === null) throw new HostError('CONFIG', 'keyring propose needs --name NAME, or --published DIR');
  const file = store.place(MANIFEST);
  const refuse = (why: string, cause?: unknown) =>
    new PublishError('KEY', `cannot read the name in ${file}: ${why}; give --name`, cause);
  const stored = await store.get(MANIFEST);
  if (stored === null) throw refuse('it is not there');
  try {
    return parseManifest(decodeEnvelope(stored.bytes).payload).name;
  } catch (error) {
    if (error instanceof StepError) throw refuse(error.message, error);
    throw error;
  }
}

function changed(what: string, before: KeySet, add: readonly string[] = [], remove: readonly string[] = []): KeySet {
  const next = new Map(before);
  for (const named of remove) {
    const id = named.endsWith('.pub') ? publicKeyIn(path.resolve(named)).keyid : named;
    const gone = /^[0-9a-f]{4,64}$/.test(id) ? [...before.keys()].filter((each) => each.startsWith(id)) : [];
    const [key] = gone;
    if (key === undefined || gone.length > 1) {
      const held = [...before.keys()].map((each) => each.slice(0, 16)).join(', ');
      throw new PublishError('KEY', `${gone.length === 0 ? 'no' : 'more than one'} ${what} begins with ${id}: ${held}`);
    }
    next.delete(key);
  }
  for (const file of add) {
    const { keyid, publicKey } = publicKeyIn(path.resolve(file));
    if (before.has(keyid)) throw new PublishError('KEY', `${file} is one of the ${what}s already`);
    next.set(keyid, publicKey);
  }
  if (next.size === 0 || next.size > 16)
    throw new PublishError('KEY', `there would be ${next.size} ${what}s, not 1 to 16`);
  return next;
}

/** The named files, which are copies of one step that others have signed. */
export function readSteps(files: readonly string[]): StepFile {
  return merged(
    files.map((file) => {
      try {
        return parseStepFile(file, readFileSync(file));
      } catch (error) {
        if (error instanceof PublishError) throw error;
        throw new PublishError('KEY', `cannot read ${file}: ${whyUnread(error, file)}`, error);
      }
    }),
  );
}

function status(files: readonly string[]): number {
  const file = readSteps(files);
  say([
    ...stepWords(file.step),
    ...(file.before === null ? [] : changeWords(file.step, newest(file.before))),
    ...signedWords(file),
    `its digest is ${file.digest}`,
  ]);
  return signedBy(file).missing.length === 0 ? 0 : 1;
}
