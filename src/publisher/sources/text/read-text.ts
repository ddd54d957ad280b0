/**
 * Turns a text source into entries, step by step: bytes -> encoding -> format -> records -> values -> entries.
 * Pure: the caller reads the bytes from the file, the program or the server.
 */
import { logOnce } from '../../../io/log.ts';
import { EntryError } from '../../entry.ts';
import type { Batch, Entry, Seen } from '../source-reader.ts';
import { decode } from './decode.ts';
import { shapeOf, type Shape } from './detect.ts';
import { aliasEntries } from './formats/aliases.ts';
import { refuseMarkup } from './foreign.ts';
import { csvEntries } from './formats/csv.ts';
import { jsonEntries } from './formats/json.ts';
import { ldifEntries } from './formats/ldif.ts';
import { passwdEntries } from './formats/passwd.ts';
import { postfixEntries } from './formats/postfix.ts';
import { propertyEntries } from './formats/properties.ts';
import { tableEntries } from './formats/table.ts';
import { Omissions } from './omissions.ts';
import { routeEntries } from './formats/routes.ts';
import { linesOf, wholeLines } from './lines.ts';
import { listLine } from './list-line.ts';
import type { Page } from './page.ts';
import type { ReadingOptions, TextOptions } from './text-options.ts';
import { PendingEntries } from './pending-entries.ts';

type Lines = AsyncIterable<readonly string[]>;
/** Formats that are read line by line, and what a message calls the place of their entries. */
const BY_LINES: Partial<
  Record<Shape, readonly [unit: string, read: (options: ReadingOptions, lines: Lines) => AsyncGenerator<Entry[]>]>
> = {
  csv: ['row', csvEntries],
  ldif: ['entry', ldifEntries],
  postfix: ['line', postfixEntries],
  aliases: ['line', aliasEntries],
  passwd: ['line', passwdEntries],
  table: ['line', tableEntries],
  properties: ['line', propertyEntries],
};

/** One of several texts that form a source. */
export interface Part {
  /** The page or the file: a message shows it before `line 7`. */
  readonly place?: string;
  readonly domain?: string | undefined;
  /** Receives what the text says of further pages. */
  readonly pages?: Page[];
}

export class TextSource {
  readonly #options: ReadingOptions;

  constructor(name: string, options: TextOptions) {
    this.#options = { ...options, name, left: new Omissions(name), pending: new PendingEntries() };
  }

  /**
   * @param chunks each is valid only until the next is requested.
   * @throws PublishError SOURCE if it is not in the expected format, is cut short, or cannot be taken whole.
   */
  async *read(chunks: AsyncIterable<Uint8Array>, seen: Seen, part: Part = {}): AsyncGenerator<Batch> {
    const { place, domain = this.#options.domain, pages } = part;
    const name = place === undefined ? this.#options.name : `${this.#options.name}, ${place}`;
    const options = { ...this.#options, domain, name };
    const unit = (word: string) => (place === undefined ? word : `${place}, ${word}`);
    const bytes = chunks[Symbol.asyncIterator]();
    try {
      const { head, all } = await decode(name, { [Symbol.asyncIterator]: () => bytes }, options.encoding);
      if (options.table === 'transport') {
        for await (const entries of routeEntries(options.format, linesOf(name, all)))
          yield { unit: unit('line'), entries };
        return;
      }
      if (options.format === undefined) refuseMarkup(name, head.toString());
      const shape = shapeOf(head, options);
      if (options.format === undefined && shape !== 'text')
        logOnce('notice', `${this.#options.name}: read as ${wordOf(shape)}`);
      const [word, read] = BY_LINES[shape] ?? ['', null];
      if (read !== null) {
        for await (const entries of read(options, linesOf(name, all))) yield { unit: unit(word), entries };
      } else if (shape === 'json') {
        for await (const entries of jsonEntries(options, all, pages)) yield { unit: unit('entry'), entries };
      } else if (part.place === undefined) yield* wholeLines(name, all, seen);
      else for await (const entries of listEntries(options, linesOf(name, all))) yield { unit: unit('line'), entries };
    } finally {
      // When the reader stops, release the file, the program or the connection.
      await bytes.return?.();
    }
  }

  /** Gives what could be judged only at the end, and logs what was left out. */
  *end(): Generator<Batch> {
    yield { unit: 'entry', entries: this.#options.pending.end(this.#options.left) };
    this.#options.left.tell();
  }

  get left(): Omissions {
    return this.#options.left;
  }
}

/** A plain list that is one of several texts. A single one goes to the gathering as bytes. */
async function* listEntries({ domain, left }: ReadingOptions, lines: Lines): AsyncGenerator<Entry[]> {
  let [number, begun] = [0, false];
  for await (const batch of lines) {
    const found: Entry[] = [];
    for (const line of batch) {
      number++;
      const read = lineOf(line, begun, domain);
      if (read === null) continue;
      begun = true;
      if (read === 'refusing' || read === 'other') left.add(read, 'line');
      else if (read !== 'header') found.push(...read.map((text) => ({ number, text })));
    }
    yield found;
  }
}

/** A line that breaks a rule is passed on unchanged. The gathering refuses it by the same rule, and counts it. */
function lineOf(line: string, begun: boolean, domain: string | undefined) {
  try {
    return listLine(line, begun, domain);
  } catch (error) {
    if (error instanceof EntryError) return [line];
    throw error;
  }
}

const wordOf = (shape: Shape): string =>
  shape === 'table' || shape === 'properties' ? `what a program shows on a screen (${shape})` : shape;
