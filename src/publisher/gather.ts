/**
 * Reads all sources into one sorted table under the policy. A source that fails or gives nothing, or an entry that is not an address,
 * ends it all: half a list is worse than an old one.
 */
import { DomainSet } from '../bundle/domain-set.ts';
import { fileSources, type PublisherConfig } from './config.ts';
import { EntryError, entryOf, rowsOf } from './entry.ts';
import { PublishError } from './errors.ts';
import { RowSorter } from './row-sorter.ts';
import { fileLines } from './sources/file.ts';

export interface Gathered {
  readonly sorter: RowSorter;
  /** Entries left out under `skip_invalid`: source, line and reason. */
  readonly skipped: readonly string[];
}

/** @throws PublishError SOURCE, INVALID_ENTRY or WILDCARD */
export async function gather(config: PublisherConfig): Promise<Gathered> {
  const { policy } = config;
  const sorter = new RowSorter();
  const domains = new DomainSet();
  const wildcards = new Set(policy.wildcards);
  const skipped: string[] = [];
  for (const source of fileSources(config)) {
    let entries = 0;
    for await (const { number, text } of fileLines(source)) {
      try {
        if (number === 1 && isHeader(text)) continue;
        const address = entryOf(text);
        if (address === null) continue;
        for (const row of rowsOf(address)) {
          const domain = Buffer.from(row.slice(row.lastIndexOf('@') + 1));
          if (row.startsWith('@') && row.lastIndexOf('@') === 0 && !wildcards.has(row.slice(1))) {
            throw new PublishError(
              'WILDCARD',
              `${source.name}, line ${number}: ${row} accepts every address of its domain; policy.wildcards does not name it`,
            );
          }
          sorter.add(row);
          domains.add(domain, 0, domain.length, number);
        }
        entries++;
      } catch (error) {
        if (!(error instanceof EntryError)) throw error;
        const reason = `${source.name}, line ${number}: the entry ${error.message}`;
        if (!policy.skip_invalid) throw new PublishError('INVALID_ENTRY', reason, error);
        skipped.push(reason);
      }
    }
    if (entries === 0)
      throw new PublishError('SOURCE', `${source.name} gave no address; an empty list would reject all mail`);
  }
  if (policy.postmaster) {
    for (let id = 0; id < domains.size; id++) sorter.add(`postmaster@${Buffer.from(domains.name(id)).toString()}`);
  }
  return { sorter, skipped };
}

/** The header row of a CSV: a first line with something in it, but no address. */
const isHeader = (text: string): boolean =>
  !text.includes('@') && !text.trimStart().startsWith('#') && text.trim() !== '';
