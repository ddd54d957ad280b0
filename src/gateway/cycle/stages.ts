/**
 * One slow bundle slows only itself (docs/commands.md section 2.3): what has come is brought live while the rest is
 * still on its way. Touches nothing.
 */

/** Milliseconds that ready bundles wait for slow ones. */
export const PATIENCE = 10_000;

/**
 * Groups what comes: all of it, if it comes within `patience` milliseconds; else what has come by then, and again
 * after twice the time. The last group may be empty only if nothing was to come.
 */
export async function* inStages<T>(coming: readonly Promise<T>[], patience: number): AsyncGenerator<T[]> {
  const ready: T[] = [];
  const all = Promise.all(coming.map(async (one) => void ready.push(await one)));
  all.catch(() => undefined); // thrown below, or nobody waits for it any more
  let isAll = false;
  for (let wait = patience; !isAll; wait *= 2) {
    isAll = await endsWithin(all, wait);
    if (isAll ? ready.length > 0 || coming.length === 0 : ready.length > 0) yield ready.splice(0);
  }
}

/** @throws what the work throws */
async function endsWithin(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(milliseconds, 2 ** 31 - 1));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
