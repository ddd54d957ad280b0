/**
 * What was found out of the client of a line, for the next line with the same agent, certificate, token and address.
 * Pure.
 */
import { Block, hashOf, isSame } from './log/block.ts';
import type { LogLine } from './log/log-line.ts';

/** Places for clients, and two ways to them for each hash. */
const PLACES = 1 << 17;
const SIZE = 208;
/** Before the bytes of a place: how long each of its parts is, and how they are written. */
const HEAD = 6;
const ESCAPES = { backslash: 1, json: 2, none: 3 } as const;

export class KnownClients<T> {
  readonly #block = new Block(PLACES * SIZE);
  readonly #values: (T | null)[] = Array.from({ length: PLACES }, () => null);
  /** The place for each way of each hash, plus 1. Places are taken in turn: those that are used lie side by side. */
  readonly #places = new Int32Array(PLACES);
  #taken = 0;
  readonly #seed: number;
  /** What was found out of one that differs from the line that was looked for last in its User-Agent alone. */
  near: T | null = null;
  /** Of the line that was looked for last: the first of its ways, its head, and the length of its User-Agent. */
  #first = -1;
  #head = 0;
  #agent = 0;
  #escapes = 0;

  /** @param seed of the hash: whoever writes lines must not choose their places. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Null if it is not known; then `near` may be. */
  find(line: LogLine): T | null {
    const { block, agentStart, agentEnd, certificateStart, certificateEnd, tokenStart, tokenEnd } = line;
    const agent = agentEnd - agentStart;
    const certificate = certificateEnd - certificateStart;
    const token = tokenEnd - tokenStart;
    const address = line.addressEnd - line.addressStart;
    this.#first = -1;
    this.near = null;
    if (HEAD + agent + certificate + token + address > SIZE) return null;
    // The end of a User-Agent has the name. All bytes are compared afterwards.
    let hash = hashOf(block, Math.max(agentStart, agentEnd - 16), agentEnd, this.#seed);
    hash = hashOf(block, certificateStart, certificateEnd, hash);
    if (token > 0) hash = hashOf(block, tokenStart, tokenEnd, hash);
    if (address > 0) hash = hashOf(block, line.addressStart, line.addressEnd, hash);
    this.#head = certificate | (token << 8) | (address << 16) | (Number(line.isSubject) << 24);
    this.#agent = agent;
    this.#escapes = ESCAPES[line.escapes];
    this.#first = (hash >>> 0) % PLACES;
    return this.#at(this.#first, line) ?? this.#at(this.#first ^ 1, line);
  }

  /** Remembers what was found out of the line that was looked for last. The newer of two is the first way. */
  keep(line: LogLine, value: T): void {
    const first = this.#first;
    if (first < 0) return;
    const places = this.#places;
    const place = (places[first ^ 1] || ++this.#taken) - 1;
    places[first ^ 1] = places[first] ?? 0;
    places[first] = place + 1;
    const { bytes } = this.#block;
    let at = place * SIZE;
    this.#block.view.setInt32(at, this.#head);
    bytes[at + 4] = this.#agent;
    bytes[at + 5] = this.#escapes;
    at += HEAD;
    const { bytes: from } = line.block;
    at += from.copy(bytes, at, line.certificateStart, line.certificateEnd);
    at += from.copy(bytes, at, line.tokenStart, line.tokenEnd);
    at += from.copy(bytes, at, line.addressStart, line.addressEnd);
    from.copy(bytes, at, line.agentStart, line.agentEnd);
    this.#values[place] = value;
  }

  #at(way: number, line: LogLine): T | null {
    const place = (this.#places[way] ?? 0) - 1;
    if (place < 0) return null;
    const ours = this.#block;
    let at = place * SIZE;
    if (ours.view.getInt32(at) !== this.#head || ours.bytes[at + 5] !== this.#escapes) return null;
    const agent = ours.bytes[at + 4];
    at += HEAD;
    const { block } = line;
    const certificate = line.certificateEnd - line.certificateStart;
    if (!isSame(ours, at, block, line.certificateStart, certificate)) return null;
    at += certificate;
    const token = line.tokenEnd - line.tokenStart;
    if (!isSame(ours, at, block, line.tokenStart, token)) return null;
    at += token;
    const address = line.addressEnd - line.addressStart;
    if (!isSame(ours, at, block, line.addressStart, address)) return null;
    at += address;
    const value = this.#values[place] ?? null;
    if (agent === this.#agent && isSame(ours, at, block, line.agentStart, this.#agent)) return value;
    this.near ??= value;
    return null;
  }
}
