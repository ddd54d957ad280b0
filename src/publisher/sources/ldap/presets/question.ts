/** What a directory is asked for, and which addresses its entries give. Pure. */
import { addressesOf, wholeAddressOf } from '../values.ts';

/** An entry's values by attribute, with names in lower case. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

export interface Taken {
  readonly accepted: readonly string[];
  /** Where mail for the entry is forwarded. Accepted only in a domain that other entries show to be ours. */
  readonly forwarded: readonly string[];
}

export interface Question {
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly take: (entry: Attributes) => Taken;
  /** A value is exactly what Postfix asks for, whatever its characters: the software's own look-ups are known. */
  readonly exact?: true;
  /** Set if the software has entries for its domains. An address in any other domain is not accepted. */
  readonly domains?: DomainQuestion;
}

export interface DomainQuestion {
  readonly filter: string;
  readonly scope: 'sub' | 'one';
  readonly attributes: readonly string[];
  /** `relayed` domains accept every address. */
  readonly take: (entry: Attributes) => { readonly local: readonly string[]; readonly relayed: readonly string[] };
}

export const NOTHING: Taken = { accepted: [], forwarded: [] };

/** An attribute's values, unchanged. */
export const valuesOf = (entry: Attributes, name: string): readonly string[] => entry.get(name.toLowerCase()) ?? [];

/** The addresses in the values of these attributes. */
export const addressesIn = (entry: Attributes, ...names: readonly string[]): string[] =>
  names.flatMap((name) => valuesOf(entry, name).flatMap(addressesOf));

/** The same, if the software's own look-ups compare a value as a whole. */
export const wholeAddressesIn = (entry: Attributes, ...names: readonly string[]): string[] =>
  names.flatMap((name) => valuesOf(entry, name).flatMap(wholeAddressOf));

/** Whether an attribute has this value, ignoring case. */
export const is = (entry: Attributes, name: string, value: string): boolean =>
  valuesOf(entry, name).some((each) => each.trim().toLowerCase() === value);

/** A filter: any of these attributes exists. */
export const anyOf = (...names: readonly string[]): string => `(|${names.map((name) => `(${name}=*)`).join('')})`;
