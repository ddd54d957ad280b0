/**
 * OpenSMTPD as relaymap's mail server. It reads a table of type `file` into memory and must be told of each change;
 * a file that is missing then leaves it with the table it has, an empty one it takes (docs/mtas.md).
 */
import { existsSync } from 'node:fs';
import type { GatewayConfig } from '../../config.ts';
import { KINDS } from '../../mta-kinds.ts';
import { fileMark } from '../file-mark.ts';
import type { InstanceLook, Mta, Reload } from '../mta.ts';
import { requestReload, requestServed } from '../reload-request.ts';
import { runTool } from '../tool.ts';
import { opensmtpdRoute } from './route.ts';
import { ourTables, readSmtpdConf, smtpdUses } from './smtpd-conf.ts';

const PLACES = ['/etc/smtpd.conf', '/etc/opensmtpd/smtpd.conf', '/etc/mail/smtpd.conf'];

export const smtpdInstances = ({ mta }: Pick<GatewayConfig, 'mta'>): readonly string[] =>
  mta.instances ?? [PLACES.find((place) => existsSync(place)) ?? '/etc/smtpd.conf'];

export function opensmtpd(config: GatewayConfig): Mta {
  const instances = smtpdInstances(config);
  return {
    kind: 'opensmtpd',
    ...KINDS.opensmtpd,
    instances,
    route: opensmtpdRoute,
    marks: () => new Map(instances.map((file) => [file, fileMark([file])])),
    look: () => instances.map((file) => lookAt(config, file)),
    reload: () => tellSmtpd(config),
    reloadServed: requestServed,
    isRunning: () => (process.geteuid?.() === 0 ? smtpdRuns() : null),
  };
}

function lookAt(config: GatewayConfig, instance: string): InstanceLook {
  const here = readSmtpdConf(instance);
  if (here.is === 'here') return { instance, uses: smtpdUses(config.map_dir, here.lines), why: null };
  return { instance, uses: null, why: here.is === 'absent' ? `there is no ${instance}` : here.why };
}

/** Only root may ask it. */
export const smtpdRuns = (): boolean => runTool('smtpctl', ['show', 'status']).status === 0;

/**
 * Recipients before domains, and none after one that failed. It has one control socket, so that one configuration is
 * told.
 */
function tellSmtpd(config: GatewayConfig): Reload {
  if (process.geteuid?.() !== 0) return requestReload();
  if (!smtpdRuns()) return 'done';
  const tables = smtpdInstances(config).flatMap((file) => {
    const here = readSmtpdConf(file);
    return here.is === 'here' ? ourTables(config.map_dir, here.lines) : [];
  });
  const isTold = ({ name }: { name: string }) => runTool('smtpctl', ['update', 'table', name]).status === 0;
  return tables.every(isTold) ? 'done' : 'pending';
}
