// Reads a source file in this process, as publish does, and gives the rows it makes of it, or the refusal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { gather } from '../../src/publisher/gather/gather.ts';

export interface Gathering {
  readonly rows: readonly string[];
  readonly skipped: readonly string[];
}

/** @param policy lines of `[policy]`; without postmaster rows where it says nothing. */
export async function gathered(source: string | Uint8Array, policy = 'postmaster = false'): Promise<Gathering> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-source-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(path.join(dir, 'list'), source);
  const config = path.join(dir, 'publish.toml');
  writeFileSync(
    config,
    `name = "example-org"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n\n[[source]]\ntype = "file"\nname = "list"\npath = ${JSON.stringify(path.join(dir, 'list'))}\n\n[policy]\n${policy}\n`,
  );
  const { table, skipped } = await gather(readPublisherConfig(config), new Date());
  return { rows: Buffer.from(table.part(0, table.bytes)).toString().split('\n').slice(0, -1), skipped };
}

/** The code and message with which a source is refused. */
export async function refusal(source: string | Uint8Array, policy?: string): Promise<string> {
  try {
    const { rows } = await gathered(source, policy);
    return `accepted: ${JSON.stringify(rows)}`;
  } catch (error) {
    if (error instanceof PublishError) return `${error.code} ${error.message}`;
    throw error;
  }
}
