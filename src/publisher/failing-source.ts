/** Which source an error came from: for health, which names it. Holds nothing but that. */
const sources = new WeakMap<object, string>();

/** Notes the source once; the innermost one counts. @returns the error, to be thrown. */
export function ofSource(error: unknown, source: string): unknown {
  if (typeof error === 'object' && error !== null && !sources.has(error)) sources.set(error, source);
  return error;
}

export const sourceOf = (error: unknown): string | null =>
  typeof error === 'object' && error !== null ? (sources.get(error) ?? null) : null;
