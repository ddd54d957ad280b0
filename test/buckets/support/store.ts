// One radosgw for all files of the suite `buckets`: started before the first, ended after the last.
import type { TestProject } from 'vitest/node';
import { startRadosgw } from './radosgw.ts';
import type { StoreAccess } from './s3-client.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    store: StoreAccess;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const store = await startRadosgw();
  const { url, accessKey, secretKey } = store;
  project.provide('store', { url, accessKey, secretKey });
  return () => store.stop();
}
