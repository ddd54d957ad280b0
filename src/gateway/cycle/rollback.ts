/**
 * Rollback, hold and resume (docs/commands.md sections 2 and 2.3): what is live is chosen by hand among the kept copies. The rollback floor
 * does not move; the next request is unconditional.
 */
import type { GatewayConfig } from '../config.ts';
import { allCopies, isTrusted } from '../record/version-history.ts';
import { makeMaps } from '../maps/make-maps.ts';
import { overall } from '../outcome.ts';
import { report } from '../health/report.ts';
import { openSession, withLock, type Session } from './session.ts';
import { bundleState, type BundleState, type GatewayState } from '../record/state.ts';
import type { SessionContext } from './session-context.ts';

/** What a command did to one bundle, or why it found nothing to do. */
export interface Change {
  readonly name: string;
  readonly done: boolean;
  readonly text: string;
}

export type Names = readonly string[];

export const bundleNames = (config: GatewayConfig, only: string | undefined): Names =>
  config.bundle.map((b) => b.name).filter((name) => only === undefined || name === only);

/**
 * Goes back to the newest older copy, or to `version`, and holds there.
 * @throws StepError as a cycle's end does; the maps are then as they were.
 */
export function rollback(cx: SessionContext, names: Names, version: number | null): Promise<Change[]> {
  return change(cx, async (session, next) => {
    const changes = names.map((name) => goBack(name, bundleState(next, name), version, cx.now));
    for (const c of changes) {
      const chosen = bundleState(next, c.name).installed;
      const fault = c.done && chosen !== null ? await session.copiesOf(c.name).fault(chosen.table) : null;
      if (chosen !== null && fault !== null) {
        const text = `the copy of version ${chosen.version} is damaged (${fault}); nothing is changed`;
        return [{ name: c.name, done: false, text }];
      }
    }
    if (changes.some((c) => !c.done)) return changes.filter((c) => !c.done);
    await makeMaps(session.maker, next);
    return changes;
  });
}

function goBack(name: string, st: BundleState, version: number | null, now: Date): Change {
  const live = st.installed;
  const others = allCopies(st).filter((c) => c !== live && isTrusted(st, c));
  const older = others.filter((c) => live === null || c.version < live.version);
  const chosen = version === null ? older.at(-1) : others.find((c) => c.version === version);
  if (chosen === undefined) {
    const kept = others.map((c) => c.version).join(', ');
    const wanted = version === null ? 'no older version is kept' : `version ${version} is not kept`;
    return { name, done: false, text: `${wanted}; kept are ${kept === '' ? 'none' : kept}` };
  }
  st.copies = allCopies(st)
    .filter((c) => c !== chosen)
    .sort((a, b) => a.version - b.version);
  st.installed = chosen;
  st.held = { version: chosen.version, since: now.toISOString() };
  st.unconditional = true;
  return {
    name,
    done: true,
    text: `back at version ${chosen.version} (was ${live?.version ?? 'none'}), held there; to go on: relaymap resume`,
  };
}

/** Holds each bundle where it is. */
export function hold(cx: SessionContext, names: Names): Promise<Change[]> {
  return change(cx, (_, next) =>
    names.map((name) => {
      const st = bundleState(next, name);
      if (st.installed === null) return { name, done: false, text: 'nothing is installed that could be held' };
      st.held ??= { version: st.installed.version, since: cx.now.toISOString() };
      return { name, done: true, text: `held at version ${st.held.version}; to go on: relaymap resume` };
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
      return { name, done: true, text };
    }),
  );
}

type Work = (session: Session, next: GatewayState) => Change[] | Promise<Change[]>;

function change(cx: SessionContext, work: Work): Promise<Change[]> {
  return withLock(cx, async () => {
    const session = await openSession(cx, false);
    const next = structuredClone(session.state);
    const changes = await work(session, next);
    if (changes.every((c) => c.done)) session.files.write(next);
    report(cx.config, changes.every((c) => c.done) ? next : session.state, overall([]), new Map(), cx.now);
    return changes;
  });
}
