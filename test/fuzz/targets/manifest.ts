// The payload of a manifest (docs/bundle-format.md section 3), below the signature: what a publisher with a right
// key may send.
import { parseManifest } from '../../../src/bundle/offer/manifest.ts';
import { attempt, must, same, type Target } from '../target.ts';

const DAY = 86_400_000;
const hex = (digit: string) => digit.repeat(64);
const table = (change: object = {}) => ({
  rows: 3,
  bytes: 60,
  sha256: hex('a'),
  encoding: 'gzip',
  wireBytes: 50,
  deltas: [{ from: hex('b'), bytes: 20, sha256: hex('c'), wireBytes: 30 }],
  ...change,
});
const payload = (change: object = {}, recipients: object = {}) =>
  JSON.stringify({
    format: 1,
    name: 'example-org',
    version: 42,
    created: '2026-11-24T07:00:00Z',
    expires: '2026-12-01T07:00:00Z',
    keyring: 0,
    shrinkApproved: { until: '2026-11-25T07:00:00Z', rows: 2, domains: 1 },
    tables: { recipients: table(recipients) },
    ...change,
  });

/** The rules of section 3, read once more from the page. */
function follows(json: unknown): boolean {
  const object = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const count = (value: unknown, from = 0): value is number => Number.isSafeInteger(value) && (value as number) >= from;
  const sha256 = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) && value.length === 64;
  const time = (value: unknown): number => {
    const [, year, ...rest] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(String(value)) ?? [];
    if (typeof value !== 'string' || value.length !== 20 || year === undefined) return Number.NaN;
    const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
    const date = new Date(0);
    date.setUTCFullYear(Number(year), month - 1, day);
    date.setUTCHours(hour, minute, second);
    const stands = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    return stands && hour < 24 && minute < 60 && second < 60 ? date.getTime() : Number.NaN;
  };
  const has = (value: Record<string, unknown>, key: string) => (Object.hasOwn(value, key) ? value[key] : undefined);
  if (!object(json) || has(json, 'format') !== 1) return false;
  const name = has(json, 'name');
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name) || name.includes('\n')) return false;
  if (!count(has(json, 'version'), 1)) return false;
  const [created, expires] = [time(has(json, 'created')), time(has(json, 'expires'))];
  if (!(created < expires && expires <= created + 90 * DAY)) return false;
  const keyring = has(json, 'keyring');
  if (keyring !== undefined && !count(keyring)) return false;
  const approved = has(json, 'shrinkApproved');
  if (approved !== undefined) {
    if (!object(approved) || !count(has(approved, 'rows')) || !count(has(approved, 'domains'))) return false;
    if (!(time(has(approved, 'until')) <= created + 7 * DAY)) return false;
  }
  const tables = has(json, 'tables');
  const recipients = object(tables) ? has(tables, 'recipients') : undefined;
  if (!object(recipients) || has(recipients, 'encoding') !== 'gzip' || !sha256(has(recipients, 'sha256'))) return false;
  if (!['rows', 'bytes', 'wireBytes'].every((key) => count(has(recipients, key)))) return false;
  const [bytes, wireBytes] = [Number(has(recipients, 'bytes')), Number(has(recipients, 'wireBytes'))];
  if (wireBytes - bytes > bytes / 1000 + 1024) return false;
  const deltas = has(recipients, 'deltas');
  if (deltas === undefined) return true;
  return (
    Array.isArray(deltas) &&
    deltas.length <= 64 &&
    deltas.every(
      (each: unknown) =>
        object(each) &&
        ['from', 'sha256'].every((key) => sha256(has(each, key))) &&
        ['bytes', 'wireBytes'].every((key) => count(has(each, key))),
    )
  );
}

function json(input: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input));
  } catch {
    return undefined;
  }
}

export const manifest: Target = {
  name: 'manifest',
  form: 'json',
  longest: 16_384,
  words: [
    'recipients',
    'shrinkApproved',
    'deltas',
    'wireBytes',
    '2026-02-29T00:00:00Z',
    '2028-02-29T24:00:00Z',
    '0000-01-01T00:00:00Z',
    '9007199254740993',
    '1e3',
    '1.0',
    '-0',
    'gzip',
    'zstd',
    '\\n',
  ],
  seeds: () => [
    payload(),
    payload({ shrinkApproved: undefined, keyring: undefined }, { deltas: undefined }),
    payload({ format: 2 }),
    payload({}, { encoding: 'zstd' }),
    payload(
      { version: 2 ** 53 - 1, created: '2028-02-29T23:59:59Z', expires: '2028-03-01T00:00:00Z' },
      { rows: 0, bytes: 0 },
    ),
    payload({ expires: '2027-02-22T07:00:00Z' }),
    payload(
      {},
      { deltas: Array.from({ length: 64 }, () => ({ from: hex('0'), bytes: 0, sha256: hex('1'), wireBytes: 0 })) },
    ),
  ],
  run: async (input) => {
    const parsed = await attempt(() => parseManifest(input));
    const plain = json(input);
    same('value' in parsed, follows(plain), 'taken');
    if ('refused' in parsed) {
      must(parsed.error.message.length < 300, 'a message without measure');
      // What it says of an encoding is the input's own.
      return parsed.refused.replace(/^(UNSUPPORTED_FORMAT \w+).*/, '$1');
    }
    const { created, expires, shrinkApproved, ...rest } = parsed.value;
    const iso = (date: Date) => date.toISOString().replace('.000Z', 'Z');
    const again = {
      ...rest,
      created: iso(created),
      expires: iso(expires),
      ...(shrinkApproved === undefined
        ? {}
        : { shrinkApproved: { ...shrinkApproved, until: iso(shrinkApproved.until) } }),
    };
    same(parseManifest(Buffer.from(JSON.stringify(again))), parsed.value, 'written and read');
    const given = plain as Record<string, unknown>;
    same(
      [again.created, again.expires, again.version, again.name],
      [given['created'], given['expires'], given['version'], given['name']],
      'what it says',
    );
    return `taken, ${rest.tables.recipients.deltas.length} deltas`;
  },
};
