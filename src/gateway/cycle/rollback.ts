/**
 * Rollback, hold and resume (docs/commands.md sections 2 and 2.3): what is live is chosen by hand among the kept
 * copies. The rollback floor does not move; the next request is unconditional.
 */
import { hopsShrunk, shrunk, type TableSize } from '../../bundle/offer/guard.ts';
import type { GatewayConfig } from '../config.ts';
import { allCopies, isTrusted, rememberTables } from '../record/version-history.ts';
import { Copies, tablesOf } from '../record/copies.ts';
import { installedCopies, makeMaps } from '../maps/make-maps.ts';
import { overall } from '../outcome.ts';
import { report } from '../health/report.ts';
import { openSession, withLock, type Session } from './session.ts';
import { bundleState, type BundleState, type CopyRef, type GatewayState } from '../record/state.ts';
import { number } from '../say/outcome-lines.ts';
import { compareCopies, type CopyChange } from './compare-copies.ts';
import type { SessionContext } from './session-context.ts';

/** What a command did to one bundle, or why not. */
export interface Change {
  readonly name: string;
  /** `none`: there was nothing to do it with. `refused`: it was not allowed, or could not be. */
  readonly is: 'done' | 'none' | 'refused';
  readonly text: string;
}

export type Names = readonly string[];

export const bundleNames = (config: GatewayConfig, only: string | undefined): Names =>
  config.bundle.map((b) => b.name).filter((name) => only === undefined || name === only);

export interface RollbackOptions {
  /** Null for the newest older copy. */
  readonly version: number | null;
  readonly acceptShrink: boolean;
}

/**
 * Goes back to the newest older copy, or to `version`, and holds there. Bundles that have no such copy, or may not
 * go back to it, stay as they are.
 * @throws StepError as a cycle's end does; the maps are then as they were.
 */
export function rollback(cx: SessionContext, names: Names, options: RollbackOptions): Promise<Change[]> {
  return change(cx, async (session, next) => {
    const changes = await goBackAll(cx, names, options, next, session.copiesOf);
    if (changes.some((c) => c.is === 'done')) await makeMaps(session.maker, next, installedCopies(session.maker, next));
    return changes;
  });
}

/**
 * What `rollback` would do. Takes no lock and changes nothing. @throws TableError never: a damaged copy is a
 * refusal
 */
export function planRollback(
  cx: Pick<SessionContext, 'config' | 'now'>,
  state: GatewayState,
  names: Names,
  options: RollbackOptions,
): Promise<Change[]> {
  const copiesOf = (name: string) => new Copies(cx.config.state_dir, name, null);
  return goBackAll(cx, names, options, structuredClone(state), copiesOf);
}

async function goBackAll(
  { config, now }: Pick<SessionContext, 'config' | 'now'>,
  names: Names,
  options: RollbackOptions,
  state: GatewayState,
  copiesOf: (name: string) => Copies,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const name of names) {
    const bundle = config.bundle.find((b) => b.name === name);
    const rules = { percent: bundle?.max_shrink_percent ?? 0, asksNextHops: bundle?.next_hops !== undefined };
    changes.push(await goBack(name, bundleState(state, name), copiesOf(name), { ...options, ...rules, now }));
  }
  return changes;
}

interface Rules extends RollbackOptions {
  readonly percent: number;
  readonly asksNextHops: boolean;
  readonly now: Date;
}

async function goBack(name: string, st: BundleState, copies: Copies, rules: Rules): Promise<Change> {
  const { version, acceptShrink, now } = rules;
  const live = st.installed;
  const others = allCopies(st).filter((c) => c !== live && isTrusted(st, c));
  const older = others.filter((c) => live === null || c.version < live.version);
  const chosen = version === null ? older.at(-1) : others.find((c) => c.version === version);
  if (chosen === undefined) {
    const kept = others.map((c) => c.version).join(', ');
    const wanted = version === null ? 'no older version is kept' : `version ${version} is not kept`;
    return { name, is: 'none', text: `${wanted}; kept are ${kept === '' ? 'none' : kept}` };
  }
  let difference: CopyChange | null;
  try {
    difference = live === null ? null : await compareCopies(copies, live, chosen);
    if (difference === null) for (const table of tablesOf(chosen)) for await (const _ of copies.rows(table)) void _;
  } catch (error) {
    const why = (error as Error).message;
    return {
      name,
      is: 'refused',
      text: `the copy of version ${chosen.version} is damaged (${why}); nothing is changed`,
    };
  }
  const lost = live === null || difference === null ? null : shrinkage(live, chosen, difference, rules);
  if (lost !== null && !acceptShrink) {
    return {
      name,
      is: 'refused',
      text: `SHRUNK: going back to version ${chosen.version}: ${lost}. Nothing is changed. If it is meant: relaymap rollback --accept-shrink`,
    };
  }
  rememberTables(st, chosen, now, { shrink: lost !== null, hops: lost !== null });
  st.copies = allCopies(st)
    .filter((c) => c !== chosen)
    .sort((a, b) => a.version - b.version);
  st.installed = chosen;
  st.held = { version: chosen.version, since: now.toISOString() };
  st.unconditional = true;
  return { name, is: 'done', text: backLine(live, chosen, difference) };
}

/** The guard of a cycle, but for the copy of a day ago: who goes back wants an older list. */
function shrinkage(
  live: CopyRef,
  next: CopyRef,
  { removed, hopsRemoved }: CopyChange,
  { percent, asksNextHops }: Rules,
): string | null {
  const reason = shrunk({ percent, installed: live, removed, next, dayAgoRows: null });
  if (reason !== null || !asksNextHops || hopsRemoved === null) return reason;
  const [installed, then] = [live, next].map(({ transport }) => hopSize(transport));
  if (installed === undefined || then === undefined) return null;
  return hopsShrunk({ percent, installed, removed: hopsRemoved, next: then, dayAgoRows: null });
}

const hopSize = (hops: CopyRef['transport']): TableSize => ({ rows: hops?.rows ?? 0, domains: hops?.rows ?? 0 });

const counted = (n: number, what: string): string => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

const size = ({ rows, domains, transport }: CopyRef): string =>
  `${counted(rows, 'row')} in ${counted(domains, 'domain')}${transport === null ? '' : `, ${counted(transport.rows, 'next hop')}`}`;

function backLine(live: CopyRef | null, next: CopyRef, difference: CopyChange | null): string {
  const before = live === null || difference === null ? 'nothing was live' : `before ${size(live)}`;
  const moved = difference === null ? '' : `; ${number(difference.removed.rows)} go, ${number(difference.added)} come`;
  return `back at version ${next.version} (was ${live?.version ?? 'none'}): ${size(next)}, ${before}${moved}; held there; to go on: relaymap resume`;
}

/** Holds each bundle where it is. */
export function hold(cx: SessionContext, names: Names): Promise<Change[]> {
  return change(cx, (_, next) =>
    names.map((name) => {
      const st = bundleState(next, name);
      if (st.installed === null) return { name, is: 'none', text: 'nothing is installed that could be held' };
      st.held ??= { version: st.installed.version, since: cx.now.toISOString() };
      return { name, is: 'done', text: `held at version ${st.held.version}; to go on: relaymap resume` };
    }),
  );
}

/** Lets each bundle go on. */
export function resume(cx: SessionContext, names: Names): Promise<Change[]> {
  return change(cx, (_, next) =>
    names.map((name) => {
      const st = bundleState(next, name);
      const held = st.held;
      st.held = null;
      st.unconditional = true;
      const text =
        held === null ? 'was not held' : `no longer held at version ${held.version}; at once: relaymap fetch`;
      return { name, is: 'done', text };
    }),
  );
}

type Work = (session: Session, next: GatewayState) => Change[] | Promise<Change[]>;

function change(cx: SessionContext, work: Work): Promise<Change[]> {
  return withLock(cx, async () => {
    const session = await openSession(cx);
    const next = structuredClone(session.state);
    const changes = await work(session, next);
    const isChanged = changes.some((c) => c.is === 'done');
    if (isChanged) session.files.write(next);
    report(cx.config, isChanged ? next : session.state, overall([]), new Map(), cx.now, session);
    return changes;
  });
}
