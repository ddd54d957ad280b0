/** Remembers which source an error came from, so that health can name it. */
const sources = new WeakMap<object, string>();

/** Notes the source of an error. The first note wins. @returns the error, to be thrown. */
export function ofSource(error: unknown, source: string): unknown {
  if (typeof error === 'object' && error !== null && !sources.has(error)) sources.set(error, source);
  return error;
}

export const sourceOf = (error: unknown): string | null =>
  typeof error === 'object' && error !== null ? (sources.get(error) ?? null) : null;
