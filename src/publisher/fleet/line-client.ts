/** Who made the request of a line, and with which program (docs/commands.md section 3.2). Pure. */
import type { GatewayReport } from '../../bundle/fleet/user-agent.ts';
import type { LogLine } from './log/log-line.ts';
import { commonName, shortName, type Certainty } from './who.ts';

/**
 * By the strongest that the line has. @param report of its User-Agent; null if that is no gateway's. @param expected
 *   gateways: an address among them counts for more than a name that is not.
 */
export function nameOf(
  line: LogLine,
  report: GatewayReport | null,
  expected: ReadonlySet<string>,
): [Certainty, string] {
  const certificate = certificateOf(line);
  if (certificate !== '') return ['certificate', shortName(certificate)];
  const token = line.text(line.tokenStart, line.tokenEnd);
  if (token !== '') return ['token', shortName(token)];
  const address = addressOf(line);
  if (report !== null && (expected.has(report.id) || !expected.has(address))) return ['claim', report.id];
  return ['address', address === '' ? 'unknown' : address];
}

function certificateOf(line: LogLine): string {
  const text = line.text(line.certificateStart, line.certificateEnd);
  return line.isSubject ? (commonName(text) ?? '') : text;
}

/**
 * Without a port, which is another for each connection. IPv4 within IPv6 is what it stands for: `::ffff:192.0.2.7`.
 * Empty if the log has none.
 */
export const addressOf = (line: LogLine): string =>
  shortName(line.text(line.addressStart, line.addressEnd))
    .replace(/^\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?$/, '$1')
    .replace(/^([0-9]{1,3}(?:\.[0-9]{1,3}){3}):[0-9]{1,5}$/, '$1')
    .replace(/^::ffff:(?=[0-9.]+$)/i, '');

/** The first word of a User-Agent that is no gateway's: `curl/8.0`. */
export function plainSoftware(line: LogLine): string | null {
  const [word = ''] = line.text(line.agentStart, line.agentEnd).split(' ');
  return word === '' || word === '-' ? null : shortName(word).slice(0, 64);
}
