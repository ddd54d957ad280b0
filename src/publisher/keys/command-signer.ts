/**
 * Signs by a program that holds the key: the bytes to sign on its stdin, 64 bytes or their base64 back on its stdout
 * (docs/commands.md section 3). No shell. Its stderr goes to the log.
 */
import { spawn } from 'node:child_process';
import { log } from '../../io/log.ts';
import { PublishError } from '../errors.ts';
import { verified, warnOfLength, type Signer, type TrustedKey } from './signer.ts';

/** Milliseconds: a person may have to type a PIN or touch a token. */
const PATIENCE = 120_000;
/** More than this is no signature. */
const MAX_BYTES = 1024;
const MAX_SAID = 2000;

export function commandSigner(key: TrustedKey, argv: readonly string[]): Signer {
  return {
    ...key,
    sign: async (message) => {
      warnOfLength(key.label, message);
      return verified(key, message, await signatureOf(key.label, argv, message));
    },
  };
}

/** What the program gives as a signature, not verified. @throws PublishError KEY */
export async function signatureOf(label: string, argv: readonly string[], message: Uint8Array): Promise<Uint8Array> {
  const output = await outputOf(label, argv, message);
  if (output.length === 64) return output;
  const text = output.toString('latin1').replace(/\s+/g, '');
  const bytes = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length === 64) return bytes;
  throw new PublishError('KEY', `${label} gave ${output.length} bytes, expected 64 or their base64`);
}

function outputOf(label: string, [file = '', ...args]: readonly string[], message: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const end = () => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      child.stdout.destroy(); // a grandchild may hold it open
      child.stderr.destroy();
    };
    const failed = (why: string, cause?: unknown) => {
      end();
      reject(new PublishError('KEY', `${label} ${why}`, cause));
    };
    const timer = setTimeout(() => failed(`gave no signature within ${PATIENCE / 1000} s`), PATIENCE);
    const chunks: Buffer[] = [];
    let [size, said] = [0, ''];
    child.on('error', (error) => failed(`cannot be run: ${error.message}`, error));
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > MAX_BYTES) failed(`gave more than ${MAX_BYTES} bytes`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MAX_SAID)));
    child.on('close', (status, signal) => {
      for (const line of said.split('\n')) if (line.trim() !== '') log('info', `${label}: ${line}`);
      if (signal !== null) failed(`was ended by ${signal}`);
      else if (status !== 0) failed(`ended with status ${status}; its output is not used`);
      else resolve(Buffer.concat(chunks));
      end();
    });
    // A program that does not read all of it ends by itself, and its status says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(message);
  });
}
