/**
 * Which instances of Postfix `init` is about, where a host has several (postmulti(1)): those that relay, or the ones
 * that are named. One that is changed while another still takes everybody is half a host. Reads only.
 */
import path from 'node:path';
import { HostError } from '../../errors.ts';
import { publicService } from '../mta/postfix/ask-smtpd.ts';
import { readPostfix, type PostfixConfig, type PostfixHere } from '../mta/postfix/main-cf.ts';
import { words } from '../mta/postfix/tables.ts';

export interface Instances {
  /** The instances to look at; empty where there is no Postfix. */
  readonly chosen: readonly PostfixConfig[];
  /** The configuration folders of the others, each with the reason. */
  readonly left: readonly { readonly directory: string; readonly why: string }[];
  /** Whether lines to type have to say which one they mean. */
  readonly several: boolean;
}

const refused = (message: string | readonly string[]) => new HostError('CONFIG', message);

/**
 * @param first the instance of MAIL_CONFIG, or the default one, which knows the others
 * @param named configuration folders by --instance, else by `[mta] instances`; empty for none
 * @throws HostError CONFIG where it cannot be told which are meant
 */
export function instancesFor(first: PostfixHere, named: readonly string[]): Instances {
  const known = first.is === 'here' ? [first.config.directory, ...furtherOnes(first.config)] : [];
  if (named.length > 0) {
    const chosen = named.map((directory) => readNamed(path.resolve(directory)));
    const left = known.filter((directory) => !chosen.some((each) => each.directory === directory));
    return {
      chosen,
      left: left.map((directory) => ({ directory, why: 'it was not named' })),
      several: known.length > 1 || chosen.length > 1,
    };
  }
  if (first.is !== 'here') return { chosen: [], left: [], several: false };
  if (known.length === 1) return { chosen: [first.config], left: [], several: false };
  const all = known.map((directory) => ({ directory, here: readPostfix(directory) }));
  const chosen = all.flatMap(({ here }) => (here.is === 'here' && relays(here.config) ? [here.config] : []));
  if (chosen.length === 0) {
    throw refused([
      `Postfix has several instances here (${known.join(', ')}), and none has relay_domains or relay_recipient_maps.`,
      `Name the one that takes mail from the network: --instance ${known.at(-1) ?? ''}`,
    ]);
  }
  const left = all.filter(({ directory }) => !chosen.some((each) => each.directory === directory));
  return {
    chosen,
    left: left.map(({ directory, here }) => ({
      directory,
      why: here.is === 'broken' ? here.why : 'it relays nothing (no relay_domains, or no smtpd for the network)',
    })),
    several: true,
  };
}

const furtherOnes = ({ main }: PostfixConfig): string[] => words(main.get('multi_instance_directories') ?? '');

function readNamed(directory: string): PostfixConfig {
  const here = readPostfix(directory);
  if (here.is === 'here') return here.config;
  const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
  throw refused(`--instance ${directory}: ${why}`);
}

/** Whether it takes mail from the network for domains that it hands on. */
function relays(postfix: PostfixConfig): boolean {
  const { main, set } = postfix;
  const says = (name: string) => set.has(name) && (main.get(name) ?? '') !== '';
  const isOff = words(main.get('master_service_disable') ?? '').some((word) => /(^|\/)inet$/.test(word));
  return publicService(postfix) !== null && !isOff && (says('relay_domains') || says('relay_recipient_maps'));
}
