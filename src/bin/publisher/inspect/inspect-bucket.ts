/** A bucket as `inspect` asks it: with the credentials of its owner, and by the code of a gateway. */
import { SourceError, TableError } from '../../../errors.ts';
import type { Source } from '../../../gateway/fetch/source.ts';
import { MANIFEST, type Store } from '../../../publisher/repository/store.ts';

const absent = (store: Store, key: string) => new SourceError('HTTP_STATUS', `${store.place(key)} is not there`);

export const bucketSource = (store: Store): Source => ({
  offline: false,
  received: () => 0,
  close: () => store.close(),
  origins: [
    {
      label: store.label,
      manifest: async () => {
        const stored = await store.get(MANIFEST);
        if (stored === null) throw absent(store, MANIFEST);
        return { is: 'offered', bytes: stored.bytes, etag: null };
      },
      step: async (number) => (await store.get(`keyring/${number}.json`))?.bytes ?? null,
      blob: async (key, wireBytes) => {
        const found = await store.look(key);
        if (found === null) throw absent(store, key);
        const { size } = found;
        if (size !== wireBytes)
          throw new TableError('LENGTH_MISMATCH', `${key}: it has ${size} bytes, the manifest says ${wireBytes}`);
        return store.read(key);
      },
    },
  ],
});
