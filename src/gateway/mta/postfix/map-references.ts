/** How main.cf names relaymap's maps, beside what it names already: shared by `check` and `init`. Pure. */
import path from 'node:path';
import type { GatewayConfig } from '../../config.ts';
import type { PostfixConfig } from './main-cf.ts';
import { isTable, nameOf, typeOf, words } from './tables.ts';
import { ENDINGS } from '../../map-files.ts';
import type { MapName } from '../mta.ts';

export type { MapName } from '../mta.ts';

/** The table as main.cf should name it: of a type that is written and that this Postfix knows. */
export function ourTable(config: GatewayConfig, types: ReadonlySet<string> | null, map: MapName): string {
  const written = ['cdb' as const, ...config.maps.types].filter((type) => config.maps.types.includes(type));
  const type = written.find((t) => types === null || types.has(t)) ?? written[0] ?? 'cdb';
  return `${type}:${path.join(config.map_dir, map)}`;
}

/** Whether a word names one of our maps, whatever its type. */
export const isOurs = (config: GatewayConfig, map: MapName, word: string): boolean =>
  isTable(word) && typeOf(word) in ENDINGS && path.normalize(nameOf(word)) === path.join(config.map_dir, map);

/** A word of main.cf with its `$name`s replaced. */
export function expanded({ main }: PostfixConfig, word: string): string {
  return word.replace(/\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g, (all, a?: string, b?: string, c?: string) => {
    return main.get(a ?? b ?? c ?? '') ?? all;
  });
}

/** The words of a parameter as they are written, without those that stand for one of `names`. */
export function without(postfix: PostfixConfig, parameter: string, names: ReadonlySet<string>): string[] {
  return words(postfix.raw.get(parameter) ?? '').filter(
    (word) => !words(expanded(postfix, word)).some((w) => names.has(w) || names.has(w.toLowerCase())),
  );
}

/** Domain and all above it, the nearest first. */
export function withParents(domain: string): string[] {
  const labels = domain.split('.');
  return labels.map((_, i) => labels.slice(i).join('.'));
}

export const coversSubdomains = (postfix: PostfixConfig): boolean =>
  words(postfix.main.get('parent_domain_matches_subdomains') ?? '').includes('relay_domains');
