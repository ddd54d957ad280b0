/**
 * `relaymap-publish cosign`: signs what a publisher on another host proposes, if it finds it right. SIGHUP reads
 * configuration and keys again.
 */
import '../seed-hashes.ts';
import { HostError, StepError } from '../../errors.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';
import { makeFolder } from '../../io/atomic-file.ts';
import { log } from '../../io/log.ts';
import { takeLock } from '../../io/lock.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { readPublisherConfig, type PublisherConfig } from '../../publisher/config.ts';
import { CosignHost } from '../../publisher/cosign/cosign.ts';
import { CosignWatch } from '../../publisher/cosign/cosign-watch.ts';
import { readRecord, writeRecord } from '../../publisher/cosign/record.ts';
import { PublishError } from '../../publisher/errors.ts';
import { openKeys, type PublisherKeys } from '../../publisher/keys/publisher-keys.ts';
import { RemoteFolder } from '../../publisher/keys/remote.ts';
import { isS3 } from '../../publisher/repository/s3/location.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { servePages } from './serve-pages.ts';

export interface CosignOptions {
  readonly config: string;
  readonly once: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion?: string;
}

const DAY = 86_400_000;
const LIMITS = { idle: 5000, total: 60_000 };

/** @throws HostError, PublishError if it did not start, or with `--once` */
export async function cosignCommand(options: CosignOptions): Promise<number> {
  let next = read(options.config);
  const { config } = next;
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  if (!isS3(config.output)) requireUnwritable('output', config.output);
  requireUnwritable('state_dir', config.state_dir);
  makeFolder(config.state_dir, 0o700);
  if (options.allowShrink || options.nextVersion !== undefined) return note(config, options);
  const lock = await takeLock(`${config.state_dir}/lock`, 30);
  const now = () => new Date();
  const started = ({ config: its, keys, remote }: Cosigning) => {
    const host = new CosignHost(its, keys, remote);
    return { host, watch: new CosignWatch(its, host, now) };
  };
  let running = started(next);
  let ended = false;
  try {
    if (options.once) return await once(running.host, running.watch, config, now());
    const stop = () => {
      ended = true;
      running.watch.stop();
    };
    process.once('SIGTERM', stop).once('SIGINT', stop);
    process.on('SIGHUP', () => {
      try {
        next = readAgain(options.config, config.state_dir);
        log('notice', 'the configuration is read again');
        running.watch.stop(); // the next one starts when the current look ends
      } catch (error) {
        if (!(error instanceof StepError) && !(error instanceof PublishError)) throw error;
        log('error', `${error.code}: ${error.message} (the old configuration stays in use)`);
      }
    });
    for (;;) {
      const current = next;
      log('notice', `${current.config.name}: waiting for candidates at ${current.remote.label}`);
      const pages = await servePages(current.config);
      await running.watch.run();
      await pages.close();
      if (current !== next) await current.remote.close();
      if (ended) return 0;
      running = started(next);
    }
  } finally {
    await next.remote.close();
    lock.release();
  }
}

interface Cosigning {
  readonly config: PublisherConfig;
  readonly keys: PublisherKeys;
  readonly remote: RemoteFolder;
}

function read(file: string): Cosigning {
  const config = readPublisherConfig(file);
  if (config.candidate === undefined)
    throw new HostError('CONFIG', `${file}: candidate is missing: where the publisher's candidate is`);
  const keys = openKeys(config, stateOwner(config.state_dir));
  return { config, keys, remote: new RemoteFolder(config.candidate, process.env, LIMITS) };
}

/** The same while it runs: the state is locked, so it stays where it is. */
function readAgain(file: string, stateDir: string): Cosigning {
  const found = read(file);
  const { state_dir: dir } = found.config;
  if (dir !== stateDir) throw new HostError('CONFIG', `${file}: state_dir is ${dir}, was ${stateDir}: restart cosign`);
  requireState(dir, true);
  if (!isS3(found.config.output)) requireUnwritable('output', found.config.output);
  return found;
}

async function once(host: CosignHost, watch: CosignWatch, { name }: PublisherConfig, now: Date): Promise<number> {
  try {
    const looked = await host.look(now);
    watch.succeeded(looked);
    const version = looked.manifest === null ? '' : ` version ${looked.manifest.version}`;
    process.stdout.write(`${name}: ${looked.outcome}${version}\n`);
    return 0;
  } catch (error) {
    if (error instanceof PublishError || error instanceof StepError) watch.failed(error);
    throw error;
  }
}

/** Puts on record what a person allows, for the run that is under way or the next one. */
function note(config: PublisherConfig, { allowShrink, nextVersion }: CosignOptions): number {
  const record = readRecord(config);
  const lines: string[] = [];
  let next = record;
  if (allowShrink) {
    // The publisher's approval holds for a day from when it is given, which may be later.
    const until = new Date(Date.now() + 2 * DAY);
    next = { ...next, grant: { until: until.toISOString(), rows: 1, domains: 1 } };
    lines.push(`a candidate that approves a shrinking is judged by its rows alone until ${isoTime(until)}`);
  }
  if (nextVersion !== undefined) {
    const version = Number(nextVersion);
    if (!/^[1-9][0-9]*$/.test(nextVersion) || !Number.isSafeInteger(version))
      throw new HostError('CONFIG', `--next-version ${nextVersion} is no version`);
    if (version <= (record.signed?.version ?? 0))
      throw new PublishError('STATE', `version ${record.signed?.version} was signed here already`);
    const out = record.out ?? { version: 0, keyring: 0, table: '', hops: null };
    if (out.table === '') throw new PublishError('STATE', 'nothing is known to be out yet: run cosign first');
    next = { ...next, out: { ...out, version: version - 1 } };
    lines.push(`candidates count from version ${version} on`);
  }
  writeRecord(config, next);
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
