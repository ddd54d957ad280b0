/** The publisher's configuration (docs/commands.md section 3): reads one TOML file and returns checked values. */
import path from 'node:path';
import * as z from 'zod/mini';
import { NAME } from '../bundle/offer/name.ts';
import { listenAddress } from '../io/health/listen-address.ts';
import { HostError } from '../errors.ts';
import { requireUnwritable } from '../io/rights.ts';
import { duration, flag, list, percent, readConfigFile, text, whole } from '../io/config-file.ts';
import { KeyConfig } from './keys/publisher-keys.ts';
import { Cosigner, Remote } from './keys/remote.ts';
import { laterKey } from './later-keys.ts';
import { domainForms } from './policy-domains.ts';
import { isS3, parseLocation, S3Config } from './repository/s3/location.ts';
import { absolute, MAX_ROWS, namedApart, removalDelay, Source, type SourceConfig } from './source-config.ts';

const DAY = 86_400_000;
/** One of several folders that `serve` publishes, and who may read it. */
const Site = z.strictObject({
  path: text().check(
    z.refine((path) => /^\/(?:[A-Za-z0-9._~-]+\/)+$/.test(path) && !/\/\.{1,2}\//.test(path), {
      error: 'must be like "/example-org/"',
    }),
  ),
  output: absolute(),
  client_ca: z.optional(absolute()),
  token_file: z.optional(absolute()),
  tokens: z.optional(absolute()),
  public: z._default(flag(), false),
});

export const Config = z.strictObject({
  name: z.string({ error: 'must be text' }).check(z.regex(NAME, { error: 'must match [a-z0-9][a-z0-9.-]{0,63}' })),
  output: text().check(
    z.refine((p) => (isS3(p) ? parseLocation(p) !== null : path.isAbsolute(p)), {
      error: 'must be an absolute path, or like "s3://bucket/prefix"',
    }),
  ),
  s3: z.optional(S3Config),
  state_dir: z.optional(absolute()),
  keys: list(KeyConfig).check(
    z.minLength(1, { error: 'must name at least one key' }),
    z.maxLength(16, { error: 'names more than 16 keys' }),
  ),
  valid_for: z
    .prefault(duration(), '7d')
    .check(z.refine((ms) => ms >= 1000 && ms <= 90 * DAY, { error: 'must be from 1s to 90d' })),
  keep_deltas: z._default(whole(0, 64), 8),
  threshold: z.optional(whole(1, 16)),
  cosigners: z._default(list(Cosigner).check(z.maxLength(15, { error: 'names more than 15 hosts' })), []),
  /** Where a cosigner pulls what it is to sign. */
  candidate: z.optional(Remote),
  /** The key ring step that a cosigner expects beside the one that is out. */
  ring: z.optional(whole(0, Number.MAX_SAFE_INTEGER)),
  sealed: z._default(flag(), false),
  source: z.optional(list(Source)),
  policy: z.prefault(
    z.strictObject({
      domains: z.optional(list(text()).check(z.minLength(1, { error: 'must name at least one domain' }))),
      min_rows: z._default(whole(0, MAX_ROWS), 0),
      remove_after: z.prefault(removalDelay(), '0s'),
      wildcards: z._default(list(text()), []),
      postmaster: z._default(flag(), true),
      max_shrink_percent: z._default(percent(), 10),
      skip_invalid: z._default(flag(), false),
    }),
    {},
  ),
  serve: z.optional(
    z.strictObject({
      listen: z._default(text(), '0.0.0.0:8443'),
      cert: absolute(),
      key: absolute(),
      client_ca: z.optional(absolute()),
      token_file: z.optional(absolute()),
      tokens: z.optional(absolute()),
      access_log: z.optional(absolute()),
      fleet_page: z.optional(absolute()),
      fleet_token_file: z.optional(absolute()),
      public: z._default(flag(), false),
      site: z._default(list(Site), []),
    }),
  ),
  health: z.prefault(
    z.strictObject({
      warn_after: z.prefault(duration(), '1h'),
      critical_after: z.prefault(duration(), '24h'),
      listen: z.optional(
        text().check(
          z.refine((l) => listenAddress(l) !== null, { error: 'must be like "127.0.0.1:9619" or "[::1]:9619"' }),
        ),
      ),
      textfile: z.optional(absolute()),
    }),
    {},
  ),
  fleet: z.prefault(
    z.strictObject({
      expect: z._default(list(text().check(z.maxLength(128, { error: 'is longer than 128 characters' }))), []),
      silent_after: z.prefault(duration(), '1h'),
    }),
    {},
  ),
  watch: z.prefault(
    z.strictObject({
      interval: z.prefault(duration(), '5s'),
      trigger: z.optional(absolute()),
      debounce: z.prefault(z.union([duration(), milliseconds()]), '500ms'),
    }),
    {},
  ),
});

/** `500ms`: only the debounce is that short. */
function milliseconds() {
  return z.pipe(
    z.string().check(z.regex(/^[0-9]{1,6}ms$/, { error: 'must be like "500ms"' })),
    z.transform((value: string) => Number(value.slice(0, -2))),
  );
}

export interface PublisherConfig extends Omit<z.infer<typeof Config>, 'source' | 'state_dir'> {
  readonly state_dir: string;
  /** The sources of recipients. */
  readonly source: readonly SourceConfig[];
  /** The sources of next hops. */
  readonly transport: readonly SourceConfig[];
}

const STATE = '/var/lib/relaymap-publish';
const FOLDER = '/etc/relaymap-publish';
const EXAMPLE = '/usr/share/doc/relaymap-publisher/examples/relaymap-publish.toml';

/** The files and folders of a `state_dir`. */
export const STATE_NAMES = {
  record: 'state.json',
  status: 'status.json',
  cosigned: 'cosign.json',
  keyringStart: 'keyring-start.json',
  lock: 'lock',
  tables: 'tables',
  transport: 'transport',
  sources: 'sources',
  waiting: 'waiting',
  candidates: 'candidates',
} as const;

/**
 * Of the lists that relaymap-publish@NAME publishes by /etc/relaymap-publish/NAME.toml each has a state of its own,
 * also where it is published by hand; two lists in one state_dir would each take the other's versions for theirs.
 */
export function defaultStateDir(file: string): string {
  const place = path.resolve(file);
  const name = path.basename(place, '.toml');
  const isInstance = path.dirname(place) === FOLDER && place.endsWith('.toml') && name !== path.basename(FOLDER);
  return isInstance ? path.join(STATE, name) : STATE;
}

/** @throws HostError CONFIG where the list of /etc/relaymap-publish/relaymap-publish.toml keeps something of its own */
function requireFree(file: string, stateDir: string): void {
  const name = path.basename(stateDir);
  if (path.dirname(path.resolve(stateDir)) !== STATE || !Object.values<string>(STATE_NAMES).includes(name)) return;
  throw new HostError('CONFIG', [
    `${file}: state_dir would be ${stateDir}, and "${name}" is a name that ${STATE} has for its own files`,
    'Give the file another name, or name another state_dir in it',
  ]);
}

/** @throws HostError CONFIG */
export function readPublisherConfig(file: string): PublisherConfig {
  requireUnwritable('the configuration', file);
  const config = readConfigFile(file, Config, [], laterKey, `To begin with: cp ${EXAMPLE} ${file}`);
  const refuse = (why: string) => new HostError('CONFIG', `${file}: ${why}`);
  // Without sources a cosigner judges the difference alone.
  if (config.candidate === undefined && (config.source ?? []).length === 0)
    throw refuse(`source ${config.source === undefined ? 'is missing' : 'must be there at least once, as [[source]]'}`);
  const isBucket = isS3(config.output);
  if (config.s3 !== undefined && !isBucket) throw refuse('[s3] is of use with output = "s3://..." alone');
  const signing = config.keys.length + config.cosigners.length;
  if (config.cosigners.length > 0 && config.threshold === undefined)
    throw refuse('cosigners are of use with `threshold` alone: how many signatures a manifest needs');
  if ((config.threshold ?? 1) > signing)
    throw refuse(`threshold = ${config.threshold}, but \`keys\` and \`cosigners\` are ${signing} together`);
  const all = namedApart(file, config.source ?? []);
  const [source, transport] = [false, true].map((is) => all.filter(({ table }) => (table === 'transport') === is));
  if (config.candidate === undefined && source?.length === 0)
    throw new HostError('CONFIG', `${file}: each source is of next hops; at least one must give addresses`);
  const { policy } = config;
  const domains = policy.domains?.flatMap((domain, i) => domainForms(file, `policy.domains.${i}`, domain));
  const wildcards = policy.wildcards.flatMap((domain, i) => domainForms(file, `policy.wildcards.${i}`, domain, false));
  const state_dir = config.state_dir ?? defaultStateDir(file);
  requireFree(file, state_dir);
  const sources = { source: source ?? [], transport: transport ?? [] };
  return { ...config, state_dir, ...sources, policy: { ...policy, domains, wildcards } };
}
