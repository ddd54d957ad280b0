/** Finds the reader of a source by its type; drivers are loaded only for a source that needs them. */
import type { SourceConfig } from '../source-config.ts';
import { HostError } from '../../errors.ts';
import { fileSource } from './file.ts';

/** What a source gives, once, in batches. Every failure is thrown by `read`; nothing is opened before it. */
export interface SourceReader {
  /**
   * `lines`: lines of a list in the file source's own form, comments and header and all; `addresses`: one address each, as it stands,
   * quoted local parts or plain.
   */
  readonly form: 'lines' | 'addresses';
  /** What its entries are called where a message counts them: `line`, `row`, `entry`. */
  readonly unit: string;
  /**
   * @param now for what the source says is valid until a date.
   * @throws PublishError SOURCE: it failed, ended early or is not what it should be.
   */
  readonly read: (now: Date) => AsyncGenerator<readonly string[]>;
}

/** @throws HostError CONFIG for a type that this version does not read. */
export async function openSource(source: SourceConfig): Promise<SourceReader> {
  switch (source.type) {
    case 'file':
      return fileSource(source);
    default:
      throw new HostError('CONFIG', `${source.name}: type "${source.type}" is not built yet; this version reads files`);
  }
}
