/** The gateway's configuration (docs/commands.md section 2.1): TOML in, checked values out. Reads the one file. */
import * as z from 'zod/mini';
import { foldCase } from '../bundle/address/case-folding.ts';
import { GATEWAY_ID } from '../bundle/fleet/user-agent.ts';
import { NAME } from '../bundle/offer/name.ts';
import { HostError } from '../errors.ts';
import { absolute, credentialFiles, Place, hasPairs } from './bundle-urls.ts';
import { domainForms, toAscii } from './domain-forms.ts';
import { KINDS, KIND_NAMES } from './mta-kinds.ts';
import { listenAddress } from '../io/health/listen-address.ts';
import { requireUnwritable } from '../io/rights.ts';
import { duration, flag, list, percent, readConfigFile, size, text, whole } from '../io/config-file.ts';
import { hopEntryRule } from '../map/hop-entries.ts';

export const DEFAULT_CONFIG = '/etc/relaymap/relaymap.toml';

/** Node's timers end at 24.8 days, and a longer one fires at once; none at all would refuse everything. */
const timeout = () =>
  duration().check(z.refine((ms) => ms >= 1000 && ms <= 86_400_000, { error: 'must be from 1s to 24h' }));

/** One name, of two labels at least: a dot at an end or a second name behind a comma would match nothing, unseen. */
const DOMAIN = /^(\*\.)?[^\s@*.,;:/]+(\.[^\s@*.,;:/]+)+$/;
const domain = () =>
  text().check(z.refine((d) => DOMAIN.test(d), { error: 'must be like "example.org" or "*.example.org"' }));
/** Hosts stand in a table in lower case and in A-labels. */
const nextHop = () =>
  z.pipe(
    z.pipe(text(), z.transform(hostForm)),
    z.string().check(
      z.refine((entry) => hopEntryRule(entry) === null, {
        error: (issue) => hopEntryRule(String(issue.input)) ?? '',
      }),
    ),
  );

function hostForm(entry: string): string {
  const [, star = '', name = ''] = /^(\*\.)?(.*)$/s.exec(entry) ?? [];
  return star + (/[^\u0000-\u007f]/.test(name) ? toAscii(name) : name.toLowerCase());
}

const address = () => text().check(z.refine((a) => /.@[^@]+\.[^@]+$/.test(a), { error: 'must be an address' }));

const Bundle = z.strictObject({
  name: z.string({ error: 'must be text' }).check(z.regex(NAME, { error: 'must match [a-z0-9][a-z0-9.-]{0,63}' })),
  urls: list(Place).check(z.minLength(1, { error: 'must name at least one URL' })),
  keys: absolute(),
  threshold: z._default(whole(1, 16), 1),
  root_threshold: z.optional(whole(1, 16)),
  ring: z._default(whole(0, 2 ** 31), 0),
  domains: z.optional(list(domain()).check(z.minLength(1, { error: 'must not be an empty list' }))),
  next_hops: z.optional(list(nextHop()).check(z.minLength(1, { error: 'must not be an empty list' }))),
  required: z._default(list(address()), []),
  max_shrink_percent: z._default(percent(), 20),
  ...credentialFiles(),
});

/** `[limits]` where the configuration says nothing: rows, bytes, milliseconds. */
export const DEFAULT_LIMITS = {
  max_rows: 20_000_000,
  max_bytes: 1024 ** 3,
  total_timeout: 5 * 60_000,
  idle_timeout: 20_000,
};

export const Config = z.strictObject({
  state_dir: z._default(absolute(), '/var/lib/relaymap'),
  map_dir: z._default(absolute(), '/var/lib/relaymap/maps'),
  bundle: list(Bundle).check(z.minLength(1, { error: 'must be there at least once, as [[bundle]]' })),
  mta: z.prefault(
    z.strictObject({
      kind: z._default(z.enum(KIND_NAMES, { error: 'must be postfix, exim, opensmtpd or haraka' }), 'postfix'),
      instances: z.optional(list(absolute()).check(z.minLength(1, { error: 'must not be an empty list' }))),
    }),
    {},
  ),
  stale: z.optional(z.strictObject({ after: z.prefault(duration(), '3d') })),
  schedule: z.prefault(
    z.strictObject({ cron: z._default(text(), '* * * * *'), jitter: z.prefault(duration(), '30s') }),
    {},
  ),
  limits: z.prefault(
    z.strictObject({
      max_rows: z._default(whole(1, 2 ** 31), DEFAULT_LIMITS.max_rows),
      max_bytes: z._default(size(), DEFAULT_LIMITS.max_bytes),
      total_timeout: z._default(timeout(), DEFAULT_LIMITS.total_timeout),
      idle_timeout: z._default(timeout(), DEFAULT_LIMITS.idle_timeout),
    }),
    {},
  ),
  maps: z.prefault(
    z.strictObject({
      types: z._default(list(z.enum(['cdb', 'lmdb', 'hash', 'btree'], { error: 'must be cdb, lmdb, hash or btree' })), [
        'cdb',
      ]),
      value: z._default(
        text().check(z.regex(/^[!-~]([ -~]{0,98}[!-~])?$/, { error: 'must be printable ASCII' })),
        'OK',
      ),
      keep: z._default(whole(1, 1000), 5),
    }),
    {},
  ),
  health: z.prefault(
    z.strictObject({
      warn_after: z.prefault(duration(), '1h'),
      critical_after: z.prefault(duration(), '24h'),
      listen: z.optional(
        text().check(
          z.refine((l) => listenAddress(l) !== null, { error: 'must be like "127.0.0.1:9618" or "[::1]:9618"' }),
        ),
      ),
      textfile: z.optional(absolute()),
    }),
    {},
  ),
  report: z.prefault(
    z.strictObject({
      id: z.optional(text().check(z.regex(GATEWAY_ID, { error: 'must match [A-Za-z0-9._-]{1,64}' }))),
      send: z._default(flag(), true),
    }),
    {},
  ),
});

/** Keys that docs/commands.md knows and this version does not. */
const LATER = ['identity_file', 'bundle.sealed'];

type Bundle = z.infer<typeof Bundle>;

export interface BundleConfig extends Omit<Bundle, 'urls'> {
  readonly urls: readonly string[];
  /** The same URLs, each with the files that it alone is to be asked with. */
  readonly places: Bundle['urls'];
}

export interface GatewayConfig extends Omit<z.infer<typeof Config>, 'bundle'> {
  readonly bundle: readonly BundleConfig[];
}

/** For whatever acts on it: others must not be able to write it. @throws HostError CONFIG */
export function readOwnConfig(file: string): GatewayConfig {
  requireUnwritable('the configuration', file);
  return readGatewayConfig(file);
}

/** @throws HostError CONFIG */
export function readGatewayConfig(file: string): GatewayConfig {
  const config = readConfigFile(file, Config, LATER, undefined, 'To write one: relaymap init');
  const wrong = (message: string) => new HostError('CONFIG', `${file}: ${message}`);
  const names = new Set<string>();
  for (const [i, b] of config.bundle.entries()) {
    if (names.has(b.name)) throw wrong(`two bundles are named "${b.name}"`);
    names.add(b.name);
    if (config.bundle.length > 1 && b.domains === undefined) {
      throw wrong(`bundle.${i}.domains is missing; with several bundles each must say what it may speak for`);
    }
    if (b.next_hops !== undefined && b.domains === undefined) {
      throw wrong(`bundle.${i}.domains is missing; with next_hops a bundle must say which domains it may route`);
    }
    const unpaired = [b, ...b.urls].findIndex((files) => !hasPairs(files));
    if (unpaired >= 0) {
      const where = unpaired === 0 ? '' : `.urls.${unpaired - 1}`;
      throw wrong(`bundle.${i}${where}: client_cert and client_key go together`);
    }
    if (new Set(b.urls.map(({ url }) => url)).size !== b.urls.length) throw wrong(`bundle.${i}.urls names a URL twice`);
    b.required = b.required.map(foldCase);
    // Everything that asks for the domains of a bundle is to find both spellings of an internationalised one.
    if (b.domains !== undefined) b.domains = [...new Set(b.domains.flatMap(domainForms))];
  }
  if (config.maps.types.length === 0) throw wrong('maps.types must name at least one type');
  if (config.maps.types.includes('hash') && config.maps.types.includes('btree')) {
    throw wrong('maps.types: hash and btree have the same file name; choose one');
  }
  const { name, types } = KINDS[config.mta.kind];
  const foreign = config.maps.types.find((type) => !types.includes(type));
  if (foreign !== undefined) {
    const only = `${name} is given ${types.join(', ')}`;
    throw wrong(`maps.types names ${foreign}, which Postfix alone can make and ask; ${only}`);
  }
  const bundle = config.bundle.map(({ urls, ...b }) => ({ ...b, urls: urls.map(({ url }) => url), places: urls }));
  return { ...config, bundle };
}
