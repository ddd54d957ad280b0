/**
 * What main.cf said before `init --apply` changed it, kept beside the configuration, so that one line takes it back:
 * a parameter that somebody has changed since is theirs, and stays. Written before main.cf is.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { HostError } from '../../errors.ts';
import { isAbsent, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { postfixCommand, reasonOf } from '../mta/postfix/commands.ts';
import { calls, setArguments, unsetOption } from '../mta/postfix/edit.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import type { Setting } from './main-cf-settings.ts';

const Change = z.object({
  /** Null where main.cf did not name it. */
  before: z.nullable(z.string()),
  after: z.string(),
});
/** By configuration folder, by parameter. */
const Before = z.record(z.string(), z.record(z.string(), Change));

export type Before = z.infer<typeof Before>;

export const beforeFile = (configFile: string): string =>
  path.join(path.dirname(path.resolve(configFile)), 'init-before.json');

/** @throws HostError CONFIG for one that is damaged: what is not known cannot be taken back, nor added to */
export function readBefore(configFile: string): Before {
  const file = beforeFile(configFile);
  try {
    return z.parse(Before, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (isAbsent(error)) return {};
    throw new HostError(
      'CONFIG',
      `${file}, which says what main.cf said before, cannot be read. Move it away to go on without it`,
      error,
    );
  }
}

type Here = Pick<PostfixConfig, 'directory' | 'raw' | 'set'>;

const valueOf = ({ raw, set }: Here, name: string): string | null => (set.has(name) ? (raw.get(name) ?? '') : null);

/** The record with these changes: what was kept first counts, as long as nobody has changed it since. Pure. */
export function withChanges(kept: Before, postfix: Here, changes: readonly Setting[]): Before {
  const own = { ...kept[postfix.directory] };
  for (const { name, value } of changes) {
    const now = valueOf(postfix, name);
    const earlier = own[name];
    own[name] = { before: earlier !== undefined && earlier.after === now ? earlier.before : now, after: value };
  }
  return { ...kept, [postfix.directory]: own };
}

export function keepBefore(configFile: string, postfix: Here, changes: readonly Setting[]): void {
  const record = withChanges(readBefore(configFile), postfix, changes);
  writeFileAtomic(beforeFile(configFile), `${JSON.stringify(record, null, 2)}\n`, 0o644);
}

export const forgetBefore = (configFile: string): void => removeDurable(beforeFile(configFile));

export interface WayBack {
  /** Parameters with what they said before. */
  readonly set: readonly Setting[];
  /** Parameters that main.cf did not name. */
  readonly unset: readonly string[];
  /** Those that say something else than `init` wrote, and stay. */
  readonly theirs: readonly string[];
}

/** Pure. */
export function wayBack(changes: Before[string], postfix: Here): WayBack {
  const set: Setting[] = [];
  const [unset, theirs]: [string[], string[]] = [[], []];
  for (const [name, { before, after }] of Object.entries(changes)) {
    const now = valueOf(postfix, name);
    if (now === before) continue;
    if (now !== after) theirs.push(name);
    else if (before === null) unset.push(name);
    else set.push({ name, value: before });
  }
  return { set, unset, theirs };
}

/** @throws HostError CONFIG */
export function goBack({ directory }: Here, { set, unset }: WayBack): void {
  const run = (...args: string[]): void => {
    const { status, stderr } = postfixCommand('postconf', args, directory);
    if (status !== 0)
      throw new HostError('CONFIG', `postconf ${args[0] ?? ''} failed in ${directory}: ${reasonOf(stderr)}`);
  };
  const back = [
    ...set.map(({ name, value }) => setArguments(name, value)),
    ...unset.map((name) => [unsetOption(name), name] as const),
  ];
  for (const args of calls(back)) run(...args);
}
