/**
 * The keys of a configuration (docs/commands.md section 3): those that sign here, those that sign elsewhere, and how
 * many signatures a manifest needs before it goes out.
 */
import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { keyid, parsePublicKey } from '../../bundle/trust/public-key.ts';
import { StepError } from '../../errors.ts';
import { list, text } from '../../io/config-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { writableByOthers } from '../../io/rights.ts';
import { PublishError } from '../errors.ts';
import { absolute } from '../source-config.ts';
import { agentSigner } from './agent-signer.ts';
import { commandSigner } from './command-signer.ts';
import type { Signer, TrustedKey } from './signer.ts';
import { readKey } from './signing-key.ts';

const KINDS =
  'must be a key file, { public = "FILE.pub", agent = "SOCKET" } or { public = "FILE.pub", command = [...] }';

/** One of `keys`. With `public` alone the key signs elsewhere (`sign`). */
export const KeyConfig = z.pipe(
  z.transform((value: unknown) => (typeof value === 'string' ? { file: value } : value)),
  z
    .strictObject(
      {
        file: z.optional(absolute()),
        public: z.optional(absolute()),
        agent: z.optional(absolute()),
        command: z.optional(list(text()).check(z.minLength(1, { error: 'must name a program' }))),
      },
      { error: KINDS },
    )
    .check(
      z.refine((k) => (k.file === undefined) !== (k.public === undefined), { error: KINDS }),
      z.refine((k) => k.file === undefined || (k.agent ?? k.command) === undefined, { error: KINDS }),
      z.refine((k) => k.agent === undefined || k.command === undefined, { error: KINDS }),
    ),
);
export type KeyConfig = z.infer<typeof KeyConfig>;

export interface PublisherKeys {
  /** All of `keys`, in order. What lies in `output` is our own if one of them signed it. */
  readonly own: readonly TrustedKey[];
  /** Those of them that sign here. */
  readonly signers: readonly Signer[];
  /** Keys of other hosts, whose signatures count too. */
  readonly others: readonly TrustedKey[];
  /** How many signatures a manifest needs. */
  readonly threshold: number;
}

interface Configured {
  readonly keys: readonly KeyConfig[];
  readonly threshold?: number | undefined;
  readonly cosigners?: readonly { readonly public: string }[] | undefined;
}

/** @param also as in `readKey`. @throws PublishError KEY */
export function openKeys({ keys, threshold, cosigners = [] }: Configured, also: number | null = null): PublisherKeys {
  const own = keys.map((key) => openKey(key, also));
  const others = cosigners.map((each) => publicKeyIn(each.public, also));
  const all = new Map([...own, ...others].map((key) => [key.keyid, key]));
  if (all.size !== own.length + others.length)
    throw new PublishError('KEY', 'two of `keys` and `cosigners` hold the same key');
  const signers = own.filter((key): key is Signer => 'sign' in key);
  return { own, signers, others, threshold: threshold ?? own.length };
}

/** All keys whose signatures count. */
export const trustedBy = ({ own, others }: PublisherKeys): readonly TrustedKey[] => [...own, ...others];

function openKey(key: KeyConfig, also: number | null): TrustedKey | Signer {
  if (key.file !== undefined) return readKey(key.file, also);
  const open = publicKeyIn(key.public ?? '', also);
  if (key.agent !== undefined) return agentSigner({ ...open, label: `the ssh-agent at ${key.agent}` }, key.agent);
  if (key.command !== undefined) return commandSigner({ ...open, label: key.command[0] ?? '' }, key.command);
  return open;
}

/** @throws PublishError KEY */
export function publicKeyIn(file: string, also: number | null = null): TrustedKey {
  let pem: string;
  try {
    pem = readFileSync(file, 'latin1');
  } catch (error) {
    throw new PublishError('KEY', `cannot read the public key ${file}: ${whyUnread(error, file)}`, error);
  }
  const unsafe = writableByOthers('the public key', file, also);
  if (unsafe !== null) throw new PublishError('KEY', unsafe);
  try {
    const publicKey = parsePublicKey(pem);
    return { keyid: keyid(publicKey), publicKey, label: file };
  } catch (error) {
    if (error instanceof StepError) throw new PublishError('KEY', `${file}: ${error.message}`, error);
    throw error;
  }
}
