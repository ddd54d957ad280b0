/** `relaymap fetch` and `relaymap import`: config and secrets, then fewer rights, then one cycle, then its answer. */
import { readAccess, becomeOwner } from '../gateway/access.ts';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../gateway/config.ts';
import { cycle, failed, type CycleOptions } from '../gateway/cycle.ts';
import { directorySource, findBundles } from '../gateway/directory-source.ts';
import { failure, outcomeExit, type Outcome } from '../gateway/outcome.ts';
import { urlSource, type Source } from '../gateway/source.ts';
import { startingRing } from '../gateway/trust.ts';
import { doneLine, keptLines, number } from '../gateway/words.ts';
import { HostError, OfferError, StepError } from '../errors.ts';
import { log, progress } from '../io/log.ts';

export interface CycleCommandOptions extends CycleOptions {
  readonly config: string;
  readonly bundle?: string;
  readonly json: boolean;
}

type SourceOf = (bundle: BundleConfig) => Source | null;

/** One cycle from the URLs of the configuration. */
export function fetchCommand(options: CycleCommandOptions): Promise<number> {
  return command(options, (config) => {
    const access = new Map(config.bundle.map((b) => [b.name, readAccess(b)]));
    const { idle_timeout: idle, total_timeout: total } = config.limits;
    return (b) => urlSource(b.urls, access.get(b.name) ?? {}, { idle, total }, clock, process.env);
  });
}

/** The same cycle from a directory. */
export function importCommand(folder: string, options: CycleCommandOptions): Promise<number> {
  return command(options, (config) => {
    const folders = foldersByBundle(config, folder);
    return ({ name }) => {
      const found = folders.get(name);
      return found === undefined ? null : directorySource(found);
    };
  });
}

/** @throws OfferError WRONG_NAME where no configured bundle is meant. */
function foldersByBundle(config: GatewayConfig, folder: string): Map<string, string> {
  const found = findBundles(folder);
  const [only, other] = config.bundle;
  const [place, second] = found;
  // One bundle here and one there: they are meant for each other, and the judge says so if not.
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
    `${folder} holds ${names}; configured are ${config.bundle.map((b) => b.name).join(', ')}`,
  );
}

const clock = (): number => performance.now();

async function command(options: CycleCommandOptions, sources: (config: GatewayConfig) => SourceOf): Promise<number> {
  const outcome = await run(options, sources);
  if (options.json)
    process.stdout.write(`${JSON.stringify(options.dryRun ? { ...outcome, dryRun: true } : outcome)}\n`);
  else tell(outcome, options.dryRun);
  return outcomeExit(outcome);
}

async function run(options: CycleCommandOptions, sources: (config: GatewayConfig) => SourceOf): Promise<Outcome> {
  const now = new Date();
  let config: GatewayConfig | null = null;
  try {
    if (options.dryRun && options.rebuildState) {
      throw new HostError('CONFIG', '--rebuild-state gives up the rollback floor; with --dry-run nothing may change');
    }
    const read = readGatewayConfig(options.config);
    requireBundle(read, options.bundle);
    config = read;
    const bundles = config.bundle.map((bundle) => ({ bundle, ring: startingRing(bundle) }));
    const sourceOf = sources(config);
    becomeOwner(config.state_dir);
    const asked: Source[] = [];
    const done = progress(() => `fetching, ${number(asked.reduce((sum, s) => sum + s.received(), 0))} bytes received`);
    try {
      return await cycle({
        config,
        bundles,
        options,
        sourceOf: (b) => {
          const source = options.bundle === undefined || options.bundle === b.name ? sourceOf(b) : null;
          if (source !== null) asked.push(source);
          return source;
        },
        now,
        clock,
        log,
      });
    } finally {
      done();
    }
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return config === null ? failure(error.code, error.message) : onRecord(config, now, error, options.dryRun);
  }
}

/** A report that cannot be written must not hide what it was to report. */
function onRecord(config: GatewayConfig, now: Date, error: StepError, dryRun: boolean): Outcome {
  try {
    becomeOwner(config.state_dir);
    return failed({ config, now }, error, dryRun);
  } catch (e) {
    log('warning', `status.json could not be written: ${(e as Error).message}`);
    return failure(error.code, error.message);
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
