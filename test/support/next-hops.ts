// Next hops in a forger's publications: a second table beside the recipients', honest or not
// (docs/bundle-format.md section 8).
import { gzipSync } from 'node:zlib';
import { sha256, tableOf, type Lies, type ManifestDraft } from './forger.ts';
import type { Scene } from './scene.ts';
import { deltaText } from './delta.ts';

/** `example.org -> [mx.example.org]` as a row. */
export const route = (domain: string, nextHop: string): string => `${domain}\t${nextHop}`;

export interface HopLies {
  /** The table's plain text in place of the rows'. */
  readonly text?: string;
  readonly entry?: object;
  /** A delta from these rows, with this text in place of the honest one. */
  readonly from?: readonly string[];
  readonly delta?: string;
  /** The manifest names it, the server lacks it. */
  readonly absent?: boolean;
  /** `shrinkApproved.transport.rows`, beside an approval of everything else; seconds from now it ends. */
  readonly approved?: number;
  readonly until?: number;
}

export interface Hops {
  /** Merged into a publication's lies. */
  readonly lies: Lies;
  readonly table: string;
  readonly delta: string | null;
}

/** The table of these rows, put on the server and into the manifest. */
export function hops(files: Map<string, Buffer>, rows: readonly string[], lies: HopLies = {}): Hops {
  const text = Buffer.from(lies.text ?? tableOf(rows));
  const wire = gzipSync(text);
  const hash = sha256(text);
  const table = `transport/${hash}.gz`;
  if (lies.absent !== true) files.set(table, wire);
  const deltas: object[] = [];
  let delta: string | null = null;
  if (lies.from !== undefined) {
    const base = sha256(tableOf(lies.from));
    const plain = Buffer.from(lies.delta ?? deltaText(lies.from, rows));
    const body = gzipSync(plain);
    delta = `transport/${base}-${hash}.delta.gz`;
    files.set(delta, body);
    deltas.push({ from: base, bytes: plain.length, sha256: sha256(plain), wireBytes: body.length });
  }
  const entry = {
    rows: text.filter((byte) => byte === 0x0a).length,
    bytes: text.length,
    sha256: hash,
    encoding: 'gzip',
    wireBytes: wire.length,
    deltas,
    ...lies.entry,
  };
  const manifest = (m: ManifestDraft) => ({
    ...m,
    ...approval(lies),
    tables: { ...m.tables, transport: entry },
  });
  return { table, delta, lies: { manifest } };
}

/** The signed word that so few next hops are meant; of the recipients any number. */
export const approval = ({ approved, until = 3600 }: HopLies): object =>
  approved === undefined
    ? {}
    : {
        shrinkApproved: {
          until: `${new Date(Date.now() + until * 1000).toISOString().slice(0, 19)}Z`,
          rows: 1_000_000,
          domains: 1_000_000,
          transport: { rows: approved },
        },
      };

/** Publishes a list with these next hops. */
export function publishHops(scene: Scene, list: readonly string[], rows: readonly string[], lies: HopLies = {}): Hops {
  const made = hops(scene.forger.files, rows, lies);
  scene.publish(list, made.lies);
  return made;
}
