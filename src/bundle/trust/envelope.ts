/**
 * The DSSE envelope (format section 2): JSON around signed bytes. Decodes and encodes; verifies nothing and does
 * not look inside the payload. Pure.
 */
import * as z from 'zod/mini';
import { VerifyError } from '../../errors.ts';

export const MANIFEST_TYPE = 'application/vnd.relaymap.manifest.v1+json';
export const KEYRING_TYPE = 'application/vnd.relaymap.keyring.v1+json';
export const MAX_ENVELOPE = 128 * 1024;
export const MAX_SIGNATURES = 16;

export interface Signature {
  /** Lower-case hex SHA-256 of the raw public key. */
  readonly keyid: string;
  /** Raw bytes; 64 of them if it can be right. */
  readonly sig: Uint8Array;
}

export interface Envelope {
  readonly payload: Uint8Array;
  readonly payloadType: string;
  readonly signatures: readonly Signature[];
}

const Shape = z.object({
  payload: z.string(),
  payloadType: z.string(),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
});

/** The bytes that are signed: DSSE's pre-authentication encoding. */
export function pae(type: string, payload: Uint8Array): Uint8Array {
  const kind = Buffer.from(type);
  return Buffer.concat([Buffer.from(`DSSEv1 ${kind.length} `), kind, Buffer.from(` ${payload.length} `), payload]);
}

/** @throws VerifyError BAD_ENVELOPE */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new VerifyError('BAD_ENVELOPE', `the envelope of ${bytes.length} bytes is not UTF-8 JSON`, error);
  }
  const shape = z.safeParse(Shape, json);
  if (!shape.success) {
    const where = shape.error.issues[0]?.path.join('.');
    throw new VerifyError('BAD_ENVELOPE', `the envelope has no ${where || 'object'} of the right kind`);
  }
  const { payload, payloadType, signatures } = shape.data;
  if (signatures.length > MAX_SIGNATURES) {
    throw new VerifyError('BAD_ENVELOPE', `${signatures.length} signatures, at most ${MAX_SIGNATURES} are allowed`);
  }
  if (new Set(signatures.map((s) => s.keyid)).size !== signatures.length) {
    throw new VerifyError('BAD_ENVELOPE', 'a keyid is named twice');
  }
  return {
    payload: base64(payload, 'payload'),
    payloadType,
    signatures: signatures.map((s, i) => ({ keyid: s.keyid, sig: base64(s.sig, `signature ${i + 1}`) })),
  };
}

/** Standard or URL-safe alphabet, padding optional, no white space; null for anything else. */
export function decodeBase64(text: string): Uint8Array | null {
  const digits = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/.exec(text);
  const padding = digits?.[1]?.length ?? 0;
  const whole = padding === 0 ? text.length % 4 !== 1 : text.length % 4 === 0;
  return digits === null || !whole ? null : Buffer.from(text, 'base64');
}

function base64(text: string, what: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === null) throw new VerifyError('BAD_ENVELOPE', `the ${what} is not base64`);
  return bytes;
}

/** The envelope's bytes, as a publisher writes them. */
export function encodeEnvelope(type: string, payload: Uint8Array, signatures: readonly Signature[]): Uint8Array {
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const json = {
    payload: encode(payload),
    payloadType: type,
    signatures: signatures.map((s) => ({ keyid: s.keyid, sig: encode(s.sig) })),
  };
  return Buffer.from(`${JSON.stringify(json)}\n`);
}
