/**
 * The User-Agent by which a gateway tells the central side which version it runs (docs/commands.md section 3.2): of
 * one bundle, by what the last cycle has reported. Reads `status.json` and the name of the host.
 */
import { statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { formatUserAgent, idOfHost } from '../../bundle/fleet/user-agent.ts';
import type { GatewayConfig } from '../config.ts';
import { readStatus, type Status } from './status.ts';

/**
 * @param software version of relaymap.
 * @returns the User-Agent for a bundle, as things are when it is asked for; null if `[report] send = false`.
 */
export function userAgents(
  { state_dir: stateDir, report: { id, send } }: Pick<GatewayConfig, 'state_dir' | 'report'>,
  software: string,
): (bundle: string) => string | null {
  if (!send) return () => null;
  const status = lastStatus(stateDir);
  return (name) => {
    const now = status();
    const of = now?.bundles.find((b) => b.name === name);
    return formatUserAgent({
      software,
      bundle: name,
      installed: of?.version ?? 0,
      last: lastCode(now, of),
      id: id ?? idOfHost(os.hostname()),
    });
  };
}

/** A failure before any bundle is one of each bundle. Who only holds is told apart from who follows. */
function lastCode(status: Status | null, bundle: Status['bundles'][number] | undefined): string | null {
  if (bundle === undefined) return status?.failure?.code ?? null;
  if (status?.failure != null) return status.failure.code;
  if (bundle.checkedAt === null) return null;
  return bundle.code ?? (bundle.held === null ? 'OK' : 'HELD');
}

/** Read again when the file is another one: with a thousand bundles it is asked for a thousand times a cycle. */
function lastStatus(stateDir: string): () => Status | null {
  let mark = '';
  let known: Status | null = null;
  return () => {
    const found = markOf(path.join(stateDir, 'status.json'));
    if (found !== mark) {
      const read = readStatus(stateDir);
      known = read.is === 'whole' ? read.value : null;
      mark = found;
    }
    return known;
  };
}

function markOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs].join(' ');
  } catch {
    return 'none'; // absent before the first cycle; one that is unreadable tells nothing either
  }
}
