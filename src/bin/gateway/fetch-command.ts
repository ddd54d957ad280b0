/**
 * `relaymap fetch` and `relaymap import`: reads config and secrets, drops rights, runs one cycle, prints the
 * outcome.
 */
import '../seed-hashes.ts';
import { readOwnConfig, type GatewayConfig } from '../../gateway/config.ts';
import { cycle } from '../../gateway/cycle/cycle.ts';
import type { CycleOptions } from '../../gateway/cycle/session-context.ts';
import { directorySource, findBundles } from '../../gateway/fetch/directory-source.ts';
import { urlSources, type Sources } from '../../gateway/fetch/url-sources.ts';
import { failure, outcomeExit, type Outcome } from '../../gateway/outcome.ts';
import { userAgents } from '../../gateway/health/user-agent.ts';
import { FetchProgress } from '../../gateway/fetch/fetch-progress.ts';
import { doneLine, keptLines } from '../../gateway/say/outcome-lines.ts';
import { HostError, OfferError, StepError } from '../../errors.ts';
import { jsonLine } from '../../io/printable.ts';
import { log, progress } from '../../io/log.ts';
import { forNodeExporter, onRecord } from './record-failure.ts';
import { VERSION } from '../program.ts';
import { becomeOwner } from '../become-owner.ts';
import { requireStateRights } from './state-rights.ts';
import { trustedBundles } from '../../gateway/keys/trusted-keys.ts';

export interface CycleCommandOptions extends CycleOptions {
  readonly config: string;
  readonly bundle?: string;
  readonly json: boolean;
}

/** One cycle from the URLs of the configuration. */
export function fetchCommand(options: CycleCommandOptions): Promise<number> {
  return command(options, (config) => urlSources(config, clock, process.env, userAgents(config, VERSION)));
}

/** The same cycle from a directory. */
export function importCommand(folder: string, options: CycleCommandOptions): Promise<number> {
  return command(options, (config) => {
    const folders = foldersByBundle(config, folder);
    const of = ({ name }: { readonly name: string }) => {
      const found = folders.get(name);
      return found === undefined ? null : directorySource(found);
    };
    return { of, close: () => Promise.resolve() };
  });
}

/** @throws OfferError WRONG_NAME if the folder is for no configured bundle. */
function foldersByBundle(config: GatewayConfig, folder: string): Map<string, string> {
  const found = findBundles(folder);
  const [only, other] = config.bundle;
  const [place, second] = found;
  // One bundle here and one in the folder: use it. If the names differ, the offer is refused later.
  if (only !== undefined && other === undefined && place !== undefined && second === undefined) {
    return new Map([[only.name, place.folder]]);
  }
  const folders = new Map<string, string>();
  for (const { name, folder: where } of found) {
    if (name !== null && config.bundle.some((b) => b.name === name)) folders.set(name, where);
  }
  if (folders.size > 0) return folders;
  const names = found.map((f) => f.name ?? 'unreadable').join(', ');
  throw new OfferError(
    'WRONG_NAME',
    `${folder} holds the list ${names}, and the configuration follows ${config.bundle.map((b) => b.name).join(', ')}`,
  );
}

const clock = (): number => performance.now();

async function command(options: CycleCommandOptions, sources: (config: GatewayConfig) => Sources): Promise<number> {
  const now = new Date();
  process.once('SIGINT', () => {
    log('notice', 'interrupted: each map is whole, the old one or the new one; the next cycle ends what was begun');
    process.exit(2);
  });
  const { outcome, config } = await run(options, sources, now);
  if (config !== null && !options.dryRun) await forNodeExporter(config, outcome, now);
  if (options.json) process.stdout.write(`${jsonLine(options.dryRun ? { ...outcome, dryRun: true } : outcome)}\n`);
  else tell(outcome, options.dryRun);
  return outcomeExit(outcome);
}

interface Ran {
  readonly outcome: Outcome;
  /** Null if the configuration cannot be read. */
  readonly config: GatewayConfig | null;
}

async function run(options: CycleCommandOptions, sources: (config: GatewayConfig) => Sources, now: Date): Promise<Ran> {
  let config: GatewayConfig | null = null;
  try {
    if (options.dryRun && options.rebuildState) {
      throw new HostError('CONFIG', '--rebuild-state gives up the rollback floor; with --dry-run nothing may change');
    }
    const read = readOwnConfig(options.config);
    requireBundle(read, options.bundle);
    requireStateRights(read.state_dir);
    config = read;
    const bundles = trustedBundles(config);
    const { of: sourceOf, close } = sources(config);
    await becomeOwner(config.state_dir);
    const watched = new FetchProgress(clock);
    const done = progress(() => watched.line());
    try {
      const outcome = await cycle({
        config,
        bundles,
        options,
        ...(options.bundle === undefined ? {} : { only: options.bundle }),
        sourceOf: (b) => {
          const source = options.bundle === undefined || options.bundle === b.name ? sourceOf(b) : null;
          return source === null ? null : watched.watch(source);
        },
        now,
        clock,
        log,
        // A dry run records nothing, so it must hash the maps itself.
        ...(options.force || options.dryRun ? {} : { hashed: 'on record' as const }),
      });
      if (outcome === null) throw new HostError('INTERNAL', 'a cycle that nothing ends has no outcome');
      return { outcome, config };
    } finally {
      done();
      await close();
    }
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const outcome =
      config === null ? failure(error.code, error.message) : await onRecord(config, now, error, options.dryRun);
    return { outcome, config };
  }
}

export function requireBundle(config: GatewayConfig, bundle: string | undefined): void {
  if (bundle === undefined || config.bundle.some((b) => b.name === bundle)) return;
  throw new HostError(
    'CONFIG',
    `--bundle ${bundle}: the configuration has ${config.bundle.map((b) => b.name).join(', ')}`,
  );
}

function tell(outcome: Outcome, dryRun: boolean): void {
  if (outcome.code !== undefined) log('error', `${outcome.code}: ${outcome.message ?? ''}`);
  for (const b of outcome.bundles) {
    if (b.outcome !== 'kept') process.stdout.write(`${doneLine(b, dryRun)}\n`);
    else for (const [i, line] of keptLines(b).entries()) log(i === 0 ? 'error' : 'notice', line);
  }
}
