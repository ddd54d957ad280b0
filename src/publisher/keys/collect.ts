/**
 * Collects the signatures of other hosts for a candidate (docs/commands.md section 3.3): each serves an envelope with
 * its own signature alone, named by the SHA-256 of the payload. Asks them over HTTPS; writes nothing.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeEnvelope, MANIFEST_TYPE, MAX_ENVELOPE, type Signature } from '../../bundle/trust/envelope.ts';
import { StepError } from '../../errors.ts';
import { printable } from '../../io/printable.ts';
import type { WaitingManifest } from '../repository/candidates.ts';
import { goodSignatures } from '../repository/sign-manifest.ts';
import { RemoteFolder, type Cosigner } from './remote.ts';
import type { TrustedKey } from './signer.ts';

/** Milliseconds between two questions, and how often each host is asked in one run. */
const PAUSE = 250;
const TRIES = 40;
/** A host that cannot be reached so often in a row is not asked any more in this run. */
const FAILURES = 2;

/** What a cosigner writes where it does not sign. Nobody has signed it: it is for people. */
export const Refused = z.object({ payload: z.string(), message: z.string().check(z.maxLength(4000)) });
export const REFUSED = 'refused.json';

export interface Collected {
  readonly signatures: readonly Signature[];
  /** For each host that has not signed, why, in words. */
  readonly missing: readonly string[];
}

/** A host that has not signed yet. */
interface Asked {
  readonly key: TrustedKey;
  readonly folder: RemoteFolder;
  failures: number;
  why: string;
  over: boolean;
}

/** @param needed how many signatures of others are enough. @throws HostError CONFIG */
export async function collect(
  candidate: WaitingManifest,
  cosigners: readonly Cosigner[],
  keys: readonly TrustedKey[],
  needed: number,
  tries = TRIES,
): Promise<Collected> {
  const hosts = cosigners.map((remote, i): Asked | null => {
    const key = keys[i];
    const folder = new RemoteFolder(remote, process.env);
    return key === undefined ? null : { key, folder, failures: 0, why: 'has not signed it yet', over: false };
  });
  const open = hosts.filter((host) => host !== null);
  const found = new Map<string, Signature>();
  try {
    for (let i = 0; i < tries; i++) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE));
      await Promise.all(
        open
          .filter((host) => !host.over && !found.has(host.key.keyid))
          .map(async (host) => {
            const signature = await ask(host, candidate);
            if (signature !== null) found.set(host.key.keyid, signature);
          }),
      );
      if (found.size >= needed || open.every((host) => host.over || found.has(host.key.keyid))) break;
    }
  } finally {
    await Promise.all(open.map(({ folder }) => folder.close()));
  }
  const missing = open.filter(({ key }) => !found.has(key.keyid)).map(({ folder, why }) => `${folder.label} ${why}`);
  return { signatures: [...found.values()], missing };
}

async function ask(host: Asked, { digest, payload }: WaitingManifest): Promise<Signature | null> {
  try {
    const bytes = await host.folder.file(`${digest}.json`, MAX_ENVELOPE);
    host.failures = 0;
    if (bytes === null) {
      const refusal = await refusalOf(host.folder, digest);
      host.over = refusal !== null;
      host.why = refusal === null ? 'has not signed it yet' : `refuses it: ${refusal}`;
      return null;
    }
    const envelope = decodeEnvelope(bytes);
    const same = createHash('sha256').update(envelope.payload).digest('hex') === digest;
    const [signature] = same && envelope.payloadType === MANIFEST_TYPE ? goodSignatures(bytes, [host.key]) : [];
    if (signature === undefined) host.why = `serves no signature of its own for these ${payload.length} bytes`;
    return signature ?? null;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    host.failures++;
    host.over = host.failures >= FAILURES;
    host.why = `cannot be asked: ${error.code}: ${error.message}`;
    return null;
  }
}

async function refusalOf(folder: RemoteFolder, digest: string): Promise<string | null> {
  const bytes = await folder.file(REFUSED, 16 * 1024);
  if (bytes === null) return null;
  try {
    const found = z.safeParse(Refused, JSON.parse(Buffer.from(bytes).toString()));
    return found.success && found.data.payload === digest ? printable(found.data.message) : null;
  } catch {
    return null; // half written by another web server: it is read again
  }
}
