/**
 * `relaymap status`: an overview for a person. Reads configuration, keys, status and maps; asks the mail server;
 * changes nothing.
 */
import path from 'node:path';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../../gateway/config.ts';
import { serviceState } from '../../gateway/check/look/service-state.ts';
import { nextRun } from '../../gateway/daemon/schedule.ts';
import { age, type BundleHealth } from '../../gateway/health/grade.ts';
import { healthJson } from '../../gateway/health/health-text.ts';
import type { KeyringStatus } from '../../gateway/health/status.ts';
import { lookAtHealth, type HealthLook } from '../../gateway/health/look.ts';
import { keyFiles } from '../../gateway/keys/key-files.ts';
import { mtaOf } from '../../gateway/mta/of-config.ts';
import type { InstanceLook } from '../../gateway/mta/mta.ts';
import { number } from '../../gateway/say/outcome-lines.ts';
import { paragraph } from '../../gateway/say/wrap.ts';
import { DEFAULT_CONFIG } from './health-arguments.ts';
import { StepError } from '../../errors.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { becomeOwner } from '../become-owner.ts';

export async function statusCommand(
  options: { readonly config: string; readonly json: boolean },
  now: Date,
): Promise<number> {
  const config = readGatewayConfig(options.config);
  const mta = mtaOf(config);
  const server = { name: mta.name, instances: mta.look() };
  await becomeOwner(config.state_dir);
  const look = await lookAtHealth(config, now, false);
  const next = nextOf(options.config, config, now);
  if (options.json) {
    const bundles = config.bundle.map((b) => ({ name: b.name, urls: b.urls, keys: keysOf(b), threshold: b.threshold }));
    const facts = { ...healthJson(look.health), unknown: look.unknown, configured: bundles, next, server };
    process.stdout.write(`${jsonLine(facts)}\n`);
    return 0;
  }
  const lines = [
    ...config.bundle.flatMap((bundle) => bundleLines(bundle, look, now)),
    ...(look.unknown === null ? [] : paragraph(`health is unknown: ${look.unknown}`)),
    ...mapLines(config, look),
    ...server.instances.flatMap((instance) => instanceLines(server.name, instance)),
    ...paragraph(`next: ${next}`),
  ];
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  return 0;
}

function bundleLines(bundle: BundleConfig, { health, status }: HealthLook, now: Date): string[] {
  const found = health.bundles.find((b) => b.name === bundle.name);
  const facts = status?.bundles.find((b) => b.name === bundle.name);
  return [
    `${bundle.name}: ${found === undefined ? 'unknown' : found.status.toUpperCase()}`,
    ...(found === undefined ? [] : listLines(found, now)),
    ...keyLines(bundle, facts?.keyring ?? null),
    ...bundle.urls.map((url) => `  from: ${url}`),
    ...(facts?.code == null ? [] : paragraph(`  last word: ${facts.code}: ${facts.message ?? ''}`)),
    ...(facts?.warnings ?? []).flatMap((warning) => paragraph(`  besides: ${warning}`)),
    ...(found?.reasons ?? []).flatMap(({ grade, text }) => paragraph(`  ${grade}: ${text}`)),
  ];
}

/** By the last report, which knows the steps that came; before the first cycle by the folder. */
function keyLines(bundle: BundleConfig, known: KeyringStatus | null): string[] {
  const of = (keys: readonly string[]) => keys.map((keyid) => keyid.slice(0, 16)).join(', ');
  const { keys, threshold, step } = known ?? { keys: keysOf(bundle), threshold: bundle.threshold, step: bundle.ring };
  if (keys.length === 0) return ['  keys: none'];
  const since = known?.since == null ? '' : ` since ${known.since}`;
  const signed = known === null || known.signedBy.length === 0 ? [] : [`  signed by: ${of(known.signedBy)}`];
  return [`  keys: ${of(keys)} (threshold ${threshold}, ring step ${step}${since})`, ...signed];
}

function listLines(b: BundleHealth, now: Date): string[] {
  const ago = (time: string | null) => (time === null ? 'never' : `${age(now.getTime() - Date.parse(time))} ago`);
  if (b.version === null) return ['  nothing is installed'];
  const held = b.held === null ? '' : `, held since ${b.held.since}`;
  return [
    `  version ${b.version}, ${number(b.rows ?? 0)} rows${b.nextHops === null ? '' : `, ${number(b.nextHops)} next hops`}, made ${ago(b.created)}, installed ${ago(b.installedAt)}${held}`,
    `  expires ${b.expires ?? ''}; last cycle ${ago(b.checkedAt)}, ${b.outcome ?? 'none'}`,
  ];
}

function mapLines({ map_dir: folder }: GatewayConfig, { status }: HealthLook): string[] {
  if (status?.maps == null) return [`maps: none in ${folder}`];
  const files = Object.entries(status.maps).map(([name, { bytes }]) => `  ${name}  ${number(bytes)} bytes`);
  return [`maps: ${folder}`, ...files];
}

function instanceLines(name: string, { instance, uses, why }: InstanceLook): string[] {
  if (uses === null) return paragraph(`${name} ${instance}: ${why ?? 'not known'}`);
  if (uses.length === 0) return [`${name} ${instance}: asks none of the maps; see: relaymap check`];
  return [`${name} ${instance}: asks`, ...uses.map(({ map, where }) => `  ${map} (${where})`)];
}

function keysOf(bundle: BundleConfig): string[] {
  try {
    return keyFiles(bundle).flatMap(({ keyid }) => keyid ?? []);
  } catch (error) {
    if (error instanceof StepError) return []; // check and the next cycle report what is wrong
    throw error;
  }
}

/** When the daemon runs next, as far as its schedule says. */
function nextOf(file: string, { schedule }: GatewayConfig, now: Date): string {
  const service = path.resolve(file) === DEFAULT_CONFIG ? serviceState() : null;
  if (service?.isActive === false) return 'nothing: relaymap.service does not run; systemctl start relaymap';
  try {
    const at = nextRun(schedule.cron, now).toISOString();
    const when = `a cycle at ${at}, plus up to ${Math.round(schedule.jitter / 1000)} s`;
    return service === null ? `${when}, where the daemon runs` : when;
  } catch (error) {
    return `nothing: schedule.cron "${schedule.cron}": ${(error as Error).message}`;
  }
}
