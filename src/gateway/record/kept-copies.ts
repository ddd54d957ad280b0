/** The kept copies of each bundle, for `history`, `rollback` and `lookup --history`. */
import { allCopies, floorOf, isTrusted } from './version-history.ts';
import { bundleState, type BundleState, type CopyRef, type GatewayState } from './state.ts';

/** The copies kept of a bundle, oldest first. */
export interface Kept {
  readonly name: string;
  readonly held: BundleState['held'];
  readonly floor: number | null;
  readonly copies: readonly (CopyRef & { readonly live: boolean; readonly trusted: boolean })[];
}

export function keptCopiesOf(state: GatewayState, names: readonly string[]): Kept[] {
  return names.map((name) => {
    const st = bundleState(state, name);
    const copies = allCopies(st)
      .map((c) => ({ ...c, live: c === st.installed, trusted: isTrusted(st, c) }))
      .sort((a, b) => a.version - b.version);
    return { name, held: st.held, floor: floorOf(st)?.version ?? null, copies };
  });
}
