/** All findings of a check, the worst first. Pure: it decides by what gather.ts has found out. */
import { catchAllFindings } from './catch-alls.ts';
import { domainFindings } from './domains.ts';
import type { CheckFacts } from './facts.ts';
import type { Finding, Level } from './finding.ts';
import { mapFindings, recipientFindings } from './recipients.ts';
import { refusingFindings } from './refusing.ts';
import { rightsFindings } from './rights.ts';
import { trustFindings } from './trust.ts';

const RANK: Record<Level, number> = { error: 0, warning: 1, note: 2 };

export function findings(facts: CheckFacts): Finding[] {
  const all = [...postfixFindings(facts), ...mapFindings(facts), ...trustFindings(facts), ...rightsFindings(facts)];
  return all.sort((a, b) => RANK[a.level] - RANK[b.level]);
}

function postfixFindings(facts: CheckFacts): Finding[] {
  const { postfix } = facts;
  if (postfix.is === 'absent') {
    const text = 'There is no Postfix here (no postconf): nothing uses the maps.';
    return [{ level: 'error', text, type: ['apt-get install postfix postfix-cdb'] }];
  }
  if (postfix.is === 'broken') {
    const text = `Postfix has no configuration that can be read (${postfix.why}): nothing uses the maps.`;
    return [{ level: 'error', text, type: ['dpkg-reconfigure postfix'] }];
  }
  return [
    ...recipientFindings(facts, postfix),
    ...domainFindings(facts, postfix),
    ...catchAllFindings(postfix),
    ...refusingFindings(facts, postfix),
    ...reloading(facts, postfix.runs),
  ];
}

/** A service without rights asks for a reload through a folder; without it, it can only take for granted that no Postfix runs. */
function reloading({ host }: CheckFacts, runs: boolean): Finding[] {
  if (!runs || host.canAskForReload || host.owner === null || host.owner.uid === 0) return [];
  return [
    {
      level: 'warning',
      text: `Postfix runs, relaymap runs as ${host.owner.name}, and there is no /run/relaymap: nobody can have Postfix reloaded when a map first appears.`,
      type: host.packaged
        ? ['systemd-tmpfiles --create relaymap.conf', 'systemctl enable --now relaymap-reload.path']
        : [`install -d -o ${host.owner.name} /run/relaymap`, `postfix reload   # again after each map that appears`],
    },
  ];
}
