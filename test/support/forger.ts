// A publisher of the tests' own, written from docs/bundle-format.md alone: it signs with node:crypto and keeps what
// it publishes in memory. It can lie at every layer: table text, gzip body, manifest, payload bytes, envelope,
// file. Shares no code with src/.
import { createHash, generateKeyPairSync, sign as cryptoSign, type KeyObject } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export const MANIFEST_TYPE = 'application/vnd.relaymap.manifest.v1+json';
export const KEYRING_TYPE = 'application/vnd.relaymap.keyring.v1+json';

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export class SigningKey {
  /** The public key: 32 bytes. */
  readonly raw: Buffer;
  readonly keyid: string;
  readonly publicPem: string;
  readonly privatePem: string;
  readonly #private: KeyObject;

  constructor() {
    const pair = generateKeyPairSync('ed25519');
    this.#private = pair.privateKey;
    this.raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
    this.keyid = sha256(this.raw);
    this.publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  sign(bytes: Uint8Array): Buffer {
    return cryptoSign(null, bytes, this.#private);
  }
}

/** What DSSE signs in place of the payload itself. */
export function signedBytes(type: string, payload: Uint8Array): Buffer {
  const head = ['DSSEv1', Buffer.byteLength(type), type, payload.length, ''].join(' ');
  return Buffer.concat([Buffer.from(head), payload]);
}

/** A table's plain text: each row once, in the order of bytes. */
export function tableOf(rows: Iterable<string>): Buffer {
  const sorted = Array.from(new Set(rows), (row) => Buffer.from(`${row}\n`)).sort((a, b) =>
    Buffer.compare(a.subarray(0, -1), b.subarray(0, -1)),
  );
  return Buffer.concat(sorted);
}

/** `YYYY-MM-DDTHH:MM:SSZ` of milliseconds since 1970. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export interface TableDraft {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly encoding: string;
  readonly wireBytes: number;
}

export interface ManifestDraft {
  readonly format: number;
  readonly name: string;
  readonly version: number;
  readonly created: string;
  readonly expires: string;
  readonly tables: { readonly recipients: TableDraft };
}

export interface EnvelopeDraft {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: { readonly keyid: string; readonly sig: string }[];
}

/** Where a publication differs from an honest one. A function gets the honest thing and gives what takes its place. */
export interface Lies {
  readonly version?: number;
  readonly signers?: readonly SigningKey[];
  /** Milliseconds since 1970; a second ago if not told. */
  readonly created?: number;
  /** Seconds from `created` to `expires`; a week if not told. */
  readonly lifetime?: number;
  /** The plain text in place of the rows'; the manifest describes it truthfully. */
  readonly text?: Uint8Array;
  /** The body in place of the text's gzip; `wireBytes` is truthfully its length. */
  readonly wire?: (honest: Buffer) => Uint8Array;
  readonly table?: (honest: TableDraft) => object;
  readonly manifest?: (honest: ManifestDraft) => object;
  /** The payload's bytes, before they are signed, and after. */
  readonly payload?: (honest: Buffer) => Uint8Array | string;
  readonly swapped?: (honest: Buffer) => Uint8Array | string;
  readonly type?: string;
  /** The type that the signature is over, where it is another. */
  readonly signedType?: string;
  readonly envelope?: (honest: EnvelopeDraft) => object;
  /** The bytes of manifest.json. */
  readonly file?: (honest: Buffer) => Uint8Array | string;
}

export interface Publication {
  readonly version: number;
  /** The path of its table, relative to the base URL. */
  readonly table: string;
  readonly manifestFile: Buffer;
}

export class Forger {
  readonly name: string;
  readonly signers: readonly SigningKey[];
  /** What the server gives, by path. */
  readonly files = new Map<string, Buffer>();
  /** Every row ever published. */
  readonly everyRow = new Set<string>();
  version = 0;

  constructor(name = 'example-org', signers: readonly SigningKey[] = [new SigningKey()]) {
    this.name = name;
    this.signers = signers;
  }

  publish(rows: readonly string[], lies: Lies = {}): Publication {
    for (const row of rows) this.everyRow.add(row);
    const text = Buffer.from(lies.text ?? tableOf(rows));
    const honestWire = gzipSync(text);
    const wire = Buffer.from(lies.wire?.(honestWire) ?? honestWire);
    const entry: TableDraft = {
      rows: text.filter((byte) => byte === 0x0a).length,
      bytes: text.length,
      sha256: sha256(text),
      encoding: 'gzip',
      wireBytes: wire.length,
    };
    this.version = lies.version ?? this.version + 1;
    const created = lies.created ?? Date.now() - 1000;
    const manifest: ManifestDraft = {
      format: 1,
      name: this.name,
      version: this.version,
      created: timestamp(created),
      expires: timestamp(created + (lies.lifetime ?? 7 * 86_400) * 1000),
      tables: { recipients: (lies.table?.(entry) ?? entry) as TableDraft },
    };
    const honestPayload = Buffer.from(JSON.stringify(lies.manifest?.(manifest) ?? manifest));
    const payload = Buffer.from(lies.payload?.(honestPayload) ?? honestPayload);
    const manifestFile = this.seal(payload, lies);
    const table = `recipients/${entry.sha256}.gz`;
    this.files.set(table, wire);
    this.files.set('manifest.json', manifestFile);
    return { version: this.version, table, manifestFile };
  }

  /** A signed envelope around a payload. */
  seal(payload: Buffer, lies: Lies = {}): Buffer {
    const type = lies.type ?? MANIFEST_TYPE;
    const toSign = signedBytes(lies.signedType ?? type, payload);
    const shown = Buffer.from(lies.swapped?.(payload) ?? payload);
    const envelope: EnvelopeDraft = {
      payload: shown.toString('base64'),
      payloadType: type,
      signatures: (lies.signers ?? this.signers).map((key) => ({
        keyid: key.keyid,
        sig: key.sign(toSign).toString('base64'),
      })),
    };
    const honest = Buffer.from(JSON.stringify(lies.envelope?.(envelope) ?? envelope));
    return Buffer.from(lies.file?.(honest) ?? honest);
  }
}
