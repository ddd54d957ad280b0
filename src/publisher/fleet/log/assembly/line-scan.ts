/**
 * AssemblyScript, compiled into ../line-scan-wasm.ts by `npm run wasm`: finds the lines that are exactly like a line
 * before them but for the parts that vary, and counts them. ../known-lines.ts says what for, and remembers the lines.
 * All that is here lies in one memory, at the places below. Loads of 16 bytes run over the end of a line, and never
 * over that of the memory: behind what is read there are more bytes.
 */

/** Times are read by the other side: the 26 bytes of the common log format, or any other form. NaN: it is none. */
declare function commonTime(at: u32): f64;
declare function anyTime(from: u32, to: u32): f64;

/** What the last call of `pass` says: its line feed, its hash, and how many lines were known before it. */
export const FEED: u32 = 0;
export const HASH: u32 = 4;
export const PASSED: u32 = 8;
/** The text of the last time of the common log format. */
const CLOCK: u32 = 32;
const CLOCK_LENGTH: u32 = 26;
/** Lines that were found and are not compared yet: where each begins, its line feed, its hash. */
const BATCH: u32 = 64;
const MOST_IN_BATCH: u32 = 32;

/**
 * Places for lines, and eight ways to them for each hash, as many as a line of the cache holds: of each way the hash,
 * and its place's number plus 1. Of four ways, one line in seventy found none free: it was read, again and again.
 */
export const TABLE: u32 = 1024;
export const PLACES: u32 = 1 << 15;
export const WAYS: u32 = 8;
/**
 * A place begins with a head of 16 short numbers (how many parts vary, the length, where they begin and end), and three
 * larger ones: how many lines were like this one, their first time and their last. Then come the bytes.
 */
export const PLACE: u32 = TABLE + PLACES * 8;
export const SIZE: u32 = 512;
export const COUNTS: u32 = 32;
export const HEAD: u32 = COUNTS + 24;
/** Where a part begins is in the lower bits of its number, of what kind it is in the upper ones. */
export const KIND: u32 = 12;
/** The bytes that are read, behind all that is above. */
export const INPUT: u32 = PLACE + PLACES * SIZE;

/** Kinds of parts: those of VARIES in ../log-line.ts. */
const COMMON_TIME: u32 = 0;
const TIME: u32 = 1;
const SECONDS: u32 = 2;
const WORD: u32 = 4;
const REST: u32 = 5;

/** Shorter lines are never known, nor are longer ones. ../log-input.ts has the same bound for the longest. */
export const LEAST_BYTES: u32 = 96;
const MOST_BYTES: u32 = 65536;
const HASHED: u32 = 64;
const HASHED_FIRST: u32 = 16;
const TAIL: u32 = 384;

let seed: u64 = 0;
let latest: f64 = 0;
let clock: f64 = NaN;
let time: f64 = NaN;
let next: u32 = 0;
let found: u32 = 0;
/** What was loaded only so that it comes into the cache. */
export let touched: u64 = 0;

/** `seed` of the hash. Lines after `last`, in seconds since 1970, are not known. */
export function setUp(given: u32, last: f64): void {
  seed = <u64>given * 0x9e3779b97f4a7c15;
  latest = last;
}

/** Other bytes have come into the block. */
export function changed(): void {
  next = found = 0;
}

/** Passes over the known lines between; `end` has a line feed. @returns where the line after them begins. */
export function pass(from: u32, end: u32): u32 {
  let at = from;
  let known: u32 = 0;
  for (;;) {
    if (next == found) {
      find(at, end);
      if (found == 0) {
        store<u32>(FEED, end);
        break;
      }
    }
    const entry = BATCH + next * 12;
    const start = load<u32>(entry);
    const feed = load<u32>(entry, 4);
    const hash = load<u32>(entry, 8);
    next++;
    const place = placeOf(hash, start, feed);
    if (place == 0) {
      at = start;
      store<u32>(FEED, feed);
      store<u32>(HASH, hash);
      break;
    }
    known++;
    at = feed + 1;
    const lines = load<f64>(place, COUNTS);
    store<f64>(place, lines + 1, COUNTS);
    if (lines == 0 || time < load<f64>(place, COUNTS + 8)) store<f64>(place, time, COUNTS + 8);
    if (lines == 0 || time > load<f64>(place, COUNTS + 16)) store<f64>(place, time, COUNTS + 16);
  }
  store<u32>(PASSED, known);
  return at;
}

/** Finds the next lines, and loads what they will be compared with: the processor waits for all of it at once. */
function find(from: u32, end: u32): void {
  let at = from;
  let count: u32 = 0;
  let entry = BATCH;
  for (; count < MOST_IN_BATCH; count++) {
    const feed = lineFeed(at);
    if (feed >= end) break;
    const hash = hashOf(at, feed);
    store<u32>(entry, at);
    store<u32>(entry, feed, 4);
    store<u32>(entry, hash, 8);
    entry += 12;
    at = feed + 1;
  }
  next = 0;
  found = count;
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const hash = load<u32>(BATCH + i * 12 + 8);
    let way = wayOf(hash);
    const end = way + WAYS * 8;
    while (way < end && load<u32>(way) != hash) way += 8;
    if (way == end) continue;
    const number = load<u32>(way, 4);
    if (number == 0) continue;
    const place = PLACE + (number - 1) * SIZE;
    sum +=
      load<u64>(place) + load<u64>(place, 64) + load<u64>(place, 128) + load<u64>(place, 192) + load<u64>(place, 256);
  }
  touched = sum;
}

function wayOf(hash: u32): u32 {
  return TABLE + (hash & (PLACES / WAYS - 1)) * (WAYS * 8);
}

/** The place of the line [start, feed), 0 if it has none; then `time` is its time. */
function placeOf(hash: u32, start: u32, feed: u32): u32 {
  if (feed - start < LEAST_BYTES || feed - start > MOST_BYTES) return 0;
  const first = wayOf(hash);
  let before: u32 = 0;
  for (let way = first; way < first + WAYS * 8; way += 8) {
    const number = load<u32>(way, 4);
    if (load<u32>(way) != hash || number == 0) continue;
    const place = PLACE + (number - 1) * SIZE;
    if (isAt(place, start, feed)) {
      if (before != 0) {
        // What came last comes first: the next line is mostly like it.
        store<u32>(way, load<u32>(before, 4), 4);
        store<u32>(before, number, 4);
      }
      return time <= latest ? place : 0;
    }
    if (before == 0) before = way;
  }
  return 0;
}

function isAt(place: u32, start: u32, feed: u32): bool {
  const bytes = place + HEAD;
  const count: u32 = load<u16>(place);
  const length: u32 = load<u16>(place, 2);
  let known: u32 = 0;
  let at = start;
  for (let i: u32 = 0; i < count; i++) {
    const head = place + 4 + i * 4;
    const begins: u32 = load<u16>(head);
    const ends: u32 = load<u16>(head, 2);
    const kind = begins >> KIND;
    const from = begins & ((1 << KIND) - 1);
    const same = from - known;
    if (at + same > feed || !isSame(bytes + known, at, same)) return false;
    at += same;
    if (kind == REST) return true;
    const part = at;
    if (kind == COMMON_TIME || kind == TIME) at += ends - from;
    else if (kind == WORD) while (load<u8>(at) > 0x20) at++;
    else while (isDigit(load<u8>(at))) at++;
    if (at == part || at > feed) return false;
    if (kind <= SECONDS) {
      time = kind == COMMON_TIME ? common(part) : anyTime(part, at);
      if (time != time) return false;
    }
    known = ends;
  }
  return at + length - known == feed + 1 && isSame(bytes + known, at, length - known);
}

/** A digit or a dot. */
function isDigit(c: u32): bool {
  return c - 0x30 <= 9 || c == 0x2e;
}

/** Compares 16 bytes at a time; what the last 16 have beyond the length does not count. */
function isSame(a: u32, b: u32, length: u32): bool {
  let i: u32 = 0;
  for (; i + 16 <= length; i += 16) if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false;
  return (sameBits(a + i, b + i) | (-1 << (length - i))) == -1;
}

function sameBits(a: u32, b: u32): u32 {
  return i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))) | 0xffff0000;
}

/** Consecutive lines are mostly of one second. */
function common(at: u32): f64 {
  if (isSame(CLOCK, at, CLOCK_LENGTH)) return clock;
  const read = commonTime(at);
  if (read == read) {
    clock = read;
    memory.copy(CLOCK, at, CLOCK_LENGTH);
  }
  return read;
}

function lineFeed(from: u32): u32 {
  let at = from;
  let bits = bitsOf(at, 10);
  while (bits == 0) bits = bitsOf((at += 16), 10);
  return at + ctz(bits);
}

/** A bit for each of 16 bytes that is this one. */
function bitsOf(at: u32, byte: u8): u32 {
  return i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(byte)));
}

/** The place of the last such byte in [from, to); `from - 1` if there is none. */
function lastOf(from: u32, to: u32, byte: u8): u32 {
  let at = to;
  while (at > from) {
    at -= 16;
    const bits = bitsOf(at, byte);
    if (bits != 0) {
      const place = at + 31 - clz(bits);
      return place < from ? from - 1 : place;
    }
  }
  return from - 1;
}

/**
 * Of the first bytes, which have the address, and of the name that ends with the last `)` and begins after a `=`; where
 * there is none, of so many bytes.
 */
function hashOf(start: u32, feed: u32): u32 {
  if (feed - start < LEAST_BYTES) return 0;
  const least = start + HASHED_FIRST;
  const tail = feed - start > TAIL + HASHED_FIRST ? feed - TAIL : least;
  let end = lastOf(tail, feed, 0x29);
  if (end < tail) end = feed;
  const most = end - least > HASHED ? end - HASHED : least;
  let from = lastOf(most, end, 0x3d);
  if (from < most) from = most;
  let hash = mixed(mixed(seed, load<u64>(start)), load<u64>(start, 8));
  let at = end;
  for (; at >= from + 8; at -= 8) hash = mixed(hash, load<u64>(at - 8));
  if (at > from) hash = mixed(hash, load<u64>(at - 8) >> ((8 - (at - from)) << 3));
  return <u32>(hash ^ (hash >> 32));
}

function mixed(hash: u64, word: u64): u64 {
  return (rotl(hash, 29) ^ word) * 0x9e3779b97f4a7c15;
}
