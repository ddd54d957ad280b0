/** `relaymap fetch`: config and secrets, then fewer rights, then one cycle, then its answer. */
import { readAccess, becomeOwner } from '../gateway/access.ts';
import { readGatewayConfig, type GatewayConfig } from '../gateway/config.ts';
import { cycle } from '../gateway/cycle.ts';
import { failure, outcomeExit, type Outcome } from '../gateway/outcome.ts';
import { urlSource } from '../gateway/source.ts';
import { startingRing } from '../gateway/trust.ts';
import { doneLine, keptLines } from '../gateway/words.ts';
import { HostError, StepError } from '../errors.ts';
import { log } from '../io/log.ts';
import type { FetchOptions } from './relaymap.ts';

export async function fetchCommand(options: FetchOptions & { readonly config: string }): Promise<number> {
  const outcome = await run(options);
  if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
  else tell(outcome);
  return outcomeExit(outcome);
}

async function run(options: FetchOptions & { readonly config: string }): Promise<Outcome> {
  try {
    const config = readGatewayConfig(options.config);
    requireBundle(config, options);
    const access = new Map(config.bundle.map((b) => [b.name, readAccess(b)]));
    const bundles = config.bundle.map((bundle) => ({ bundle, ring: startingRing(bundle) }));
    becomeOwner(config.state_dir);
    const clock = () => performance.now();
    const { idle_timeout: idle, total_timeout: total } = config.limits;
    return await cycle({
      config,
      bundles,
      options: { ...options, only: options.bundle ?? null },
      sourceOf: (b) => urlSource(b.urls, access.get(b.name) ?? {}, { idle, total }, clock),
      now: new Date(),
      clock,
      log,
    });
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return failure(error.code, error.message);
  }
}

function requireBundle(config: GatewayConfig, { bundle }: FetchOptions): void {
  if (bundle === undefined || config.bundle.some((b) => b.name === bundle)) return;
  throw new HostError(
    'CONFIG',
    `--bundle ${bundle}: the configuration has ${config.bundle.map((b) => b.name).join(', ')}`,
  );
}

function tell(outcome: Outcome): void {
  if (outcome.code !== undefined) log('error', `${outcome.code}: ${outcome.message ?? ''}`);
  for (const b of outcome.bundles) {
    if (b.outcome !== 'kept') process.stdout.write(`${doneLine(b)}\n`);
    else for (const [i, line] of keptLines(b).entries()) log(i === 0 ? 'error' : 'notice', line);
  }
}
