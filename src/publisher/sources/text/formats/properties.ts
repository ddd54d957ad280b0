/**
 * Records as a list of properties, one per line: PowerShell's `Format-List`, Zimbra's `zmprov -v`, Virtualmin's
 * `--multiline`, `\G` of MySQL, `\x` of psql. PowerShell cuts off what does not fit; the reader refuses that. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import { isNaming } from '../columns.ts';
import { Records, type Field } from '../records.ts';
import type { ReadingOptions } from '../text-options.ts';

/** PowerShell aligns the colons, with a blank before each. */
export const PROPERTY = /^([A-Za-z][\w .-]{0,80}?) {1,80}: ?(.*)$/;
/** Others write the colon behind the name; psql writes a bar. */
export const PLAIN_PROPERTY = /^\s{0,80}([A-Za-z][\w .()/-]{0,80}?)(?::| {0,80}\|)(?:\s+(.*))?$/;
/** The line above a record of MySQL, of psql, and of Zimbra, which names the account there. */
export const RECORD_LINE = /^\*{3,} \d+\. row \*{3,}$|^-\[ RECORD \d+ \][-+]*$|^# name (\S+@\S+)$/;
/** The line above a record of Virtualmin. */
const HEADING = /^[^\s:@]+@[^\s:@]+$/;

/** @throws PublishError SOURCE for a line that is no property, or if no property is known for addresses. */
export async function* propertyEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const reader = new PropertyReader(options);
  for await (const lines of batches) yield lines.flatMap((line) => reader.read(line));
  yield reader.end();
}

class PropertyReader {
  readonly #name: string;
  readonly #records: Records;
  #number = 0;
  #begun = 0;
  #fields: [string, string][] = [];
  /** Null until the first property. */
  #isPlain: boolean | null = null;
  #hasNaming = false;

  constructor(options: ReadingOptions) {
    this.#name = options.name;
    this.#records = new Records({ ...options, unit: 'line', columns: options.columns?.map(String) });
  }

  read(line: string): Entry[] {
    this.#number++;
    const text = line.replace(/^\f/, '').trimEnd();
    const found = line.startsWith('\f') || text.trim() === '' ? this.#record() : [];
    if (text.trim() === '') return found;
    const record = RECORD_LINE.exec(text);
    if (record !== null) return [...found, ...this.#headed('address', record[1])];
    if (text.startsWith('#')) return found;
    if (this.#isPlain !== false && HEADING.test(text)) return [...found, ...this.#headed('username', text)];
    this.#isPlain ??= !PROPERTY.test(text);
    return [...found, ...(this.#isPlain ? this.#plain(text) : this.#aligned(text))];
  }

  end(): Entry[] {
    const found = this.#record();
    if (!this.#hasNaming)
      throw new PublishError(
        'SOURCE',
        `${this.#name}: no property that is known for addresses; say with columns = [...] which to take`,
      );
    return found;
  }

  #aligned(text: string): Entry[] {
    const property = PROPERTY.exec(text);
    if (/^\s/.test(text) && this.#continues(text)) return [];
    if (property === null) throw this.#failed();
    return this.#add(property);
  }

  #plain(text: string): Entry[] {
    const property = PLAIN_PROPERTY.exec(text);
    if (property === null && /^\s/.test(text) && this.#continues(text)) return [];
    if (property === null) throw this.#failed();
    // Without a blank line between two records the first property comes again.
    const found = this.#fields[0]?.[0] === property[1] ? this.#record() : [];
    return [...found, ...this.#add(property)];
  }

  #add([, name = '', value = '']: RegExpExecArray): Entry[] {
    this.#hasNaming ||= isNaming(this.#records.kindOf(name));
    if (this.#fields.length === 0) this.#begun = this.#number;
    this.#fields.push([name, value]);
    return [];
  }

  /** Begins a record, with what the line above it says. */
  #headed(name: string, value: string | undefined): Entry[] {
    const found = this.#record();
    if (value === undefined) return found;
    this.#begun = this.#number;
    this.#fields.push([name, value]);
    this.#hasNaming ||= isNaming(this.#records.kindOf(name));
    return found;
  }

  #continues(text: string): boolean {
    const last = this.#fields.at(-1);
    if (last !== undefined) last[1] += wrapped(text.trim(), last[1]);
    return last !== undefined;
  }

  #record(): Entry[] {
    const fields: readonly Field[] = this.#fields;
    this.#fields = [];
    return fields.length === 0 ? [] : this.#records.take(this.#begun, fields);
  }

  #failed(): PublishError {
    return new PublishError('SOURCE', `${this.#name}, line ${this.#number}: no property and its value`);
  }
}

/** A continued value was broken at a blank, or inside a word that is too long for the screen. */
const wrapped = (text: string, before: string): string => (/[,;{]$/.test(before.trimEnd()) ? ` ${text}` : text);
