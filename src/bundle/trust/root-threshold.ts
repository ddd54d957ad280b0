/** The default of `root_threshold` (docs/bundle-format.md section 6). Apart: a health check needs no more. Pure. */

/** More than half of so many root keys. */
export const defaultRootThreshold = (roots: number): number => Math.floor(roots / 2) + 1;
