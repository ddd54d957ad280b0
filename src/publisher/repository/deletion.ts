/**
 * Deletes blobs of a store that others write to, and puts back what should not have gone (docs/commands.md section
 * 3.1). Between two requests another publisher may name a blob again. So only what has been there for long is deleted,
 * only if the manifest that is read after that was decided does not name it; and whoever deletes, and whoever
 * publishes, looks afterwards whether all that is named is there.
 */
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { nextHopsOf, parseManifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { MANIFEST, type Store } from './store.ts';

/** The blobs that a manifest names, by key, and their size in bytes. */
function blobsOf(table: string, entry: TableEntry | null): [string, number][] {
  if (entry === null) return [];
  const { sha256, wireBytes, deltas } = entry;
  return [
    [`${table}/${sha256}.gz`, wireBytes],
    ...deltas.map((d): [string, number] => [`${table}/${d.from}-${sha256}.delta.gz`, d.wireBytes]),
  ];
}

/** What the manifest names that is there now; null if there is none that can be read. */
async function namedNow(store: Store): Promise<ReadonlyMap<string, number> | null> {
  const stored = await store.get(MANIFEST);
  if (stored === null) return null;
  try {
    const manifest = parseManifest(decodeEnvelope(stored.bytes).payload);
    const { recipients } = manifest.tables;
    return new Map([...blobsOf('recipients', recipients), ...blobsOf('transport', nextHopsOf(manifest).entry)]);
  } catch (error) {
    if (error instanceof StepError) return null;
    throw error;
  }
}

/** @returns the names that have to stay yet. @throws PublishError OUTPUT */
export async function removeOld(
  store: Store,
  names: readonly string[],
  keyOf: (name: string) => string,
): Promise<readonly string[]> {
  const left: string[] = [];
  let removed = 0;
  for (const name of names) {
    const key = keyOf(name);
    const found = await store.look(key);
    if (found === null) continue;
    const there = isOld(store, found) ? await store.get(key) : null; // remembered, should it have to be put back
    // Whoever names it again writes it again first, and the manifest is read after its age.
    const named = there !== null && isOld(store, there) ? await namedNow(store) : null;
    if (named === null) left.push(name);
    else if (!named.has(key)) {
      await store.remove(key);
      removed++;
    }
  }
  if (removed > 0) await putBack(store, () => null);
  return left;
}

const isOld = ({ leastAge }: Store, { age }: { readonly age: number | null }): boolean =>
  age !== null && age >= leastAge;

/** @param kept the compressed table of this hash; null if it is not at hand. @throws PublishError OUTPUT */
export async function putBack(store: Store, kept: (sha256: string) => Uint8Array | null): Promise<void> {
  for (const [key, size] of (await namedNow(store)) ?? []) {
    if ((await store.look(key)) !== null) continue;
    const sha256 = /\/([0-9a-f]{64})\.gz$/.exec(key)?.[1];
    const found = store.recall(key) ?? (sha256 === undefined ? null : kept(sha256));
    if (found?.length !== size) {
      log('warning', `${store.place(key)} is named and not there; the next publish makes it again`);
      continue;
    }
    if (await store.create(key, found))
      log('notice', `${store.place(key)} was deleted by another publisher; it is back`);
  }
}
