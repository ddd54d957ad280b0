/**
 * Times of access logs, as whole seconds since 1970. Consecutive lines are mostly of one minute, so the minute is
 * parsed once. Pure.
 */
import { Block, isSame } from './block.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const CLF =
  /^([0-3][0-9])\/([A-Z][a-z]{2})\/([0-9]{4}):([0-2][0-9]):([0-5][0-9]):([0-6][0-9]) ([+-])([0-9]{2})([0-9]{2})$/;
const ISO =
  /^([0-9]{4})[-/]([01][0-9])[-/]([0-3][0-9])[T ]([0-2][0-9]):([0-5][0-9]):([0-6][0-9])(?:[.,][0-9]{1,9})?(Z|([+-])([0-9]{2}):?([0-9]{2}))?$/;
/** `26/Nov/2026:22:12:02 +0000` */
export const CLF_LENGTH = 26;

/** Reads times; remembers the last minute of the common log format. */
export class LogClock {
  readonly #last = new Block(CLF_LENGTH);
  #minute = NaN;

  /** The 26 bytes of the common log format. @returns NaN if they are none. */
  common(block: Block, at: number): number {
    const { bytes: b } = block;
    const last = this.#last;
    // All but the two digits of the seconds, which are at 18.
    const tens = (b[at + 18] ?? 0) - 48;
    const ones = (b[at + 19] ?? 0) - 48;
    const isDigits = tens >= 0 && tens <= 6 && ones >= 0 && ones <= 9;
    if (isDigits && isSame(last, 0, block, at, 18) && isSame(last, 20, block, at + 20, 6))
      return this.#minute + tens * 10 + ones;
    const text = b.toString('latin1', at, at + CLF_LENGTH);
    const time = commonTime(text);
    if (Number.isNaN(time)) return NaN;
    b.copy(last.bytes, 0, at, at + CLF_LENGTH);
    this.#minute = time - Number(text.slice(18, 20));
    return time;
  }

  readonly #lastIso = new Block(17);
  #isoMinute = NaN;

  /** A time as JSON logs have it, without its quotes: ISO 8601, the common log format, seconds, or smaller units. */
  any(block: Block, start: number, end: number): number {
    const { bytes: b } = block;
    const length = end - start;
    if (length === CLF_LENGTH && b[start + 2] === 0x2f) return this.common(block, start);
    // `2026-11-26T22:12:02.123Z`, the most frequent form, by the minute before it.
    const isUtc = length >= 20 && length <= 30 && b[end - 1] === 0x5a;
    const tens = (b[start + 17] ?? 0) - 48;
    const ones = (b[start + 18] ?? 0) - 48;
    const isSecond = tens >= 0 && tens <= 6 && ones >= 0 && ones <= 9;
    if (isUtc && isSecond && isFraction(b, start + 19, end - 1) && isSame(this.#lastIso, 0, block, start, 17))
      return this.#isoMinute + tens * 10 + ones;
    if (length > 40) return NaN;
    const seconds = secondsAt(b, start, end);
    if (seconds > 0) return seconds;
    const text = b.toString('latin1', start, end).replaceAll('\\/', '/');
    const time = anyTime(text);
    if (isUtc && !Number.isNaN(time)) {
      b.copy(this.#lastIso.bytes, 0, start, start + 17);
      this.#isoMinute = time - Number(text.slice(17, 19));
    }
    return time;
  }
}

/** Nothing, or a dot and digits. */
function isFraction(b: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (b[start] !== 0x2e || start + 1 === end) return false;
  for (let i = start + 1; i < end; i++) if ((b[i] ?? 0) < 0x30 || (b[i] ?? 0) > 0x39) return false;
  return true;
}

/** Ten digits of seconds, alone or with a fraction that no number rounds up. @returns 0 for any other form. */
function secondsAt(b: Uint8Array, start: number, end: number): number {
  const point = start + 10;
  if (end < point || end - point > 10 || b[start] === 0x30 || b[point + 1] === 0x39) return 0;
  if (!isFraction(b, point, end)) return 0;
  let value = 0;
  for (let i = start; i < point; i++) {
    const digit = (b[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}

function commonTime(text: string): number {
  const found = CLF.exec(text);
  if (found === null) return NaN;
  const [, day, month = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const at = MONTHS.indexOf(month);
  if (at < 0 || Number(day) < 1 || Number(day) > 31 || Number(hour) > 23) return NaN;
  const utc = Date.UTC(Number(year), at, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  return utc - zone(sign, zoneHours, zoneMinutes);
}

/** A time without a zone is taken for UTC. @returns NaN if it is none. */
export function anyTime(text: string): number {
  const found = ISO.exec(text);
  if (found !== null) {
    const [, year, month, day, hour, minute, second, , sign, zoneHours, zoneMinutes] = found;
    const at = Number(month) - 1;
    if (at < 0 || at > 11 || Number(day) < 1 || Number(day) > 31 || Number(hour) > 23) return NaN;
    const utc = Date.UTC(Number(year), at, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
    return utc - zone(sign, zoneHours, zoneMinutes);
  }
  if (/^[0-9]{1,19}(?:\.[0-9]{1,9})?(?:[eE]\+?[0-9]{1,2})?$/.test(text)) {
    const value = Number(text);
    // Seconds, milliseconds, microseconds or nanoseconds of this century.
    for (const unit of [1, 1e3, 1e6, 1e9]) if (value / unit < 1e10) return value < 1e8 ? NaN : Math.floor(value / unit);
  }
  return commonTime(text);
}

const zone = (sign = '+', hours = '0', minutes = '0'): number =>
  (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
