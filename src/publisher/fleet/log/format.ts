/** The formats of access logs, and which of them a log has. Pure. */
import type { Block } from './block.ts';
import { CombinedReader } from './combined-line.ts';
import { JsonReader } from './json-line.ts';
import { LogLine, type ReadLine } from './log-line.ts';
import { LogClock } from './log-time.ts';
import { readS3 } from './s3-line.ts';

export const FORMATS = ['nginx', 'caddy', 'combined', 'json', 's3'] as const;
export type Format = (typeof FORMATS)[number];

/** A reader of lines of one format, for one log. */
export function readerOf(format: Format): ReadLine {
  const clock = new LogClock();
  if (format === 's3') return (line, block, start, end) => readS3(line, block, start, end, clock);
  const isJson = format === 'caddy' || format === 'json';
  const reader = isJson ? new JsonReader(clock) : new CombinedReader(clock, format === 'nginx');
  return (line, block, start, end) => reader.read(line, block, start, end);
}

/** What one line says of the log's format; null if it is of none. */
export function formatOf(block: Block, start: number, end: number): Format | null {
  const line = new LogLine();
  for (const format of ['json', 'nginx', 's3'] as const) if (readerOf(format)(line, block, start, end)) return format;
  return null;
}

/** What a line of each looks like, for whoever gave another. */
export const LOOKS: Readonly<Record<Format, string>> = {
  nginx: '192.0.2.7 - - [26/Nov/2026:22:12:02 +0000] "GET /..." 304 0 "-" "relaymap/..."',
  combined: '192.0.2.7 - - [26/Nov/2026:22:12:02 +0000] "GET /..." 304 0 "-" "relaymap/..."',
  caddy: '{"ts":1795817522.1,"request":{"uri":"/...","headers":{...}},"status":304}',
  json: '{"time":"2026-11-26T22:12:02Z","path":"/...","status":304,"agent":"relaymap/..."}',
  s3: 'OWNER BUCKET [26/Nov/2026:22:12:02 +0000] 192.0.2.7 - ID REST.GET.OBJECT KEY "GET /..." 304',
};
