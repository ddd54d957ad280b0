/** Postfix as relaymap's mail server: all of its instances. */
import path from 'node:path';
import type { GatewayConfig } from '../../config.ts';
import { KINDS } from '../../mta-kinds.ts';
import { fileMark } from '../file-mark.ts';
import type { InstanceLook, Mta, Reload } from '../mta.ts';
import { postfixCommand } from './commands.ts';
import { instancesOf } from './instances.ts';
import { postfixRuns, readServing } from './main-cf.ts';
import { requestReload, requestServed } from '../reload-request.ts';
import { usesOf } from './uses.ts';

export function postfix(config: GatewayConfig): Mta {
  const instances = instancesOf(config);
  return {
    kind: 'postfix',
    ...KINDS.postfix,
    instances,
    route: (nextHop) => `relay:${nextHop}`,
    marks: () =>
      new Map(
        instances.map((instance) => [
          instance,
          fileMark(['main.cf', 'master.cf'].map((name) => path.join(instance, name))),
        ]),
      ),
    look: () => instances.map((instance) => lookAt(config, instance)),
    reload: () => reloadPostfix(instances),
    reloadServed: requestServed,
    isRunning: (instance) => {
      const here = readServing(instance);
      return here.is === 'here' ? postfixRuns(here.config) : null;
    },
  };
}

function lookAt(config: GatewayConfig, instance: string): InstanceLook {
  const here = readServing(instance);
  if (here.is === 'here') return { instance, uses: usesOf(config, here.config), why: null };
  return { instance, uses: null, why: here.is === 'absent' ? 'there is no postconf' : here.why };
}

/** One that does not run has nothing to reload. Unprivileged, the root-owned path unit reloads all of them. */
function reloadPostfix(instances: readonly string[]): Reload {
  if (process.geteuid?.() === 0) {
    const runs = (instance: string) => postfixCommand('postfix', ['status'], instance).status === 0;
    const reloads = (instance: string) => postfixCommand('postfix', ['reload'], instance).status === 0;
    // Each is tried: one that refuses must not keep the others from their maps.
    return instances.filter(runs).map(reloads).includes(false) ? 'pending' : 'done';
  }
  return requestReload();
}
