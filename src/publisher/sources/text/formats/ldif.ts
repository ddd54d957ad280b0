/** Streams LDIF (RFC 2849): an entry is a record, its attributes are columns. Pure. */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import type { ReadingOptions } from '../text-options.ts';
import { isNaming } from '../columns.ts';
import { hasNoRecipients } from '../../ldap-partitions.ts';
import { Records, type Field } from '../records.ts';

/** What ldapsearch asks between two pages. */
const PROMPT = /^Press \[size\] Enter for the next/;
const MAX_VALUE = 16 * 1024 * 1024;

/**
 * @throws PublishError SOURCE if it is not LDIF, contains changes instead of entries, or the server has cut it off.
 */
export async function* ldifEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const reader = new LdifReader(options);
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) found.push(...reader.read(line.replace(/\r$/, '')));
    yield found;
  }
  yield reader.end();
}

class LdifReader {
  readonly #name: string;
  readonly #records: Records;
  #line = 0;
  /** A logical line that may continue: a continuation begins with a blank. */
  #open: string | null = null;
  #fields: Field[] = [];
  #hasEntry = false;
  #count = 0;
  /** The last page that was seen has a cookie. */
  #isPart = false;

  constructor(options: ReadingOptions) {
    this.#name = options.name;
    this.#records = new Records({ ...options, unit: 'entry', columns: options.columns?.map(String) });
  }

  read(line: string): Entry[] {
    this.#line++;
    if (line.startsWith(' ') && this.#open !== null) {
      this.#open += line.slice(1);
      if (this.#open.length > MAX_VALUE) throw this.#failed(`an attribute is over ${MAX_VALUE} characters`);
      return [];
    }
    const found = this.#close();
    if (line.trim() !== '') {
      this.#open = line;
      return found;
    }
    return [...found, ...this.#entry()];
  }

  end(): Entry[] {
    const found = [...this.#close(), ...this.#entry()];
    if (this.#isPart) throw this.#failed('further pages of the answer are missing');
    return found;
  }

  #close(): Entry[] {
    const line = this.#open;
    this.#open = null;
    if (line === null) return [];
    // ldapsearch writes a cookie while there is more. The last page has none; -LLL leaves all of them out.
    const paged = /^(?:# *)?pagedresults: *(?:estimate=\d+ *)?cookie=(\S*)/.exec(line);
    if (paged !== null) {
      this.#isPart = paged[1] !== '';
      return this.#entry();
    }
    if (line.startsWith('#')) return [];
    if (PROMPT.test(line)) return this.#entry();
    const [, attribute = '', kind = '', rest = ''] = /^([A-Za-z0-9.;=*_-]+):([:<]?)(.*)$/s.exec(line) ?? [];
    if (attribute === '') throw this.#failed('no attribute and its value');
    return this.#take(attribute, kind, rest.trim());
  }

  #take(attribute: string, kind: string, rest: string): Entry[] {
    const name = attribute.toLowerCase();
    if (name === 'dn') {
      const found = this.#entry();
      this.#hasEntry = true;
      return found;
    }
    if (name === 'changetype' && rest.toLowerCase() !== 'add') throw this.#failed('changes, where a list was expected');
    if (!this.#hasEntry) {
      // ldapsearch writes this after the entries.
      if (name === 'result' && !/^0\b/.test(rest))
        throw this.#failed(`the directory gave no whole answer (result ${/^\d{1,3}/.exec(rest)?.[0] ?? 'unknown'})`);
      if (name === 'ref' && hasNoRecipients(rest)) return [];
      if (name === 'ref') throw this.#failed('a referral: a part of the list is on another server');
      if (/^(?:version|search|result|control)$/.test(name)) return [];
      throw this.#failed('an attribute before the first dn');
    }
    const range = /;range=\d+-(\d+)$/.exec(name);
    if (range !== null) throw this.#failed('a part of the values (range=...) instead of all');
    const column = this.#records.kindOf(attribute);
    const isRead = isNaming(column) || column === 'status' || column === 'kind';
    if (kind === '<') {
      if (isRead) throw this.#failed('a value that stands at a URL');
      return [];
    }
    const value = kind === ':' ? this.#decoded(rest, isRead) : rest;
    this.#fields.push([attribute.replace(/;range=.*$/i, ''), value]);
    return [];
  }

  /** A value that is not text is not an address: a picture may contain any bytes. */
  #decoded(base64: string, isRead: boolean): string {
    const bytes = Buffer.from(base64, 'base64');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw this.#failed('a value that is no base64');
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      if (isRead) throw this.#failed('a value that is not UTF-8', error);
      return '';
    }
  }

  #entry(): Entry[] {
    if (!this.#hasEntry) return [];
    const fields = this.#fields;
    this.#fields = [];
    this.#hasEntry = false;
    return this.#records.take(++this.#count, fields);
  }

  #failed(why: string, cause?: unknown): PublishError {
    return new PublishError('SOURCE', `${this.#name}, line ${this.#line}: ${why}`, cause);
  }
}
