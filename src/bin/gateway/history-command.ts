/**
 * `relaymap history`, `rollback`, `hold` and `resume`: reads config and keys, drops rights, makes one call, prints
 * its outcome.
 */
import '../seed-hashes.ts';
import { readGatewayConfig, readOwnConfig, type GatewayConfig } from '../../gateway/config.ts';
import { Copies } from '../../gateway/record/copies.ts';
import { bundleNames, hold, planRollback, resume, rollback, type Change } from '../../gateway/cycle/rollback.ts';
import { freshState, StateFiles, stateCorrupt, type GatewayState } from '../../gateway/record/state.ts';
import { ownRing } from '../../gateway/keys/trusted-keys.ts';
import { number } from '../../gateway/say/outcome-lines.ts';
import { diffRows } from '../../bundle/table/delta.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import { HostError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { printable } from '../../io/printable.ts';
import { requireStateRights } from './state-rights.ts';
import { requireBundle } from './fetch-command.ts';
import { becomeOwner } from '../become-owner.ts';
import { keptCopiesOf, type Kept } from '../../gateway/record/kept-copies.ts';

export interface ChangeOptions {
  readonly config: string;
  readonly bundle?: string;
}

export async function changeCommand(
  what: 'rollback' | 'hold' | 'resume',
  options: ChangeOptions & Partial<RollbackFlags>,
  now: Date,
): Promise<number> {
  const config = readOwnConfig(options.config);
  requireBundle(config, options.bundle);
  requireStateRights(config.state_dir);
  const bundles = config.bundle.map((bundle) => ({ bundle, ring: ownRing(bundle) }));
  const to = options.to === undefined ? null : version(options.to, '--to');
  await becomeOwner(config.state_dir);
  const cx = { config, bundles, now, log };
  const names = bundleNames(config, options.bundle);
  const back = { version: to, acceptShrink: options.acceptShrink === true };
  if (options.dryRun === true) {
    const plan = await planRollback(cx, readState(config), names, back);
    return tell(plan, options.bundle !== undefined, 'would be ');
  }
  const changes = await {
    rollback: () => rollback(cx, names, back),
    hold: () => hold(cx, names),
    resume: () => resume(cx, names),
  }[what]();
  return tell(changes, options.bundle !== undefined);
}

/** What `rollback` takes besides `--bundle`. */
export interface RollbackFlags {
  readonly to: string;
  readonly dryRun: boolean;
  readonly acceptShrink: boolean;
}

/** @param isNamed the command line names the bundle. If nothing could be done to it, the command has failed. */
function tell(changes: readonly Change[], isNamed: boolean, before = ''): number {
  const isAnyDone = changes.some((c) => c.is === 'done');
  let status = 0;
  for (const { name, is, text } of changes) {
    const isFault = is === 'refused' || (is === 'none' && (isNamed || !isAnyDone));
    if (isFault) status = 1;
    if (is === 'done') process.stdout.write(`${name}: ${before}${text}\n`);
    else log(isFault ? 'error' : 'notice', `${name}: ${text}`);
  }
  return status;
}

function version(text: string, option: string): number {
  const value = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || !Number.isSafeInteger(value))
    throw new HostError(
      'CONFIG',
      `${option} ${text} is not the number of a version; those that are kept: relaymap history`,
    );
  return value;
}

export async function historyCommand(
  options: ChangeOptions & { readonly diff?: string; readonly to?: string },
): Promise<number> {
  const config = readGatewayConfig(options.config);
  requireBundle(config, options.bundle);
  requireStateRights(config.state_dir);
  await becomeOwner(config.state_dir);
  const state = readState(config);
  const kept = keptCopiesOf(state, bundleNames(config, options.bundle));
  if (options.diff === undefined) {
    process.stdout.write(`${kept.flatMap(lines).join('\n')}\n`);
    return kept.every((k) => k.copies.length > 0) ? 0 : 1;
  }
  const [from, to] = [version(options.diff, '--diff'), version(options.to ?? '', '--diff')];
  return showDiff(config, kept, from, to);
}

function readState(config: GatewayConfig): GatewayState {
  const read = new StateFiles(config.state_dir).read();
  if (read.is === 'whole') return read.value;
  if (read.is === 'absent') return freshState();
  throw stateCorrupt(`state.json is damaged (${read.why}); the next cycle rebuilds it if it can`);
}

function lines({ name, held, floor, copies }: Kept): string[] {
  if (copies.length === 0) return [`${name}: no copy is kept`];
  const head = `${name}: floor ${floor ?? 'none'}${held === null ? '' : `, held at ${held.version} since ${held.since}`}`;
  return [
    head,
    ...copies.map((c) => {
      const marks = [c.live ? 'live' : '', c.trusted ? '' : 'not by the current keys']
        .filter((m) => m !== '')
        .join(', ');
      const hops = c.transport === null ? '' : `, ${number(c.transport.rows)} next hops`;
      return `  version ${c.version}  ${number(c.rows)} rows${hops}  installed ${c.at}${marks === '' ? '' : `  (${marks})`}`;
    }),
  ];
}

async function* noRows(): AsyncGenerator<RowBlock> {
  // of a copy without next hops
}

async function printRows(rows: RowStream): Promise<void> {
  for await (const { bytes, starts, count } of rows) {
    for (let i = 0; i < count; i++) {
      const row = Buffer.from(bytes.subarray(starts[i] ?? 0, (starts[i + 1] ?? 1) - 1)).toString();
      // Of the control characters a row of next hops has its TAB alone.
      process.stdout.write(`${row.split('\t').map(printable).join(' ')}\n`);
    }
  }
}

/** Prints `-ROW` and `+ROW`. Exits 1 if a version is not kept. */
async function showDiff(config: GatewayConfig, kept: readonly Kept[], from: number, to: number): Promise<number> {
  let shown = false;
  for (const { name, copies } of kept) {
    const [a, b] = [from, to].map((v) => copies.find((c) => c.version === v));
    if (a === undefined || b === undefined) continue;
    shown = true;
    const store = new Copies(config.state_dir, name, null);
    process.stdout.write(`${name}: version ${from} to version ${to}\n`);
    await printRows(diffRows(store.rows(a.table), store.rows(b.table)));
    const [before, after] = [a.transport, b.transport].map((hops) =>
      hops === null ? noRows() : store.rows(hops.table),
    );
    if (before === undefined || after === undefined || (a.transport ?? b.transport) === null) continue;
    process.stdout.write(`${name}: next hops of version ${from} to those of version ${to}\n`);
    await printRows(diffRows(before, after));
  }
  if (!shown) log('error', `version ${from} or ${to} is not kept; see: relaymap history`);
  return shown ? 0 : 1;
}
