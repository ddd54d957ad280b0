/** What is on this host besides Postfix's configuration: rights, keys, certificates, times. Looks only. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { account, type Account, type Owned } from './accounts.ts';
import { isAbsent } from '../../../io/atomic-file.ts';
import { filesFor } from '../../bundle-urls.ts';
import { DEFAULT_CONFIG, type BundleConfig, type GatewayConfig } from '../../config.ts';
import { serviceState, type ServiceState } from './service-state.ts';
import { mapGroup } from '../../mta/map-group.ts';
import { RELOAD_FOLDER, reloadRequested } from '../../mta/reload-request.ts';
import { KINDS } from '../../mta-kinds.ts';
import { publicKeyFiles } from '../../keys/ring-fingerprint.ts';
import { readStatus, type Status } from '../../health/status.ts';
import { startingRing } from '../../keys/trusted-keys.ts';
import { StepError } from '../../../errors.ts';
import { deferringSince } from '../deferring-since.ts';
import { liveDamage } from '../../maps/live-damage.ts';

/** What a path is to relaymap. */
export type Role = 'config' | 'keys' | 'secret' | 'certificate' | 'maps' | 'state';

export interface PathFact extends Owned {
  readonly path: string;
  /** The place that it is, or that it leads to. */
  readonly role: Role;
  /** The option that names the place. */
  readonly option: string;
  /** The place itself, or one above it. */
  readonly above: boolean;
  readonly folder: boolean;
}

export interface CertificateFact {
  readonly option: string;
  readonly file: string;
  readonly subject: string;
  readonly from: number;
  readonly to: number;
}

export interface HostFacts {
  readonly paths: readonly PathFact[];
  /** The owner of state_dir, as whom relaymap runs; null while it does not exist. */
  readonly owner: { readonly uid: number; readonly gids: readonly number[]; readonly name: string } | null;
  readonly postfix: Account | null;
  readonly postfixGid: number | null;
  /** By bundle: what is wrong with its keys. */
  readonly keys: readonly { readonly bundle: BundleConfig; readonly why: string }[];
  /** By bundle: the keyids in its key directory, where it can be read. */
  readonly keysInFolder: ReadonlyMap<string, readonly string[]>;
  readonly certificates: readonly CertificateFact[];
  /** Files of certificates and secrets that cannot be used, with the reason. */
  readonly unreadable: readonly { readonly option: string; readonly file: string; readonly why: string }[];
  readonly status: Status | null;
  readonly damage: string | null;
  readonly reloadPending: boolean;
  readonly canAskForReload: boolean;
  /** Whether the package's units are there. */
  readonly packaged: boolean;
  /** When `init --apply` set the code 450, ms. */
  readonly deferringSince: number | null;
  /** Null where the configuration is another one than the service's, or no systemd is there. */
  readonly service: ServiceState | null;
}

/** What only root may see; asked before the process becomes the owner of state_dir. */
export type EarlyFacts = Pick<
  HostFacts,
  'paths' | 'owner' | 'postfix' | 'postfixGid' | 'keys' | 'keysInFolder' | 'certificates' | 'unreadable'
>;

export function earlyFacts(file: string, config: GatewayConfig): EarlyFacts {
  const found = config.bundle.flatMap(certificates);
  const missing = config.bundle.flatMap(missingSecrets);
  return {
    paths: paths(file, config),
    owner: ownerOf(config.state_dir),
    postfix: serverAccount(config),
    postfixGid: mapGroup(config),
    keys: config.bundle.flatMap((bundle) => {
      const why = keyFault(bundle);
      return why === null ? [] : [{ bundle, why }];
    }),
    keysInFolder: new Map(config.bundle.map((bundle) => [bundle.name, keysInFolder(bundle)])),
    certificates: found.flatMap((f) => ('why' in f ? [] : [f])),
    unreadable: [...found.flatMap((f) => ('why' in f ? [f] : [])), ...missing],
  };
}

export async function hostFacts(early: EarlyFacts, file: string, config: GatewayConfig): Promise<HostFacts> {
  const read = readStatus(config.state_dir);
  const status = read.is === 'whole' ? read.value : null;
  return {
    ...early,
    status,
    damage: status?.maps == null ? null : await liveDamage(config.map_dir, status.maps, false),
    reloadPending: status?.reloadPending != null && reloadRequested(),
    canAskForReload: existsSync(RELOAD_FOLDER),
    packaged: existsSync('/usr/lib/tmpfiles.d/relaymap.conf'),
    deferringSince: deferringSince(config.state_dir),
    service: path.resolve(file) === DEFAULT_CONFIG ? serviceState() : null,
  };
}

/** As whom the mail server reads the maps, once it has given up root. */
function serverAccount({ mta }: GatewayConfig): Account | null {
  const { user } = KINDS[mta.kind];
  return user === null ? null : account(user);
}

function ownerOf(stateDir: string): HostFacts['owner'] {
  const found = statOrNull(stateDir);
  if (found === null) return null;
  return account(found.uid) ?? { uid: found.uid, gids: [found.gid], name: `user ${found.uid}` };
}

function keyFault(bundle: BundleConfig): string | null {
  try {
    startingRing(bundle);
    return null;
  } catch (error) {
    if (error instanceof StepError) return error.message;
    throw error;
  }
}

function keysInFolder(bundle: BundleConfig): string[] {
  try {
    return [...startingRing(bundle).keys.keys()];
  } catch (error) {
    if (error instanceof StepError) return []; // told as a fault of the keys
    throw error;
  }
}

function paths(file: string, config: GatewayConfig): PathFact[] {
  const facts = new Map<string, PathFact>();
  const add = (role: Role, option: string, place: string) => {
    for (const above of [...parents(place), place]) {
      const known = facts.get(above);
      const found = statOrNull(above);
      if (found === null || (known !== undefined && (!known.above || above !== place))) continue;
      const { uid, gid, mode } = found;
      facts.set(above, {
        path: above,
        role,
        option,
        above: above !== place,
        folder: found.isDirectory(),
        uid,
        gid,
        mode,
      });
    }
  };
  add('config', 'the configuration', path.resolve(file));
  for (const b of config.bundle) {
    add('keys', 'keys', b.keys);
    for (const key of pubs(b)) add('keys', 'the public key', key);
    if (b.token_file !== undefined) add('secret', 'token_file', b.token_file);
    if (b.client_key !== undefined) add('secret', 'client_key', b.client_key);
    if (b.client_cert !== undefined) add('certificate', 'client_cert', b.client_cert);
    if (b.ca_file !== undefined) add('certificate', 'ca_file', b.ca_file);
  }
  add('state', 'state_dir', config.state_dir);
  add('maps', 'map_dir', config.map_dir);
  for (const name of ['relay_recipients', 'relay_domains']) {
    for (const ending of ['', '.cdb', '.lmdb', '.db']) add('maps', 'the map', path.join(config.map_dir, name + ending));
  }
  return [...facts.values()];
}

function pubs(bundle: BundleConfig): string[] {
  try {
    return publicKeyFiles(bundle.keys);
  } catch {
    return []; // keyFault says so
  }
}

function parents(place: string): string[] {
  const above = path.dirname(place);
  return above === place ? [] : [...parents(above), above];
}

function statOrNull(place: string) {
  try {
    return statSync(place);
  } catch {
    return null; // what must be there is asked for elsewhere
  }
}

/** The service asks for nothing without them. One in a folder that this process may not enter is not known. */
function missingSecrets(bundle: BundleConfig): { option: string; file: string; why: string }[] {
  const files = bundle.places.flatMap((place) => {
    const { token_file: token, client_key: key } = filesFor(bundle, place);
    return [
      ...(token === undefined ? [] : [{ option: 'token_file', file: token }]),
      ...(key === undefined ? [] : [{ option: 'client_key', file: key }]),
    ];
  });
  const once = files.filter(({ file }, i) => files.findIndex((f) => f.file === file) === i);
  return once.filter(({ file }) => isMissing(file)).map((f) => ({ ...f, why: MISSING }));
}

const MISSING = 'there is no such file';

function isMissing(file: string): boolean {
  try {
    statSync(file);
    return false;
  } catch (error) {
    return isAbsent(error);
  }
}

type Certificate = CertificateFact | { readonly option: string; readonly file: string; readonly why: string };

function certificates(bundle: BundleConfig): Certificate[] {
  const files = [
    ['client_cert', bundle.client_cert],
    ['ca_file', bundle.ca_file],
  ] as const;
  return files.flatMap(([option, file]): Certificate[] => {
    if (file === undefined) return [];
    try {
      const blocks = readFileSync(file, 'latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
      if (blocks === null) return [{ option, file, why: 'it holds no certificate in PEM form' }];
      return blocks.map((pem) => {
        const { subject, validFrom, validTo } = new X509Certificate(pem);
        return {
          option,
          file,
          subject: subject.replaceAll('\n', ', '),
          from: Date.parse(validFrom),
          to: Date.parse(validTo),
        };
      });
    } catch (error) {
      return [{ option, file, why: isAbsent(error) ? MISSING : (error as Error).message }];
    }
  });
}
