/**
 * Whether another publisher has put out what is published, and what this one goes on from then (docs/commands.md
 * section 3.1). Reads nothing but public keys.
 */
import { rememberRows } from '../../bundle/offer/guard.ts';
import { nextHopsOf, type TableEntry } from '../../bundle/offer/manifest.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { publicKeyIn, type PublisherKeys } from '../keys/publisher-keys.ts';
import type { TrustedKey } from '../keys/signer.ts';
import { namedBy, recorded, withoutUnnamed } from '../work.ts';
import { isSignedBy } from './sign-manifest.ts';
import type { Published, PublisherState } from './state.ts';

/** Whether a key of `keys` alone can put the list out that does not sign here: another publisher's. */
export function mayHaveOthers({ keys = [], threshold }: Partial<Pick<PublisherConfig, 'keys' | 'threshold'>>): boolean {
  const elsewhere = keys.filter((key) => key.public !== undefined && (key.agent ?? key.command) === undefined).length;
  return elsewhere > 0 && elsewhere < keys.length && (threshold ?? keys.length) === 1;
}

/** The public keys of other publishers, where there may be any. One that cannot be read counts as none. */
export function othersOf(config: Pick<PublisherConfig, 'keys' | 'threshold'>): TrustedKey[] {
  if (!mayHaveOthers(config)) return [];
  return config.keys.flatMap((key) => {
    if (key.public === undefined || (key.agent ?? key.command) !== undefined) return [];
    try {
      return [publicKeyIn(key.public)];
    } catch (error) {
      if (error instanceof PublishError) return [];
      throw error;
    }
  });
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
  const transport = hops === null ? state.transport : withoutUnnamed(state.transport, namedBy(hops));
  return {
    ...withoutUnnamed(state, namedBy(recipients)), // what it names has another day
    ...grown(state, recipients),
    approval: recorded(manifest.shrinkApproved ?? null),
    transport: { ...transport, ...(hops === null ? { tables: [], history: [] } : grown(state.transport, hops)) },
  };
}
