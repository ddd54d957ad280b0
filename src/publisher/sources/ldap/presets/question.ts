/** What a directory is asked for, and which addresses its entries stand for. Pure. */
import { addressesOf, wholeAddressOf } from '../values.ts';

/** An entry's values by attribute, names in lower case. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

export interface Taken {
  readonly accepted: readonly string[];
  /** Where mail for the entry is sent on to: accepted only in a domain that other entries show to be ours. */
  readonly forwarded: readonly string[];
}

export interface Question {
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly take: (entry: Attributes) => Taken;
  /** A value is what Postfix asks for, whatever its characters: the software's own look-ups are known. */
  readonly exact?: true;
  /** Where the software has entries for its domains: an address of no other domain is accepted. */
  readonly domains?: DomainQuestion;
}

export interface DomainQuestion {
  readonly filter: string;
  readonly scope: 'sub' | 'one';
  readonly attributes: readonly string[];
  /** `relayed` are those that accept everybody. */
  readonly take: (entry: Attributes) => { readonly local: readonly string[]; readonly relayed: readonly string[] };
}

export const NOTHING: Taken = { accepted: [], forwarded: [] };

/** An attribute's values as they stand. */
export const valuesOf = (entry: Attributes, name: string): readonly string[] => entry.get(name.toLowerCase()) ?? [];

/** The addresses in the values of these attributes. */
export const addressesIn = (entry: Attributes, ...names: readonly string[]): string[] =>
  names.flatMap((name) => valuesOf(entry, name).flatMap(addressesOf));

/** The same where the software's own look-ups compare a value as a whole. */
export const wholeAddressesIn = (entry: Attributes, ...names: readonly string[]): string[] =>
  names.flatMap((name) => valuesOf(entry, name).flatMap(wholeAddressOf));

/** Whether an attribute has this value, whatever its case. */
export const is = (entry: Attributes, name: string, value: string): boolean =>
  valuesOf(entry, name).some((each) => each.trim().toLowerCase() === value);

/** Any of these attributes is there. */
export const anyOf = (...names: readonly string[]): string => `(|${names.map((name) => `(${name}=*)`).join('')})`;
