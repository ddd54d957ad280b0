// Adds a delta to a forger's publication: an honest one, or one that lies.
import { gzipSync } from 'node:zlib';
import { sha256, type Forger, type Publication, type TableDraft } from './forger.ts';

export interface DeltaLies {
  readonly text?: string;
  readonly wire?: Buffer;
  readonly entry?: object;
  /** The manifest names it, the server lacks it. */
  readonly absent?: boolean;
}

const bySign = (rows: readonly string[], others: readonly string[], sign: string) =>
  rows.filter((row) => !others.includes(row)).map((row) => [row, sign] as const);

/** The honest text of a delta. */
export function deltaText(from: readonly string[], to: readonly string[]): string {
  return [...bySign(from, to, '-'), ...bySign(to, from, '+')]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([row, sign]) => `${sign}${row}\n`)
    .join('');
}

/**
 * Publishes `to` with a delta from `from`, whose table was published before. @returns the delta's path beside the
 * rest.
 */
export function publishWithDelta(
  forger: Forger,
  from: { readonly rows: readonly string[]; readonly table: string },
  to: readonly string[],
  lies: DeltaLies = {},
): Publication & { readonly delta: string } {
  const base = from.table.replace(/^recipients\/|\.gz$/g, '');
  const text = Buffer.from(lies.text ?? deltaText(from.rows, to));
  const wire = lies.wire ?? gzipSync(text);
  const entry = { from: base, bytes: text.length, sha256: sha256(text), wireBytes: wire.length, ...lies.entry };
  const table = (honest: TableDraft) => ({ ...honest, deltas: [entry] });
  const published = forger.publish(to, { table });
  const delta = `recipients/${base}-${published.table.replace(/^recipients\/|\.gz$/g, '')}.delta.gz`;
  if (lies.absent !== true) forger.files.set(delta, wire);
  return { ...published, delta };
}
