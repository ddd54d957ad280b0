// What a test needs to know of one mail software with a directory: its schema with the attributes that matter,
// written anew, entries of every kind, and its Postfix's look-ups.
import type { Chance, Entry } from '../software.ts';

export interface DirectorySoftware {
  readonly preset: string;
  readonly name: string;
  /** Attribute types and object classes, for slapd. */
  readonly schema: string;
  readonly suffix: string;
  /** Of the source; else the suffix. */
  readonly base?: string;
  readonly ldif: (chance: Chance) => string;
  /**
   * Look-up tables of Postfix: name to the lines that say what is searched; `search_base` is the suffix unless they
   * say.
   */
  readonly lookups: Readonly<Record<string, string>>;
  readonly mainCf: (map: (...names: string[]) => string) => Record<string, string>;
  readonly entries: readonly Entry[];
  readonly delimiter?: string;
  readonly wildcards: readonly string[];
}

type Values = string | readonly string[] | undefined;

/** One entry; an attribute without a value is left out. */
export function entry(dn: string, attributes: Readonly<Record<string, Values>>): string {
  const lines = Object.entries(attributes).flatMap(([name, values]) =>
    (typeof values === 'string' ? [values] : (values ?? [])).map((value) => `${name}:: ${base64(value)}`),
  );
  return `${[`dn:: ${base64(dn)}`, ...lines].join('\n')}\n\n`;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** An attribute of a text that is compared without regard to case, or in another way. */
export function attributes(from: number, names: readonly string[], equality = 'caseIgnoreIA5Match'): string {
  const substr = equality.replace('Match', 'SubstringsMatch');
  return names
    .map((name, i) => {
      const rules = equality.startsWith('caseIgnore')
        ? `EQUALITY ${equality} SUBSTR ${substr}`
        : `EQUALITY ${equality}`;
      const syntax = equality === 'booleanMatch' ? 7 : 26;
      return `attributetype ( 1.3.6.1.4.1.4203.666.1.${7000 + from + i} NAME '${name}' ${rules} SYNTAX 1.3.6.1.4.1.1466.115.121.1.${syntax} )\n`;
    })
    .join('');
}

export const objectClass = (number: number, name: string, kind: string, may: readonly string[]): string =>
  `objectclass ( 1.3.6.1.4.1.4203.666.3.${7000 + number} NAME '${name}' SUP top ${kind} MAY ( ${may.join(' $ ')} ) )\n`;

export const organization = (dn: string, name: string): string =>
  entry(dn, { objectClass: ['dcObject', 'organization'], dc: dn.slice(3, dn.indexOf(',')), o: name });

export const EXAMPLE = 'dc=example,dc=org';
export const example = organization(EXAMPLE, 'Example');

/** Of so many of a hundred entries, this value. */
export const at = (chance: Chance, percent: number, value: string): string | undefined =>
  chance.percent(percent) ? value : undefined;
