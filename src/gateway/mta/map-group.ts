/** The group as which the mail server reads the maps. Reads /etc/group. */
import { readFileSync } from 'node:fs';
import type { GatewayConfig } from '../config.ts';
import { KINDS } from '../mta-kinds.ts';

/** Its number; null where the host has no such group, or the server needs none. */
export function mapGroup({ mta }: Pick<GatewayConfig, 'mta'>): number | null {
  const { group } = KINDS[mta.kind];
  if (group === null) return null;
  let groups: string;
  try {
    groups = readFileSync('/etc/group', 'utf8');
  } catch {
    return null; // no such file: no such group
  }
  const line = groups.split('\n').find((each) => each.startsWith(`${group}:`));
  const gid = line?.split(':')[2] ?? '';
  return /^[0-9]+$/.test(gid) ? Number(gid) : null;
}
