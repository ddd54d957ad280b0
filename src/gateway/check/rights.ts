/** Who may write or read what relaymap and Postfix rely on. Pure. */
import { may } from './look/accounts.ts';
import type { CheckFacts } from './facts.ts';
import { type Finding } from './finding.ts';
import type { HostFacts, PathFact } from './look/host-facts.ts';
import { KINDS } from '../mta-kinds.ts';
import { shell } from '../mta/postfix/shell-lines.ts';

export function rightsFindings(facts: CheckFacts): Finding[] {
  const { host } = facts;
  return [
    ...host.paths.flatMap((fact) => writable(fact, host)),
    ...host.paths.flatMap((fact) => secret(fact, host)),
    ...unreadableByService(host),
    ...unwritableByService(host),
    ...unreadableByServer(facts),
  ];
}

const STAKE: Record<PathFact['role'], string> = {
  config: 'decide which lists are believed',
  keys: 'have lists of their own believed',
  secret: 'replace a secret',
  certificate: 'replace a certificate',
  maps: 'decide who gets mail here',
  state: 'make relaymap forget what it has seen',
};

/** Whoever can write a folder can replace what is in it, unless it is sticky. */
function writable(fact: PathFact, { owner, postfixGid }: HostFacts): Finding[] {
  const { mode, path, role, uid, gid } = fact;
  const sticky = fact.folder && (mode & 0o1000) !== 0 && fact.above;
  const stake = STAKE[role];
  if ((mode & 0o002) !== 0 && !sticky) {
    return [
      { level: 'error', text: `Everybody can write ${path}, and so ${stake}.`, type: [`chmod o-w ${shell(path)}`] },
    ];
  }
  const service = role === 'state' || role === 'maps' ? owner : null;
  const ownGroup = gid === 0 || (service !== null && gid !== postfixGid && service.gids.includes(gid));
  if ((mode & 0o020) !== 0 && !sticky && !ownGroup) {
    return [
      {
        level: fact.above ? 'warning' : 'error',
        text: `Group ${gid} can write ${path}, and so ${stake}.`,
        type: [`chmod g-w ${shell(path)}`],
      },
    ];
  }
  const trusted = new Set([0, owner?.uid ?? 0]);
  if (!trusted.has(uid) && (mode & 0o200) !== 0) {
    return [
      {
        level: 'warning',
        text: `${path} belongs to user ${uid}, who is neither root nor relaymap's, and who can so ${stake}.`,
        type: [`chown root ${shell(path)}`],
      },
    ];
  }
  return [];
}

function secret({ role, above, mode, path, option }: PathFact, { owner }: HostFacts): Finding[] {
  if (role !== 'secret' || above || (mode & 0o007) === 0) return [];
  const group = owner === null || owner.uid === 0 ? [] : [`chgrp ${owner.gids[0]} ${shell(path)}`];
  return [
    {
      level: 'error',
      text: `${option} ${path} can be read by everybody (mode ${(mode & 0o777).toString(8)}); relaymap refuses to use it.`,
      type: [...group, `chmod ${group.length > 0 ? '0640' : '0600'} ${shell(path)}`],
    },
  ];
}

/** The service runs as the owner of state_dir from its start; a relaymap that root starts reads its files first. */
function unreadableByService({ paths, owner }: HostFacts): Finding[] {
  if (owner === null || owner.uid === 0) return [];
  return paths.flatMap((fact): Finding[] => {
    const { role, above, path, folder, mode } = fact;
    if (role === 'maps' || role === 'state') return [];
    const need = above ? 1 : folder ? 5 : 4;
    const has = (need & 1) === 0 || may(owner, 1, fact);
    if (has && ((need & 4) === 0 || may(owner, 4, fact))) return [];
    const isSecret = role === 'secret' && !above;
    return [
      {
        level: isSecret ? 'error' : 'warning',
        text: `${owner.name}, as whom the service runs, cannot ${above ? 'enter' : 'read'} ${path} (owner ${fact.uid}, group ${fact.gid}, mode ${(mode & 0o777).toString(8).padStart(4, '0')}).`,
        type: isSecret
          ? [
              `chgrp ${owner.gids[0]} ${shell(path)}`,
              `chmod ${((mode & 0o777) | 0o040).toString(8).padStart(4, '0')} ${shell(path)}`,
            ]
          : [`chmod a+${above ? 'x' : folder ? 'rx' : 'r'} ${shell(path)}`],
      },
    ];
  });
}

function unwritableByService({ paths, owner }: HostFacts): Finding[] {
  if (owner === null || owner.uid === 0) return [];
  return paths
    .filter(({ option, above }) => option === 'map_dir' && !above)
    .filter((fact) => !may(owner, 2, fact) || !may(owner, 1, fact))
    .map(({ path }) => ({
      level: 'error',
      text: `${owner.name}, as whom relaymap runs, cannot write ${path}: no new map is installed.`,
      type: [`chown ${owner.name} ${shell(path)}`],
    }));
}

/** smtpd opens its tables while it is root; proxymap, and whoever asks with postmap, does not. */
function unreadableByServer({ config, host: { paths, postfix, postfixGid, owner } }: CheckFacts): Finding[] {
  if (postfix === null) return [];
  const maps = paths.filter((fact) => fact.role === 'maps' && !fact.above);
  const group = KINDS[config.mta.kind].group ?? postfix.name;
  const [folder, ...files] = maps;
  if (folder === undefined) return [];
  const way = paths.filter((fact) => fact === folder || (fact.folder && folder.path.startsWith(`${fact.path}/`)));
  const closed = way.filter((fact) => !may(postfix, 1, fact));
  const findings: Finding[] = closed.map((fact) => ({
    level: 'warning',
    text: `The user ${postfix.name} cannot enter ${fact.path}, on the way to the maps${postfix.name === 'postfix' ? ': its proxymap could not open them' : ''}.`,
    type: [`chmod a+x ${shell(fact.path)}`],
  }));
  const unread = files.filter((fact) => !may(postfix, 4, fact));
  if (unread.length === 0) return findings;
  const outside = owner !== null && owner.uid !== 0 && postfixGid !== null && !owner.gids.includes(postfixGid);
  findings.push({
    level: 'warning',
    text: `The user ${postfix.name} cannot read ${unread.map((fact) => fact.path).join(', ')}${outside ? `; ${owner.name} is not in the group ${group} and so cannot give it the maps` : ''}.`,
    type: [
      ...(outside ? [`adduser ${owner.name} ${group}`] : []),
      `chgrp ${group} ${unread.map((fact) => shell(fact.path)).join(' ')}`,
      ...(unread.some((fact) => (fact.mode & 0o040) === 0)
        ? [`chmod g+r ${unread.map((fact) => shell(fact.path)).join(' ')}`]
        : []),
    ],
  });
  return findings;
}
