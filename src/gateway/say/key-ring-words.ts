/** What is wrong with a chain of key ring steps, in words. Pure. */

/** How many keys are named. */
const SHOWN = 4;

/** @param back keyids of the directory that the stored steps had taken away */
export function brokenChain(
  { keys }: { readonly keys: string },
  { why, back }: { readonly why: string; readonly back: readonly string[] },
): string {
  const more = back.length > SHOWN ? ` and ${back.length - SHOWN} more` : '';
  const which =
    back.length === 0 ? 'no key comes back by it' : `these come back by it: ${back.slice(0, SHOWN).join(', ')}${more}`;
  return `the stored key ring steps do not follow from ${keys} (${why}), so the keys there count again; ${which}. Is \`ring\` right?`;
}
