/** What Postfix will answer from the installed maps, and which row of which bundle makes it so: `relaymap lookup`. Reads only. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { compareBytes } from '../bundle/rows.ts';
import { isAbsent } from '../io/atomic-file.ts';
import { CdbReader } from '../map/cdb.ts';
import { lookup, type Answer, type Has } from '../map/lookup.ts';
import type { GatewayConfig } from './config.ts';
import { Copies } from './copies.ts';
import { StateFiles } from './state.ts';

export interface LookupAnswer extends Answer {
  readonly address: string;
  /** The bundles whose installed copies hold the row, with their versions. */
  readonly from: readonly { readonly name: string; readonly version: number }[];
}

/**
 * @returns null where there is no map.
 * @throws CompileError READBACK_FAILED for a damaged map, or what opening it threw.
 */
export async function answers(
  config: GatewayConfig,
  addresses: readonly string[],
  delimiter: string,
): Promise<LookupAnswer[] | null> {
  const recipients = openMap(path.join(config.map_dir, 'relay_recipients.cdb'));
  const domains = openMap(path.join(config.map_dir, 'relay_domains.cdb'));
  try {
    if (recipients === null || domains === null) return null;
    const found: LookupAnswer[] = [];
    for (const address of addresses) {
      const answer = lookup({ address, delimiter }, recipients.has, domains.has);
      found.push({ ...answer, address, from: answer.row === null ? [] : await holders(config, answer.row) });
    }
    return found;
  } finally {
    recipients?.close();
    domains?.close();
  }
}

export function openMap(file: string): { has: Has; close: () => void } | null {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
  const read = (position: number, length: number) => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
  };
  try {
    const reader = new CdbReader(read, fstatSync(fd).size);
    return { has: (key) => reader.get(Buffer.from(key)) !== null, close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Which installed copies hold a row: they are read through, so it takes a moment for a large list. */
async function holders(config: GatewayConfig, row: string): Promise<{ name: string; version: number }[]> {
  const state = new StateFiles(config.state_dir).read();
  if (state.is !== 'whole') return [];
  const key = Buffer.from(row);
  const found: { name: string; version: number }[] = [];
  for (const { name } of config.bundle) {
    const installed = state.value.bundles[name]?.installed ?? null;
    if (installed === null) continue;
    try {
      if (await holds(new Copies(config.state_dir, name, null), installed.table, key))
        found.push({ name, version: installed.version });
    } catch {
      // A copy that cannot be read tells nothing; the map has answered all the same.
    }
  }
  return found;
}

async function holds(copies: Copies, table: string, key: Uint8Array): Promise<boolean> {
  for await (const { bytes, starts, count } of copies.rows(table)) {
    for (let i = 0; i < count; i++) {
      const order = compareBytes(bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, key, 0, key.length);
      if (order === 0) return true;
      if (order > 0) return false;
    }
  }
  return false;
}
