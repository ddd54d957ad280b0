/**
 * What origins have answered to a poll, as plain values: the child that does the cycle need not ask again. Touches
 * nothing.
 */
import { SourceError } from '../../errors.ts';
import type { Manifest, Source } from './source.ts';

type Answer =
  | { readonly is: 'manifest'; readonly manifest: Manifest }
  | { readonly is: 'failed'; readonly code: SourceError['code']; readonly message: string };

/** By the origin's label, with the condition under which it was asked. Can be sent to another process. */
export interface Answers {
  readonly of: ReadonlyMap<string, { readonly etag: string | null; readonly answer: Answer }>;
  readonly received: number;
}

/** The same source, which notes its answers. */
export function noting(source: Source): { readonly source: Source; readonly answers: () => Answers } {
  const of = new Map<string, { etag: string | null; answer: Answer }>();
  const origins = source.origins.map((origin) => ({
    ...origin,
    manifest: async (etag: string | null): Promise<Manifest> => {
      try {
        const manifest = await origin.manifest(etag);
        of.set(origin.label, { etag, answer: { is: 'manifest', manifest } });
        return manifest;
      } catch (error) {
        if (error instanceof SourceError)
          of.set(origin.label, { etag, answer: { is: 'failed', code: error.code, message: error.message } });
        throw error;
      }
    },
  }));
  return { source: { ...source, origins }, answers: () => ({ of, received: source.received() }) };
}

/**
 * The same source, which gives the known answers without asking. An answer counts only under the condition it was
 * given to.
 */
export function knowing(source: Source, { of, received }: Answers): Source {
  return {
    ...source,
    received: () => received + source.received(),
    origins: source.origins.map((origin) => ({
      ...origin,
      manifest: async (etag: string | null): Promise<Manifest> => {
        const known = of.get(origin.label);
        if (known === undefined || known.etag !== etag) return await origin.manifest(etag);
        if (known.answer.is === 'failed') throw new SourceError(known.answer.code, known.answer.message);
        return known.answer.manifest;
      },
    })),
  };
}
