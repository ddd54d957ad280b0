/** All findings of a check, the worst first. Pure: it decides by what gather.ts has found out. */
import { catchAllFindings } from './catch-alls.ts';
import { domainFindings } from './domains.ts';
import { KINDS } from '../mta-kinds.ts';
import { instancesOf } from '../mta/postfix/instances.ts';
import { shell } from '../mta/postfix/shell-lines.ts';
import { askedFindings, openRelay } from './asked.ts';
import { besideFindings, unaskedFinding } from './beside-the-list.ts';
import type { CheckFacts, PostfixFacts, PostfixFound } from './facts.ts';
import { inConfig, several, type Finding, type Level } from './finding.ts';
import { deniedNameFindings, nextHopFindings } from './next-hops.ts';
import { postfixDown, runningFindings } from './running.ts';
import { tableFindings } from './tables.ts';
import { mapFindings, recipientFindings } from './recipients.ts';
import { refusingFindings } from './refusing.ts';
import { staleFindings, staleTimer } from './stale.ts';
import { rightsFindings } from './rights.ts';
import { trustFindings } from './trust.ts';

const RANK: Record<Level, number> = { error: 0, warning: 1, note: 2 };

export function findings(facts: CheckFacts): Finding[] {
  const all = [
    ...instanceFindings(facts),
    ...facts.remarks,
    ...deferringFindings(facts),
    ...mapFindings(facts),
    ...runningFindings(facts),
    ...staleTimer(facts),
    ...trustFindings(facts),
    ...rightsFindings(facts),
  ];
  return all.sort((a, b) => RANK[a.level] - RANK[b.level]);
}

const DAY = 86_400_000;

/** Of a server other than Postfix that defers whom the list does not have, as `init --apply` begins. */
function deferringFindings({ deferring, host, now, config }: CheckFacts): Finding[] {
  if (deferring === null) return [];
  const days = host.deferringSince === null ? null : Math.floor((now.getTime() - host.deferringSince) / DAY);
  const late = days === null || days >= 7;
  const since = days === null ? '' : `, for ${days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`}`;
  const { name } = KINDS[config.mta.kind];
  const text = `${name} defers recipients that the list does not have, and does not refuse them${since}. ${late ? 'When' : 'After 7 days, when'} its log shows nobody of yours among them:`;
  return [{ level: late ? 'warning' : 'note', text, type: deferring }];
}

/** Where there are several instances each finding says which it means, and its lines are for that one. */
function instanceFindings(facts: CheckFacts): Finding[] {
  if (facts.postfix.length === 1) return facts.postfix.flatMap((postfix) => postfixFindings(facts, postfix));
  const instances = instancesOf(facts.config);
  return facts.postfix.flatMap((postfix, i) =>
    postfixFindings(facts, postfix).map(({ text, type, ...rest }) => ({
      ...rest,
      text: `${instances[i] ?? ''}: ${text}`,
      type: type.map((line) => line.replace(/^(postconf|postfix|postmap) /, `$1 -c ${shell(instances[i] ?? '')} `)),
    })),
  );
}

function postfixFindings(facts: CheckFacts, postfix: PostfixFound): Finding[] {
  if (postfix.is === 'absent') {
    const text = 'There is no Postfix here (no postconf): nothing uses the maps.';
    return [{ level: 'error', text, type: ['apt-get install postfix postfix-cdb'] }];
  }
  if (postfix.is === 'broken') {
    const text = `Postfix has no configuration that can be read (${postfix.why}): nothing uses the maps.`;
    // dpkg-reconfigure would write a new main.cf over one that has a slip in it.
    const isAbsent = /No such file/.test(postfix.why);
    const line = isAbsent ? 'dpkg-reconfigure postfix' : 'postfix check   # after you have corrected that line';
    return [{ level: 'error', text, type: [line] }];
  }
  const found = [
    ...postfixDown(postfix),
    ...recipientFindings(facts, postfix),
    ...domainFindings(facts, postfix),
    ...nextHopFindings(facts, postfix),
    ...deniedNameFindings(postfix),
    ...catchAllFindings(postfix),
    ...tableFindings(postfix),
    ...refusingFindings(facts, postfix),
    ...staleFindings(facts, postfix),
    ...reloading(facts, postfix.runs),
    ...instancesUnknown(facts, postfix),
    ...besideFindings(postfix),
    ...unaskedFinding(facts, postfix),
    ...openRelay(postfix),
  ];
  return [...found, ...askedFindings(facts, postfix, found)];
}

/** An instance that nobody names is neither reloaded when a map appears nor looked at. */
function instancesUnknown({ file, config }: CheckFacts, { otherInstances: others }: PostfixFacts): Finding[] {
  if (others.length === 0) return [];
  const all = [...instancesOf(config), ...others];
  return [
    {
      level: 'warning',
      text: `Postfix has further instances (${several(others)}). Those that use the maps must be named, to be reloaded when a map appears and to be looked at.`,
      type: inConfig(file, 'below [mta]', `instances = ${JSON.stringify(all)}`),
    },
  ];
}

/**
 * A service without rights asks for a reload through a folder; without it, it can only take for granted that no
 * Postfix runs.
 */
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
