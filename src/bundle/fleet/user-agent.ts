/**
 * What a gateway says of itself in its User-Agent (docs/commands.md section 3.2), made and read:
 * `relaymap/VERSION (BUNDLE=INSTALLED; last=CODE; id=NAME)`. Both directions have the same bounds. Pure.
 */
import { NAME } from '../offer/name.ts';

/** The name that a gateway gives itself. */
export const GATEWAY_ID = /^[A-Za-z0-9._-]{1,64}$/;

export interface GatewayReport {
  /** Version of the software. */
  readonly software: string;
  /** The one bundle that is asked for. */
  readonly bundle: string;
  /** Version of the bundle that is installed; 0 where none is. */
  readonly installed: number;
  /**
   * Code of the bundle's last cycle; `OK` where it ended installed or unchanged, `HELD` for each bundle that is held
   * and in order, null before the first cycle. A code of a later version may be unknown here.
   */
  readonly last: string | null;
  readonly id: string;
}

const SOFTWARE = /^[0-9A-Za-z][0-9A-Za-z.+~-]{0,31}$/;
const LAST = /^[A-Z][A-Z_]{0,31}$/;
/** The longest User-Agent that is read, in characters. The longest that is made has fewer than 300. */
const MOST = 512;
/** What a later version may add is passed over. */
const FORM =
  /^relaymap\/([^ ()]{1,32}) \(([^ =;()]{1,64})=(0|[1-9][0-9]{0,15}); last=([A-Z_]{1,32}|-); id=([^ ;()]{1,64})((?:; [a-z]{1,16}=[A-Za-z0-9._-]{0,64}){0,8})\)$/;

/** @returns the plain `relaymap/VERSION` where a value does not have its form: a header must never break a request */
export function formatUserAgent(report: GatewayReport): string {
  const { software, bundle, installed, last, id } = report;
  const text = `${plainUserAgent(software)} (${bundle}=${installed}; last=${last ?? '-'}; id=${id})`;
  return parseUserAgent(text) === null ? plainUserAgent(software) : text;
}

/** For whoever is to be told no more than that. */
export const plainUserAgent = (software: string): string =>
  SOFTWARE.test(software) ? `relaymap/${software}` : 'relaymap';

/** @returns null for any other User-Agent; the text may come from anybody, and is believed in nothing */
export function parseUserAgent(text: string): GatewayReport | null {
  if (text.length > MOST) return null;
  const [, software = '', bundle = '', digits = '', last = '', id = ''] = FORM.exec(text) ?? [];
  const installed = Number(digits);
  const isWhole =
    SOFTWARE.test(software) && NAME.test(bundle) && GATEWAY_ID.test(id) && Number.isSafeInteger(installed);
  if (!isWhole || (last !== '-' && !LAST.test(last))) return null;
  return { software, bundle, installed, last: last === '-' ? null : last, id };
}

/**
 * The name of a host in the form of an id: each other character becomes `-`, and what is over 64 characters is cut.
 * A host without a name is `unnamed`.
 */
export const idOfHost = (host: string): string => host.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64) || 'unnamed';
