// What one process knows of an origin's answer, another takes only for the same question: a 304 says nothing under
// another condition.
import { expect, test } from 'vitest';
import { SourceError } from '../../src/errors.ts';
import { knowing, noting } from '../../src/gateway/fetch/poll-answers.ts';
import type { Manifest, Source } from '../../src/gateway/fetch/source.ts';

/** A source of one origin, and the conditions under which it was asked. */
function source(answer: () => Manifest): { source: Source; asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  const manifest = (etag: string | null) => {
    asked.push(etag);
    return new Promise<Manifest>((resolve) => resolve(answer()));
  };
  const blob = () => Promise.reject(new SourceError('NETWORK', 'no blob here'));
  const step = () => Promise.resolve(null);
  const origin = { label: 'https://one.invalid/', manifest, step, blob };
  return {
    source: { offline: false, origins: [origin], received: () => 7, close: () => Promise.resolve() },
    asked,
  };
}

const ask = (from: Source, etag: string | null) => from.origins[0]?.manifest(etag);
const notModified = (): Manifest => ({ is: 'not modified' });

/** As it comes out at the other end of the pipe between two processes. */
async function carried(answer: () => Manifest, etag: string | null) {
  const { source: first } = source(answer);
  const { source: noted, answers } = noting(first);
  await ask(noted, etag)?.catch(() => undefined);
  return structuredClone(answers());
}

test('the same question is not asked twice, and the bytes that it took count', async () => {
  const bytes = Buffer.from('an envelope');
  const known = await carried(() => ({ is: 'offered', bytes, etag: '"2"' }), '"1"');
  const { source: second, asked } = source(notModified);
  const then = knowing(second, known);
  expect(await ask(then, '"1"')).toMatchObject({ is: 'offered', etag: '"2"' });
  expect([asked, then.received()]).toEqual([[], 14]);
});

test.each([['"2"'], [null]])('asked with %s, a 304 to another ETag is no answer', async (etag) => {
  const known = await carried(notModified, '"1"');
  const { source: second, asked } = source(() => ({ is: 'offered', bytes: Buffer.alloc(0), etag: null }));
  expect(await ask(knowing(second, known), etag)).toMatchObject({ is: 'offered' });
  expect(asked).toEqual([etag]);
});

test('a failure is the same failure there', async () => {
  const known = await carried(() => {
    throw new SourceError('TLS', 'the name is another');
  }, null);
  const { source: second, asked } = source(notModified);
  await expect(ask(knowing(second, known), null)).rejects.toMatchObject({
    code: 'TLS',
    message: 'the name is another',
    name: 'SourceError',
  });
  expect(asked).toEqual([]);
});
