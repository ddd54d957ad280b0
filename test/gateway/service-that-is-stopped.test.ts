// Whether the service runs is seen by systemd's own traces; where there are none nothing is said.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { serviceState } from '../../src/gateway/check/look/service-state.ts';

const UNIT = 'relaymap.service';

function host(...traces: ('systemd' | 'unit' | 'running' | 'left' | 'enabled' | 'timer')[]): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'relaymap-root-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const at = (name: string) => path.join(root, name);
  const file = (folder: string, name: string, text: string) => {
    mkdirSync(at(folder), { recursive: true });
    writeFileSync(at(`${folder}/${name}`), text);
  };
  const group = `sys/fs/cgroup/system.slice/${UNIT}`;
  if (traces.includes('systemd')) mkdirSync(at('run/systemd/system'), { recursive: true });
  if (traces.includes('unit')) file('usr/lib/systemd/system', UNIT, '');
  if (traces.includes('running')) file(group, 'cgroup.procs', '4711\n');
  if (traces.includes('left')) file(group, 'cgroup.procs', '');
  if (traces.includes('enabled')) {
    mkdirSync(at('etc/systemd/system/multi-user.target.wants'), { recursive: true });
    symlinkSync('/dev/null', at(`etc/systemd/system/multi-user.target.wants/${UNIT}`));
  }
  if (traces.includes('timer')) {
    mkdirSync(at('etc/systemd/system/timers.target.wants'), { recursive: true });
    symlinkSync('/dev/null', at('etc/systemd/system/timers.target.wants/relaymap-stale.timer'));
  }
  return root;
}

test.each([
  [[], null],
  [['systemd'], null],
  [['unit'], null],
  [['systemd', 'unit'], { isActive: false, isEnabled: false, hasStaleTimer: false }],
  [['systemd', 'unit', 'left', 'enabled'], { isActive: false, isEnabled: true, hasStaleTimer: false }],
  [['systemd', 'unit', 'running'], { isActive: true, isEnabled: false, hasStaleTimer: false }],
  [['systemd', 'unit', 'running', 'enabled'], { isActive: true, isEnabled: true, hasStaleTimer: false }],
  [['systemd', 'unit', 'timer'], { isActive: false, isEnabled: false, hasStaleTimer: true }],
] as const)('%j', (traces, state) => {
  expect(serviceState(host(...traces))).toEqual(state);
});
