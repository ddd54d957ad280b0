/**
 * Root becomes the owner of `state_dir`. Debian 13's Node refuses that to itself, since its libuv is a shared library whose io_uring it
 * cannot judge (CVE-2024-22017): there the same command line starts again as that user, by setpriv(1), and this process only waits.
 */
import { becomeOwner as change, Unchangeable } from '../gateway/become-owner.ts';

/** @throws HostError CONFIG. Does not return where the command had to start again: the process then ends as that one did. */
export async function becomeOwner(stateDir: string): Promise<void> {
  try {
    change(stateDir);
  } catch (error) {
    if (!(error instanceof Unchangeable)) throw error;
    const { startAgain } = await import('./start-again.ts');
    process.exit(startAgain(error));
  }
}
