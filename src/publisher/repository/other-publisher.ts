/**
 * Whether another publisher has put out what is published, and what this one goes on from then (docs/commands.md
 * section 3.1). Pure.
 */
import { rememberRows } from '../../bundle/offer/guard.ts';
import { nextHopsOf, type TableEntry } from '../../bundle/offer/manifest.ts';
import type { PublisherConfig } from '../config.ts';
import type { PublisherKeys } from '../keys/publisher-keys.ts';
import { recorded } from '../work.ts';
import { isSignedBy } from './sign-manifest.ts';
import type { Published, PublisherState } from './state.ts';

/** Whether a key of `keys` alone can put the list out that does not sign here: another publisher's. */
export function mayHaveOthers({ keys = [], threshold }: Partial<Pick<PublisherConfig, 'keys' | 'threshold'>>): boolean {
  const elsewhere = keys.filter((key) => key.public !== undefined && (key.agent ?? key.command) === undefined).length;
  return elsewhere > 0 && elsewhere < keys.length && (threshold ?? keys.length) === 1;
}

/**
 * @param state the record as it was read; null if there is none.
 * @param isShared others may write there: then one with the same key shows by what is not on record here.
 */
export function isByAnother(
  published: Published | null,
  state: PublisherState | null,
  { signers, threshold }: PublisherKeys,
  isShared: boolean,
): boolean {
  if (published === null || published.digest === state?.digest || signers.length === 0 || threshold > 1) return false;
  if (isShared && state !== null && published.manifest.version >= state.highest) return true;
  return !signers.some((key) => isSignedBy(published.envelope, [key], 1));
}

/**
 * The record as if the other publisher's manifest had gone out here: the guard, deltas and approvals begin with it.
 * @param keep how many tables deltas may start from, beside the current one.
 */
export function following(state: PublisherState, { manifest }: Published, keep: number, now: Date): PublisherState {
  const at = now.toISOString();
  const { recipients } = manifest.tables;
  const { entry: hops } = nextHopsOf(manifest);
  const isAccepted = manifest.shrinkApproved !== undefined;
  const grown = ({ tables, history }: Pick<PublisherState, 'tables' | 'history'>, { sha256, rows }: TableEntry) =>
    tables.at(-1)?.sha256 === sha256
      ? { tables, history }
      : {
          tables: [...tables.filter((t) => t.sha256 !== sha256), { sha256, at }].slice(-keep - 1),
          history: rememberRows(history, rows, now, isAccepted),
        };
  return {
    ...state,
    ...grown(state, recipients),
    approval: recorded(manifest.shrinkApproved ?? null),
    transport: { ...state.transport, ...(hops === null ? { tables: [], history: [] } : grown(state.transport, hops)) },
  };
}
