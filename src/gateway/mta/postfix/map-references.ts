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

/**
 * Whether a word means one of our maps and is not read as it: the path without a type, with the ending of its file, or
 * with a type that relaymap does not write.
 */
export function isMisspelt(config: GatewayConfig, map: MapName, word: string): boolean {
  if (isOurs(config, map, word)) return false;
  const name = isTable(word) ? nameOf(word) : word;
  return path.normalize(name.replace(/\.(cdb|lmdb|db)$/, '')) === path.join(config.map_dir, map);
}

/**
 * The words of a parameter with each put through `change`, which gives an empty text for one that goes. A word that
 * stays is as it is written; where `$name`s stand for what changes, their place is taken by what they mean.
 */
export function changedWords(postfix: PostfixConfig, parameter: string, change: (word: string) => string): string[] {
  const written = words(postfix.raw.get(parameter) ?? '');
  const all = written.flatMap((word) => {
    const means = words(expanded(postfix, word));
    return means.some((each) => change(each) !== each) ? means.map(change) : [word];
  });
  // An expression such as `${name?text}` is taken as a whole.
  const isDone = all.join(' ') !== written.join(' ');
  return (isDone ? all : words(postfix.main.get(parameter) ?? '').map(change)).filter((word) => word !== '');
}

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
