/**
 * `relaymap-publish sign`: shows what a step or a candidate changes, asks for the first characters of its digest, and
 * appends a signature. Needs the file, a key and this program alone.
 */
import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import path from 'node:path';
import { decodeEnvelope, KEYRING_TYPE, MANIFEST_TYPE, pae, type Signature } from '../../../bundle/trust/envelope.ts';
import { verify } from '../../../bundle/trust/ed25519.ts';
import { HostError, StepError } from '../../../errors.ts';
import { writeFileAtomic } from '../../../io/atomic-file.ts';
import { whyUnread } from '../../../io/denied.ts';
import { log } from '../../../io/log.ts';
import { printable } from '../../../io/printable.ts';
import { PublishError } from '../../../publisher/errors.ts';
import { agentSignerOf } from '../../../publisher/keys/agent-signer.ts';
import { candidateIn, type CandidateFolder } from '../../../publisher/keys/candidate-folder.ts';
import { commandSigner, signatureOf } from '../../../publisher/keys/command-signer.ts';
import { publicKeyIn } from '../../../publisher/keys/publisher-keys.ts';
import type { Signer, TrustedKey } from '../../../publisher/keys/signer.ts';
import { readKey } from '../../../publisher/keys/signing-key.ts';
import { encodeStepFile, newest, parseStepFile, type StepFile } from '../../../publisher/keys/step-file.ts';
import { openPlace, type OpenBucket, type S3Options } from '../s3/options.ts';
import { changeWords, SHORT, signedWords, stepWords } from '../../../publisher/keys/step-words.ts';

export interface SignOptions extends S3Options {
  readonly key?: string;
  readonly agent?: string;
  readonly command?: readonly string[];
  readonly public?: string;
  readonly base?: string;
  readonly allowShrink: boolean;
  readonly yes?: string;
}

/** What is to be signed, and how its file takes a signature. */
interface Signable {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly digest: string;
  readonly signatures: readonly Signature[];
  readonly lines: readonly string[];
  /** Keys that may sign it; null if any may. */
  readonly keys: ReadonlyMap<string, Uint8Array> | null;
  /** The words after a signature was added. */
  readonly write: (signatures: readonly Signature[]) => readonly string[];
}

/** @param open opens a bucket; null for a program without a network. */
export async function signCommand(file: string, options: SignOptions, open: OpenBucket | null): Promise<number> {
  const given = [options.key, options.agent, options.command].filter((each) => each !== undefined);
  if (given.length !== 1)
    throw new HostError('CONFIG', 'sign needs one of --key FILE, --agent KEYID, --command PROGRAM');
  const signable = await signableIn(file, options, open);
  process.stdout.write(`${signable.lines.map(printable).join('\n')}\n`);
  await confirmed(signable.digest, options.yes);
  const message = pae(signable.type, signable.payload);
  const { signer, sig } = await signed(message, signable, options);
  if (signable.keys !== null && !signable.keys.has(signer.keyid)) {
    const may = [...signable.keys.keys()].map((id) => id.slice(0, SHORT)).join(', ');
    throw new PublishError(
      'KEY',
      `${signer.label} is the key ${signer.keyid.slice(0, SHORT)}; the root keys are ${may}`,
    );
  }
  const others = signable.signatures.filter(({ keyid }) => keyid !== signer.keyid);
  const lines = signable.write([...others, { keyid: signer.keyid, sig }]);
  process.stdout.write(`${[`signed by ${signer.keyid.slice(0, SHORT)}`, ...lines].map(printable).join('\n')}\n`);
  return 0;
}

async function signableIn(file: string, options: SignOptions, open: OpenBucket | null): Promise<Signable> {
  const isFolder = statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return await candidateOf(file, options, open);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new PublishError('KEY', `cannot read ${file}: ${whyUnread(error, file)}`, error);
  }
  if (typeOf(bytes) === MANIFEST_TYPE) return await candidateOf(path.dirname(path.resolve(file)), options, open);
  return step(file, parseStepFile(file, bytes));
}

function typeOf(bytes: Uint8Array): string | null {
  try {
    return decodeEnvelope(bytes).payloadType;
  } catch (error) {
    if (error instanceof StepError) return null; // the step's reader says what is wrong
    throw error;
  }
}

function step(file: string, found: StepFile): Signable {
  const { before } = found;
  const old = before === null ? null : newest(before);
  return {
    ...found,
    type: KEYRING_TYPE,
    keys: new Map([...(old?.rootKeys ?? []), ...found.step.rootKeys]),
    lines: [
      ...stepWords(found.step),
      ...(old === null
        ? ['the file does not say what was before, so nothing can be said of what it changes']
        : [`as the file says of step ${old.step}, which is before it:`, ...changeWords(found.step, old)]),
    ],
    write: (signatures) => {
      const next = { ...found, signatures };
      writeFileAtomic(file, encodeStepFile(next), 0o644);
      return signedWords(next);
    },
  };
}

async function candidateOf(folder: string, options: SignOptions, open: OpenBucket | null): Promise<Signable> {
  const base = options.base === undefined ? null : await openPlace(options.base, options, open);
  try {
    return candidate(await candidateIn(folder, base), options);
  } finally {
    await base?.close();
  }
}

function candidate(found: CandidateFolder, { allowShrink }: SignOptions): Signable {
  if (found.refusal !== null && !allowShrink) {
    for (const line of found.lines) log('notice', line);
    throw new PublishError('SHRUNK', `${found.refusal}. If it is meant: --allow-shrink`);
  }
  return { ...found, type: MANIFEST_TYPE, keys: null };
}

/** @throws PublishError UNSIGNED */
async function confirmed(digest: string, yes: string | undefined): Promise<void> {
  const refuse = (found: string, what: string) =>
    new PublishError('UNSIGNED', `nothing is signed: its digest is not the ${what} (${found})`);
  if (yes !== undefined) {
    if (yes.toLowerCase() !== digest) throw refuse(yes.slice(0, 64), 'whole one that --yes gives');
    return;
  }
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const typed = await Promise.race([
      asked.question(`Type the first ${SHORT} characters of its digest, as you were told: `),
      new Promise<string>((resolve) => asked.once('close', () => resolve(''))),
    ]);
    const text = typed.trim().toLowerCase();
    if (text.length !== SHORT || !digest.startsWith(text)) throw refuse(text.slice(0, 64), 'one that was typed');
  } finally {
    asked.close();
  }
}

async function signed(
  message: Uint8Array,
  { keys }: Signable,
  options: SignOptions,
): Promise<{ signer: TrustedKey; sig: Uint8Array }> {
  const signer = await signerOf(options);
  if (signer !== null) return { signer, sig: await signer.sign(message) };
  // A command's public key is one of the step's root keys: which one, its signature tells.
  const argv = argvOf(options.command ?? []);
  const label = argv.at(-1) ?? '';
  const sig = await signatureOf(label, argv, message);
  for (const [keyid, publicKey] of keys ?? [])
    if (verify(message, sig, publicKey)) return { signer: { keyid, publicKey, label }, sig };
  const why = keys === null ? 'for a candidate, give its public key with --public FILE' : 'by none of the root keys';
  throw new PublishError('KEY', `${label} gave a signature that cannot be verified: ${why}`);
}

async function signerOf({ key, agent, command, public: open }: SignOptions): Promise<Signer | null> {
  if (key !== undefined) return readKey(path.resolve(key));
  if (agent !== undefined) {
    const socket = process.env['SSH_AUTH_SOCK'];
    if (socket === undefined || socket === '') throw new PublishError('KEY', 'SSH_AUTH_SOCK names no ssh-agent');
    return agentSignerOf(socket, agent);
  }
  return open === undefined ? null : commandSigner(publicKeyIn(path.resolve(open)), argvOf(command ?? []));
}

/** One word is a line for the shell; several are a program and its arguments. */
const argvOf = (command: readonly string[]): readonly string[] =>
  command.length === 1 ? ['/bin/sh', '-c', command[0] ?? ''] : command;
