/**
 * Stores verified key ring steps at once, whatever becomes of the manifest (docs/bundle-format.md section 6): the files
 * first, then the record that names them.
 */
import type { RootedRing, VerifiedStep } from '../../bundle/trust/keyring.ts';
import { HostError } from '../../errors.ts';
import { ringMark } from '../keys/trusted-keys.ts';
import { currentRing, takeSteps } from '../record/chain.ts';
import { bundleState } from '../record/state.ts';
import { settle } from '../record/version-history.ts';
import { openSession, withLock, type Session } from './session.ts';
import type { SessionContext } from './session-context.ts';

/**
 * Takes the lock.
 * @param from the ring that the steps follow. @throws StepError as opening a session does; BUSY where another run has
 * changed that ring
 */
export function storeSteps(
  cx: SessionContext,
  name: string,
  from: RootedRing,
  steps: readonly VerifiedStep[],
): Promise<void> {
  return withLock(cx, async () => {
    const session = await openSession(cx, { isLookedAt: true });
    requireRing(session.chains, name, from);
    const { state, files, copiesOf } = session;
    const st = bundleState(state, name);
    const copies = copiesOf(name);
    // Steps that no longer follow from the directory. Named no more before their files are written over.
    const others = st.keyring.steps.filter(({ step }) => step <= from.step);
    if (others.length < st.keyring.steps.length) {
      st.keyring.steps = others;
      files.write(state);
    }
    for (const { ring, envelope } of steps) copies.steps.keep(ring.step, envelope);
    takeSteps(st, steps, cx.now);
    const last = steps.at(-1)?.ring ?? from;
    settle(name, st, copies, last);
    files.write(state);
    copies.steps.removeAfter(last.step);
    for (const { ring, digest } of steps)
      cx.log('notice', `${name}: key ring step ${ring.step} is verified and stored (SHA-256 ${digest.slice(0, 16)})`);
  });
}

/** @throws HostError BUSY where the record has another ring than the one that something was verified under */
export function requireRing(chains: Session['chains'], name: string, ring: RootedRing): void {
  const chain = chains.get(name);
  if (chain !== undefined && ringMark(currentRing(chain)) === ringMark(ring)) return;
  throw new HostError('BUSY', 'another run has changed the key ring meanwhile; the next cycle takes what is offered');
}
