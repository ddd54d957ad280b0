/**
 * What the last run of `publish` or `watch` left for `health`: facts and times, no addresses. It is `status.json`
 * in state_dir. A damaged file counts as absent.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { StepError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic-file.ts';
import { STATE_NAMES, type PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { sourceOf } from '../failing-source.ts';
import type { PublishResult } from '../publish.ts';

const time = () => z.string().check(z.refine(isInstant));
const count = () => z.int().check(z.gte(0));

const Record = z.object({
  format: z.literal(1),
  name: z.string(),
  /** When a run last ended, with whatever result. */
  endedAt: time(),
  /** When a run last ended as published, renewed or unchanged. */
  succeededAt: z.nullable(time()),
  outcome: z.enum(['published', 'renewed', 'unchanged', 'failed']),
  /** Set if the run failed, with the source at which it failed, if any. */
  code: z.nullable(z.string()),
  /** Why, for the codes UNSIGNED and DIVERGED: hosts, counts and domains, no address. */
  message: z._default(z.nullable(z.string()), null),
  source: z.nullable(z.string()),
  /** Since when another publisher's list is out in place of what the sources here give; null if it is not. */
  divergedSince: z._default(z.nullable(time()), null),
  /** The published version, and how many of its rows wait to be removed. */
  version: z.nullable(count()),
  rows: count(),
  waiting: count(),
  created: z.nullable(time()),
  expires: z.nullable(time()),
});

export type PublishStatus = z.infer<typeof Record>;

const fileOf = (config: PublisherConfig): string => path.join(config.state_dir, STATE_NAMES.status);

export function readPublishStatus(config: PublisherConfig): PublishStatus | null {
  try {
    const status = z.parse(Record, JSON.parse(readFileSync(fileOf(config), 'utf8')));
    return status.name === config.name ? status : null;
  } catch {
    return null; // absent or damaged: the next run writes it
  }
}

/** The status after a run with this result. @param before the status on record. */
export function statusAfter(
  config: PublisherConfig,
  before: PublishStatus | null,
  ended: { readonly result: PublishResult } | { readonly error: unknown },
  now: Date,
): PublishStatus {
  const at = now.toISOString();
  if ('error' in ended) {
    const { error } = ended;
    const code = error instanceof PublishError || error instanceof StepError ? error.code : 'INTERNAL';
    const message = code === 'UNSIGNED' || code === 'DIVERGED' ? (error as Error).message : null;
    const nothing = { version: null, rows: 0, waiting: 0, created: null, expires: null, succeededAt: null };
    const kept = before ?? { ...nothing, format: 1 as const, name: config.name };
    const since = before?.divergedSince ?? null;
    const divergedSince = code === 'DIVERGED' ? (since ?? at) : since;
    return { ...kept, endedAt: at, outcome: 'failed', code, message, source: sourceOf(error), divergedSince };
  }
  const { outcome, version, rows, waiting, validity } = ended.result;
  return {
    format: 1,
    name: config.name,
    endedAt: at,
    succeededAt: at,
    outcome: outcome === 'dry-run' || outcome === 'unsigned' ? 'unchanged' : outcome,
    code: null,
    message: null,
    source: null,
    divergedSince: null,
    version,
    rows,
    waiting,
    created: validity?.created.toISOString() ?? null,
    expires: validity?.expires.toISOString() ?? null,
  };
}

/** @returns what went wrong, as text. It is never a reason for a publish to fail. */
export function writePublishStatus(config: PublisherConfig, status: PublishStatus): string | null {
  try {
    writeFileAtomic(fileOf(config), `${JSON.stringify(status)}\n`, 0o600);
    return null;
  } catch (error) {
    return `${fileOf(config)} cannot be written: ${(error as Error).message}`;
  }
}
