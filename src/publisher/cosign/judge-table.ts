/**
 * The table of a candidate: taken from the other host, checked as a gateway checks it, and judged by the own guard and
 * policy (docs/commands.md section 3.3). Keeps it in state_dir.
 */
import { createHash } from 'node:crypto';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { gzipped } from '../../bundle/table/gzip-writer.ts';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import { TableChecker } from '../../bundle/table/table.ts';
import { StepError } from '../../errors.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import type { RemoteFolder } from '../keys/remote.ts';
import { domainWords, shrinkageOf, tableDifference } from '../keys/table-difference.ts';
import { isNamedBy } from '../policy-domains.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { writeFiles } from '../tables/tables.ts';

const AT = 0x40;
/** A table is in memory while it is checked. */
const MAX_BYTES = 2 ** 30;

/**
 * @param kept the tables of this kind.
 * @throws PublishError UNSIGNED if the blob is not what the manifest says; SourceError if it cannot be had
 */
export async function takeTable(
  remote: RemoteFolder,
  kept: StateFolder,
  entry: TableEntry,
  table: 'recipients' | 'transport' = 'recipients',
): Promise<void> {
  if (kept.hasKept(entry.sha256)) return;
  const name = `${table}/${entry.sha256}.gz`;
  const refuse = (why: string, cause?: unknown) => new PublishError('UNSIGNED', `${name} ${why}`, cause);
  if (entry.bytes > MAX_BYTES) throw refuse(`would have ${entry.bytes} bytes, ${MAX_BYTES} are the most here`);
  const body = await remote.body(`../${name}`);
  if (body === null) throw refuse('is not there');
  const chunks: Uint8Array[] = [];
  const hash = createHash('sha256');
  let [wire, bytes] = [0, 0];
  const counted = async function* () {
    for await (const chunk of body) {
      wire += chunk.length;
      if (wire > entry.wireBytes) throw refuse(`has more than the ${entry.wireBytes} bytes that the manifest says`);
      yield chunk;
    }
  };
  try {
    for await (const chunk of gunzipOne(counted())) {
      bytes += chunk.length;
      if (bytes > entry.bytes) throw refuse(`holds more than the ${entry.bytes} bytes that the manifest says`);
      hash.update(chunk);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    if (error instanceof StepError && error.code === 'BAD_GZIP') throw refuse(error.message, error);
    throw error;
  }
  const found = [wire, bytes, hash.digest('hex')].join(', ');
  const wanted = [entry.wireBytes, entry.bytes, entry.sha256].join(', ');
  if (found !== wanted) throw refuse(`is ${found}, the manifest says ${wanted}`);
  const text = Buffer.concat(chunks);
  writeFiles([kept.keptTable(entry.sha256)], await gzipped(text, { level: 1 }));
}

/**
 * @param base the table that is out; null for none.
 * @param granted a shrinking was allowed on this host, and the candidate names it.
 * @throws PublishError UNSIGNED
 */
export async function judgeTable(
  config: PublisherConfig,
  kept: StateFolder,
  entry: TableEntry,
  base: string | null,
  granted: boolean,
): Promise<void> {
  const { policy } = config;
  const refuse = (why: string) => new PublishError('UNSIGNED', why);
  const checker = new TableChecker();
  const isWildcard = new Set(policy.wildcards.map((domain) => `@${domain}`));
  const wildcards = new Map<string, number>();
  const rows = checked(kept.table(entry.sha256), checker, (row) => {
    if (!isWildcard.has(row)) wildcards.set(row.slice(1), 1);
  });
  const change = await tableDifference(base === null ? none() : kept.table(base), rows, 0);
  if (checker.fault !== null) throw refuse(`row ${checker.fault.row} of its table ${checker.fault.rule}`);
  if (checker.rows !== entry.rows) throw refuse(`its table has ${checker.rows} rows, the manifest says ${entry.rows}`);
  if (entry.rows < Math.max(1, policy.min_rows))
    throw refuse(`its table has ${entry.rows} rows, policy.min_rows is ${policy.min_rows}`);
  if (wildcards.size > 0) throw refuse(`it has rows for whole domains: ${domainWords([...wildcards])}`);
  if (policy.domains !== undefined) {
    const isOurs = isNamedBy(policy.domains);
    const foreign = checker.domains.sorted().map((id) => Buffer.from(checker.domains.name(id)).toString());
    const [first] = foreign.filter((domain) => !isOurs(domain));
    if (first !== undefined) throw refuse(`it has the domain ${first}, which policy.domains does not list`);
  }
  const shrunk = base === null ? null : shrinkageOf(change, policy.max_shrink_percent);
  if (shrunk !== null && !granted)
    throw refuse(`${shrunk}: ${domainWords(change.domains)}. If it is meant: cosign --allow-shrink here`);
}

async function* none(): AsyncGenerator<RowBlock> {
  yield* [];
}

async function* checked(
  rows: RowStream,
  checker: TableChecker,
  wildcard: (row: string) => void,
): AsyncGenerator<RowBlock> {
  for await (const block of rows) {
    checker.push(block);
    const { bytes, starts, count } = block;
    for (let i = 0; i < count; i++) {
      const start = starts[i] ?? 0;
      if (bytes[start] === AT) wildcard(Buffer.from(bytes.subarray(start, (starts[i + 1] ?? 1) - 1)).toString());
    }
    yield block;
  }
}
