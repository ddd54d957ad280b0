/**
 * Keys of docs/commands.md section 3 that this version does not implement. A configuration with one is refused by
 * name: a publisher that ignored `sealed = true` would publish in the open what must be sealed. Pure.
 */

type Values = Readonly<Record<string, unknown>>;

const LATER_TYPES: readonly unknown[] = ['graph', 'google', 'scim'];

/** Why a configuration is refused, naming the key; null if it uses no such key. */
export function laterKey(values: unknown): string | null {
  const config = tableOf(values);
  const missing = (what: string) => `${what} is not in this version of relaymap; take it out`;
  if (config['sealed'] === true) return missing('sealed = true');
  for (const [i, each] of listOf(config['source']).entries()) {
    const source = tableOf(each);
    if (LATER_TYPES.includes(source['type'])) return missing(`source.${i}.type "${String(source['type'])}"`);
  }
  return null;
}

const isTable = (value: unknown): value is Values => typeof value === 'object' && value !== null;
const tableOf = (value: unknown): Values => (isTable(value) ? value : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
