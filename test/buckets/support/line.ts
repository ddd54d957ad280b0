// What was ever out, and what is wrong with it: two payloads of one version, a version after a higher one.
import { createHash } from 'node:crypto';

export interface Out {
  readonly version: number;
  /** Of its payload. */
  readonly digest: string;
  /** Of its table of recipients. */
  readonly table: string;
}

export function outOf(envelope: Uint8Array): Out {
  const { payload } = JSON.parse(Buffer.from(envelope).toString()) as { payload: string };
  const bytes = Buffer.from(payload, 'base64');
  const manifest = JSON.parse(bytes.toString()) as {
    version: number;
    tables: { recipients: { sha256: string } };
  };
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { version: manifest.version, digest, table: manifest.tables.recipients.sha256 };
}

export class Line {
  readonly #digests = new Map<number, string>();
  readonly #tables = new Map<number, string>();
  readonly doubled = new Set<number>();
  /** `5 after 6` */
  readonly back: string[] = [];
  #last = 0;

  get versions(): number {
    return this.#digests.size;
  }

  /** Versions with the table of the version before. */
  get renewals(): number {
    return [...this.#tables].filter(([version, table]) => this.#tables.get(version - 1) === table).length;
  }

  /** Of the table of recipients of a version; undefined for one that was never out. */
  tableOf(version: number): string | undefined {
    return this.#tables.get(version);
  }

  /** A manifest that the store has taken, or that was read. Reads come in order, writes may cross on their way. */
  see(envelope: Uint8Array, isRead: boolean): Out {
    const out = outOf(envelope);
    const known = this.#digests.get(out.version);
    if (known !== undefined && known !== out.digest) this.doubled.add(out.version);
    this.#digests.set(out.version, out.digest);
    this.#tables.set(out.version, out.table);
    if (isRead && out.version < this.#last) this.back.push(`${out.version} after ${this.#last}`);
    if (isRead) this.#last = Math.max(this.#last, out.version);
    return out;
  }
}

/** The SHA-256 of a table's text, of rows in any order. */
export const tableOf = (rows: Iterable<string>): string =>
  createHash('sha256')
    .update(
      [...new Set(rows)]
        .map((row) => Buffer.from(`${row}\n`))
        .sort((a, b) => Buffer.compare(a, b))
        .reduce((text, row) => Buffer.concat([text, row]), Buffer.alloc(0)),
    )
    .digest('hex');
