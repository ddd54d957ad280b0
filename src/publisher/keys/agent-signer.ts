/** Signs by a key that an ssh-agent or gpg-agent holds. Asks the agent through io/net/ssh-agent. */
import { keyid } from '../../bundle/trust/public-key.ts';
import { StepError } from '../../errors.ts';
import { agentKeys, agentSignature } from '../../io/net/ssh-agent.ts';
import { PublishError } from '../errors.ts';
import { verified, warnOfLength, type Signer, type TrustedKey } from './signer.ts';

/** Milliseconds for an answer: a person may have to type a PIN or touch a token. */
const PATIENCE = 120_000;

export function agentSigner(key: TrustedKey, socket: string): Signer {
  return {
    ...key,
    sign: async (message) => {
      warnOfLength(key.label, message);
      return verified(key, message, await asked(() => agentSignature(socket, key.publicKey, message, PATIENCE)));
    },
  };
}

/**
 * The key in the agent whose keyid begins with `id`.
 * @throws PublishError KEY if there is none or several, naming what is there
 */
export async function agentSignerOf(socket: string, id: string): Promise<Signer> {
  const found = (await asked(() => agentKeys(socket, PATIENCE))).map(({ publicKey, comment }) => ({
    keyid: keyid(publicKey),
    publicKey,
    label: `the ssh-agent's key ${comment === '' ? keyid(publicKey).slice(0, 16) : comment}`,
  }));
  const [key, ...more] = /^[0-9a-f]{8,64}$/.test(id) ? found.filter((each) => each.keyid.startsWith(id)) : [];
  if (key !== undefined && more.length === 0) return agentSigner(key, socket);
  const held = found.map((each) => each.keyid).join(', ');
  throw new PublishError(
    'KEY',
    `the ssh-agent holds ${key === undefined ? 'no Ed25519 key' : 'several keys'} of the keyid ${id}; it holds ${held === '' ? 'none' : held}`,
  );
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StepError) throw new PublishError('KEY', error.message, error);
    throw error;
  }
}
