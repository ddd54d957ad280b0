/** Where an entry stands in its source, for messages and for what depends on the entries before it. Pure. */
import type { Omissions } from '../sources/text/omissions.ts';

/** Where an entry stands, and what came before it. */
export interface Place {
  readonly name: string;
  /** `line`, `row` or `entry`, preceded by the page or the file. */
  unit: string;
  /** The domain for local parts without one in a plain list. */
  readonly domain: string | undefined;
  readonly left: Omissions;
  readonly isSkipped: (domain: string) => boolean;
  /** The number of the last entry, from 1. */
  number: number;
  /** Whether anything but a header has been read. */
  begun: boolean;
}

/** Where an entry stands, as text. */
export const placeOf = ({ name, unit, number }: Place): string => `${name}, ${unit} ${number}`;
