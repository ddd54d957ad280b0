/**
 * Asks an ssh-agent, or gpg-agent's ssh socket, for its Ed25519 keys and for raw signatures
 * (draft-miller-ssh-agent). Speaks to the one socket that it is given. A FIDO key signs wrapped data, which is of no
 * use here: only `ssh-ed25519` is asked for.
 */
import { connect } from 'node:net';
import { SourceError } from '../../errors.ts';
import { printable } from '../printable.ts';

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const KIND = 'ssh-ed25519';
/** The agents' own limit for one message. */
const MAX_MESSAGE = 256 * 1024;

export interface AgentKey {
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array;
  readonly comment: string;
}

/** The Ed25519 keys that the agent holds. @param timeout milliseconds. @throws SourceError NETWORK or TIMEOUT */
export async function agentKeys(socket: string, timeout: number): Promise<AgentKey[]> {
  const answer = await ask(socket, Buffer.from([REQUEST_IDENTITIES]), IDENTITIES_ANSWER, timeout);
  const count = answer.number();
  const keys: AgentKey[] = [];
  for (let i = 0; i < count; i++) {
    const blob = new Fields(socket, answer.text());
    const comment = printable(answer.text().toString('utf8'));
    if (blob.text().toString('latin1') !== KIND) continue;
    const publicKey = blob.text();
    if (publicKey.length === 32) keys.push({ publicKey, comment });
  }
  return keys;
}

/**
 * The 64 bytes that the agent gives as the signature of `message`. Whether they are one is for the caller to verify.
 * @param timeout milliseconds, in which a person may have to type a PIN. @throws SourceError NETWORK or TIMEOUT
 */
export async function agentSignature(
  socket: string,
  publicKey: Uint8Array,
  message: Uint8Array,
  timeout: number,
): Promise<Uint8Array> {
  const blob = Buffer.concat([field(Buffer.from(KIND)), field(publicKey)]);
  const flags = Buffer.alloc(4);
  const request = Buffer.concat([Buffer.from([SIGN_REQUEST]), field(blob), field(message), flags]);
  if (request.length > MAX_MESSAGE)
    throw new SourceError('NETWORK', `${socket}: ${message.length} bytes are more than an ssh-agent signs`);
  const answer = await ask(socket, request, SIGN_RESPONSE, timeout);
  const signature = new Fields(socket, answer.text());
  const kind = signature.text().toString('latin1');
  const bytes = signature.text();
  if (kind === KIND && bytes.length === 64) return bytes;
  throw new SourceError(
    'NETWORK',
    `${socket} gave ${bytes.length} bytes of ${kind.slice(0, 40)}, expected 64 of ${KIND}`,
  );
}

function field(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** An answer's fields in order. Past the end it throws, as a server's answer that is cut short. */
class Fields {
  readonly #socket: string;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(socket: string, bytes: Buffer) {
    this.#socket = socket;
    this.#bytes = bytes;
  }

  number(): number {
    return this.#take(4).readUInt32BE();
  }

  text(): Buffer {
    return this.#take(this.number());
  }

  #take(length: number): Buffer {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new SourceError('NETWORK', `${this.#socket}: an answer that is cut short`);
    this.#at += length;
    return bytes;
  }
}

/** One request and its answer, behind the answer's first byte, which must be `expected`. */
function ask(socket: string, request: Uint8Array, expected: number, timeout: number): Promise<Fields> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    const failed = (code: 'NETWORK' | 'TIMEOUT', why: string, cause?: unknown) => {
      connection.destroy();
      reject(new SourceError(code, `the ssh-agent at ${socket} ${why}`, cause));
    };
    let received = Buffer.alloc(0);
    connection.setTimeout(timeout, () => failed('TIMEOUT', `gave no answer within ${timeout / 1000} s`));
    connection.on('error', (error: NodeJS.ErrnoException) =>
      failed('NETWORK', `cannot be asked: ${error.code ?? error.message}`, error),
    );
    connection.on('close', () => failed('NETWORK', 'ended the connection without an answer'));
    connection.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 5) return;
      const length = received.readUInt32BE();
      if (length < 1 || length > MAX_MESSAGE) return failed('NETWORK', `gave an answer of ${length} bytes`);
      if (received.length < 4 + length) return;
      const kind = received[4];
      if (kind !== expected) return failed('NETWORK', 'refused: it does not hold the key, or does not let it be used');
      resolve(new Fields(socket, received.subarray(5, 4 + length)));
      connection.destroy();
    });
    connection.write(field(request));
  });
}
