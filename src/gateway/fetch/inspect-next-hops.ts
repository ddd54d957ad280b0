/**
 * Looks at a bundle's table of next hops where it is published, as `inspect` looks at the other one
 * (docs/bundle-format.md section 8). Keeps nothing.
 */
import { createHash } from 'node:crypto';
import { nextHopsOf, type Manifest } from '../../bundle/offer/manifest.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { rowBlocks } from '../../bundle/table/rows.ts';
import { TransportChecker } from '../../bundle/table/transport.ts';
import { StepError, TableError } from '../../errors.ts';
import { number } from '../say/outcome-lines.ts';
import { deltaText } from './read-table.ts';
import type { Origin } from './source.ts';

/** @throws StepError with the first failing code */
export async function lookAtNextHops(
  { origin, note }: { readonly origin: Origin; readonly note: (level: 'notice' | 'warning', message: string) => void },
  manifest: Manifest,
): Promise<void> {
  const { entry } = nextHopsOf(manifest);
  if (entry === null) return;
  const checker = new TransportChecker();
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > entry.bytes) throw mismatch(`is longer than the ${entry.bytes} bytes that the manifest says`);
      hash.update(chunk);
      yield chunk;
    }
  };
  const body = await origin.blob(`transport/${entry.sha256}.gz`, entry.wireBytes);
  for await (const block of rowBlocks(counted(gunzipOne(body)))) checker.push(block);
  const { rows, fault } = checker;
  if (bytes !== entry.bytes) throw mismatch(`has ${bytes} bytes, the manifest says ${entry.bytes}`);
  const found = hash.digest('hex');
  if (found !== entry.sha256)
    throw new TableError('HASH_MISMATCH', `the table of next hops has the hash ${found}, expected ${entry.sha256}`);
  if (fault !== null) throw new TableError('NOT_CANONICAL', `row ${fault.row} of next hops ${fault.rule}`);
  if (rows !== entry.rows) throw mismatch(`has ${rows} rows, the manifest says ${entry.rows}`);
  note('notice', `the table of next hops is whole: ${number(rows)} ${rows === 1 ? 'row' : 'rows'}`);
  for (const delta of entry.deltas) {
    const name = `transport/${delta.from}-${entry.sha256}.delta.gz`;
    try {
      for await (const _ of deltaText(await origin.blob(name, delta.wireBytes), delta)) void _;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      note(
        'warning',
        `a delta of next hops does not work, gateways take the whole table: ${error.code}: ${error.message}`,
      );
    }
  }
}

const mismatch = (what: string) => new TableError('LENGTH_MISMATCH', `the table of next hops ${what}`);
