/**
 * Root becomes the owner of `state_dir`. Debian 13's Node refuses to change its user: its libuv is a shared
 * library, and Node cannot tell whether that uses io_uring (CVE-2024-22017). There, setpriv(1) starts the same
 * command line as that user, and this process waits for it.
 */
import { becomeOwner as change, Unchangeable } from '../gateway/become-owner.ts';

/** @throws HostError CONFIG. Does not return if the command line was started again: exits with that run's status. */
export async function becomeOwner(stateDir: string): Promise<void> {
  try {
    change(stateDir);
  } catch (error) {
    if (!(error instanceof Unchangeable)) throw error;
    const { startAgain } = await import('./start-again.ts');
    process.exit(startAgain(error));
  }
}
