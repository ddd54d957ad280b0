/** Keys, certificates, the clock, and what a bundle may speak for. Pure. */
import path from 'node:path';
import type { CheckFacts } from './facts.ts';
import { inConfig, several, type Finding } from './finding.ts';
import { shell } from '../mta/postfix/shell-lines.ts';

export const trustFindings = (facts: CheckFacts): Finding[] => [
  ...keys(facts),
  ...keyRing(facts),
  ...certificates(facts),
  ...clock(facts),
  ...unbounded(facts),
];

const keys = ({ host }: CheckFacts): Finding[] =>
  host.keys.map(({ bundle, why }) => ({
    level: 'error',
    text: `${bundle.name}: ${why}. Nothing new can be verified.`,
    type: [`install -D -m 0644 ${bundle.name}.pub ${shell(path.join(bundle.keys, `${bundle.name}.pub`))}`],
  }));

/** Keys in a folder that do not count, since a key ring step has replaced them; and stored steps that do not count. */
function keyRing({ config, file, host }: CheckFacts): Finding[] {
  return config.bundle.flatMap(({ name, keys: folder, ring }): Finding[] => {
    const known = host.status?.bundles.find((b) => b.name === name)?.keyring;
    if (known == null) return [];
    const line = inConfig(file, `below name = "${name}"`, `ring = ${known.step}`);
    if (known.broken !== null) return [{ level: 'error', text: `${name}: ${known.broken}`, type: ['relaymap keys'] }];
    const idle = (host.keysInFolder.get(name) ?? []).filter((keyid) => !known.keys.includes(keyid));
    if (known.step <= ring || idle.length === 0) return [];
    const which = idle.map((keyid) => keyid.slice(0, 16)).join(', ');
    const text = `${name}: ${idle.length === 1 ? 'a key' : 'keys'} in ${folder} (${which}) ${idle.length === 1 ? 'does' : 'do'} not count: key ring step ${known.step} has replaced the keys of the folder. Where the folder is to stand for that step, with its keys in it:`;
    return [{ level: 'note', text, type: line }];
  });
}

const DAY = 86_400_000;
const SOON = 21 * DAY;

function certificates({ host, now }: CheckFacts): Finding[] {
  const renew = (file: string) => [`install -m 0644 NEW.pem ${shell(file)}`];
  const group = host.owner === null || host.owner.uid === 0 ? null : host.owner.gids[0];
  const secret = (option: string, file: string) => [
    `install -m ${group == null ? '0600' : `0640 -g ${group}`} ${option === 'token_file' ? 'TOKEN' : 'KEY.pem'} ${shell(file)}`,
  ];
  const unreadable = host.unreadable.map(({ option, file, why }) => ({
    level: 'error' as const,
    text: `${option} ${file}: ${why}. Nothing new can be fetched.`,
    type: option === 'token_file' || option === 'client_key' ? secret(option, file) : renew(file),
  }));
  const dated = host.certificates.flatMap(({ option, file, subject, from, to }): Finding[] => {
    const left = to - now.getTime();
    const which = `${option} ${file} (${subject})`;
    if (from > now.getTime()) {
      const text = `${which} is valid only from ${new Date(from).toISOString()}; is the clock right?`;
      return [{ level: 'error', text, type: ['timedatectl set-ntp true'] }];
    }
    if (left > SOON) return [];
    const days = Math.floor(left / DAY);
    const when = left <= 0 ? `ended ${new Date(to).toISOString()}` : `ends in ${days} ${days === 1 ? 'day' : 'days'}`;
    return [{ level: left <= 0 ? 'error' : 'warning', text: `${which} ${when}.`, type: renew(file) }];
  });
  return [...unreadable, ...dated];
}

const LEEWAY = 5 * 60_000;

/** Times that cannot be: a list from the future, or a cycle that has yet to happen. */
function clock({ host, now }: CheckFacts): Finding[] {
  const times = (host.status?.bundles ?? []).flatMap(({ name, created, checkedAt }) => [
    { what: `the list ${name} that is installed was made`, at: created },
    { what: `the last cycle of ${name} ended`, at: checkedAt },
  ]);
  const ahead = times.filter(({ at }) => at !== null && Date.parse(at) > now.getTime() + LEEWAY);
  const [first] = ahead;
  if (first === undefined) return [];
  return [
    {
      level: 'error',
      text: `The clock says ${now.toISOString()}, but ${first.what} ${first.at}: with a wrong clock, lists that are out of date pass for new ones, or none is accepted.`,
      type: ['timedatectl set-ntp true'],
    },
  ];
}

const SHOWN = 20;

/** With one bundle `domains` may be missing: whoever holds its key then speaks for any domain. */
const unbounded = ({ config, file, domains }: CheckFacts): Finding[] =>
  config.bundle
    .filter((bundle) => bundle.domains === undefined)
    .map((bundle) => {
      const own = (domains ?? []).slice(0, SHOWN);
      const line = `domains = [${(own.length === 0 ? ['example.org'] : own).map((d) => JSON.stringify(d)).join(', ')}]`;
      const now = own.length === 0 ? '' : ` Now it holds ${several(domains ?? [])}.`;
      return {
        level: 'warning',
        text: `${bundle.name} has no \`domains\`: its list may speak for any domain, and so make this host relay for it.${now}`,
        type: inConfig(file, `below name = "${bundle.name}"`, line),
      };
    });
