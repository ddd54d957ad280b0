/** Finds the reader of a source by its type; drivers are loaded only for a source that needs them. */
import type { SourceConfig } from '../source-config.ts';
import { fileSource } from './file.ts';
import type { Seen } from './lines.ts';

/** What a source gives, once, in batches. Every failure is thrown by `read`; nothing is opened before it. */
export interface SourceReader {
  /**
   * `lines`: lines of a list in the file source's own form, comments and header and all; `addresses`: one address each, as it stands,
   * quoted local parts or plain; an empty one is no entry, and is counted.
   */
  readonly form: 'lines' | 'addresses';
  /** What its entries are called where a message counts them: `line`, `row`, `entry`. */
  readonly unit: string;
  /**
   * @param now for what the source says is valid until a date.
   * @throws PublishError SOURCE: it failed, ended early or is not what it should be.
   */
  readonly read: (now: Date) => AsyncGenerator<readonly string[]>;
  /** Of `lines` that are bytes: the same, as bytes, each with its LF. */
  readonly readLines?: (seen: Seen) => AsyncGenerator<Buffer>;
}

/** @throws HostError CONFIG: what the configuration alone shows to be wrong. */
export async function openSource(source: SourceConfig): Promise<SourceReader> {
  switch (source.type) {
    case 'file':
      return fileSource(source);
    case 'sql':
      return (await import('./sql/sql.ts')).sqlSource(source);
    case 'command':
      return (await import('./command.ts')).commandSource(source);
    case 'http':
      return (await import('./http.ts')).httpSource(source);
    case 'ldap':
      return (await import('./ldap/ldap.ts')).ldapSource(source);
    default:
      return (await import('./postfix-map.ts')).postfixMapSource(source);
  }
}
