// Reads whatever [[source]] tables a test names, as publish does, and gives the rows they make, or the refusal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { gather } from '../../src/publisher/gather/gather.ts';

/** A folder of the test's own. */
export function folder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap source-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A source's keys as TOML; `name` is `list` where nothing else is said. */
export const sourceToml = (keys: Readonly<Record<string, unknown>>): string =>
  `[[source]]\n${Object.entries({ name: 'list', ...keys })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('')}`;

/** The rows of a source, sorted. */
export const rowsFrom = async (keys: Readonly<Record<string, unknown>>, policy?: string): Promise<string[]> =>
  await sourcesFrom([keys], policy);

/** The rows of several sources, of which the second has a name of its own. */
export async function sourcesFrom(
  sources: readonly Readonly<Record<string, unknown>>[],
  policy = 'postmaster = false',
): Promise<string[]> {
  const config = path.join(folder(), 'publish.toml');
  const top = `name = "example-org"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n`;
  writeFileSync(
    config,
    `${top}${sources.map((keys, i) => sourceToml(i === 0 ? keys : { name: `list ${i + 1}`, ...keys })).join('')}[policy]\n${policy}\n`,
  );
  const { table } = await gather(readPublisherConfig(config), new Date());
  return Buffer.from(table.part(0, table.bytes)).toString().split('\n').slice(0, -1);
}

/** The code and message with which a source is refused. */
export async function refusalFrom(keys: Readonly<Record<string, unknown>>, policy?: string): Promise<string> {
  try {
    return `accepted: ${JSON.stringify(await rowsFrom(keys, policy))}`;
  } catch (error) {
    if (error instanceof PublishError || error instanceof HostError) return `${error.code} ${error.message}`;
    throw error;
  }
}
