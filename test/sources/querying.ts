// Reads SQL sources in this process, as publish does, and gives the rows they make, or the refusal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { gather } from '../../src/publisher/gather/gather.ts';
import { HostError } from '../../src/errors.ts';

export type Keys = Readonly<Record<string, string | number | readonly string[]>>;

/** A folder for secrets, gone after the test. */
export function ownFolder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-sql-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The keys of one source as TOML. */
export const sourceToml = (keys: Keys): string =>
  `[[source]]\n${Object.entries({ type: 'sql', ...keys })
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('')}`;

/** @param policy lines of `[policy]`. */
export async function rowsOf(keys: Keys, policy = 'postmaster = false', now = new Date()): Promise<string[]> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-sql-'));
  const config = path.join(dir, 'publish.toml');
  const top = `name = "example-org"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n`;
  writeFileSync(config, `${top}\n${sourceToml({ name: 'the table', ...keys })}\n[policy]\n${policy}\n`);
  const read = readPublisherConfig(config);
  rmSync(dir, { recursive: true });
  const { table } = await gather(read, now);
  return Buffer.from(table.part(0, table.bytes)).toString().split('\n').slice(0, -1);
}

/** The code and message of a refusal. */
export async function refusal(keys: Keys, policy?: string): Promise<string> {
  try {
    return `accepted: ${JSON.stringify(await rowsOf(keys, policy))}`;
  } catch (error) {
    if (error instanceof PublishError || error instanceof HostError) return `${error.code} ${error.message}`;
    throw error;
  }
}

/** The rows of an LDAP source with leave for these catch-alls, or the code and message of its refusal. */
export async function readLdap(
  keys: Keys,
  wildcards: readonly string[],
): Promise<{ readonly rows: readonly string[]; readonly refusal: string }> {
  const policy = `postmaster = false\nwildcards = ${JSON.stringify(wildcards)}`;
  try {
    return { rows: await rowsOf({ ...keys, type: 'ldap' }, policy), refusal: '' };
  } catch (error) {
    if (!(error instanceof PublishError || error instanceof HostError)) throw error;
    return { rows: [], refusal: `${error.code} ${error.message}` };
  }
}
