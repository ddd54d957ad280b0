/** What a format's reader is told of its source. */
import type { Omissions } from './omissions.ts';
import type { PendingEntries } from './pending-entries.ts';

export const FORMATS = ['text', 'csv', 'json', 'ldif', 'postfix', 'aliases', 'passwd'] as const;
export type Format = (typeof FORMATS)[number];
export const ENCODINGS = ['utf-8', 'utf-16', 'latin1', 'windows-1252'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What the configuration says about a text source (docs/commands.md section 3). */
export interface TextOptions {
  readonly format?: Format | undefined;
  readonly encoding?: Encoding | undefined;
  /** Between the columns of a CSV. */
  readonly separator?: string | undefined;
  /** Names, numbers from 1, or dotted paths in JSON. */
  readonly columns?: readonly (string | number)[] | undefined;
  /** For local parts without a domain. */
  readonly domain?: string | undefined;
  /** `transport`: each entry is a domain and a next hop, and is passed on as it stands. */
  readonly table?: 'recipients' | 'transport' | undefined;
}

export interface ReadingOptions extends TextOptions {
  /** The source's name, for messages. */
  readonly name: string;
  readonly left: Omissions;
  readonly pending: PendingEntries;
}
