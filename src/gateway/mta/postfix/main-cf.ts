/**
 * The configuration of the Postfix beside us, as postconf tells it: main.cf expanded and as written, master.cf, map
 * types. Reads only.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { postfixCommand, reasonOf } from './commands.ts';

export interface Service {
  /** `smtp/inet`, as postconf -P names it. */
  readonly name: string;
  readonly chroot: boolean;
  /** The program: `smtpd`, `cleanup`, ... */
  readonly program: string;
}

/** A `-o parameter=value` of a service. */
export interface Override {
  readonly service: string;
  readonly parameter: string;
  readonly value: string;
}

/** What says which tables its services ask. */
export interface PostfixServing {
  readonly directory: string;
  /** Every parameter, with what it stands for. */
  readonly main: ReadonlyMap<string, string>;
  readonly services: readonly Service[];
  readonly overrides: readonly Override[];
}

export interface PostfixConfig extends PostfixServing {
  /** Every parameter, as it is written or defaults; and those of services, `relay/unix/NAME`. */
  readonly raw: ReadonlyMap<string, string>;
  /** The parameters that main.cf sets, and those that master.cf does. */
  readonly set: ReadonlySet<string>;
  /** When main.cf was last written, ms; null where that cannot be seen. */
  readonly changed: number | null;
  /** `postconf -m` */
  readonly types: ReadonlySet<string>;
}

export type Here<C> =
  /** There is no postconf. */
  | { readonly is: 'absent' }
  /** There is, but it cannot tell: no main.cf, mostly. */
  | { readonly is: 'broken'; readonly why: string }
  | { readonly is: 'here'; readonly config: C };

export type PostfixHere = Here<PostfixConfig>;

/** @param instance its configuration folder; else that of MAIL_CONFIG, or the default one */
export function readPostfix(instance?: string): PostfixHere {
  const here = readServing(instance);
  if (here.is !== 'here') return here;
  const ask = (...args: string[]) => answer(args, instance);
  const ofServices = parameters(ask('-P'));
  return {
    is: 'here',
    config: {
      ...here.config,
      raw: new Map([...parameters(ask()), ...ofServices]),
      set: new Set([...parameters(ask('-n')).keys(), ...ofServices.keys()]),
      changed: changedAt(path.join(here.config.directory, 'main.cf')),
      types: new Set(ask('-m')),
    },
  };
}

/** As `readPostfix`, with half as many processes: for a cycle. */
export function readServing(instance?: string): Here<PostfixServing> {
  const main = postfixCommand('postconf', ['-x'], instance);
  if (main.status === null) return { is: 'absent' };
  if (main.status !== 0) return { is: 'broken', why: reasonOf(main.stderr) };
  const values = parameters(lines(main.stdout));
  return {
    is: 'here',
    config: {
      directory: values.get('config_directory') ?? '/etc/postfix',
      main: values,
      services: answer(['-M'], instance).flatMap(service),
      overrides: answer(['-P', '-x'], instance).flatMap(override),
    },
  };
}

/** Whether its master runs. Unprivileged, a pid file is all that can be seen. */
export function postfixRuns(config: PostfixServing): boolean {
  if (process.geteuid?.() === 0) return postfixCommand('postfix', ['status'], config.directory).status === 0;
  return changedAt(path.join(config.main.get('queue_directory') ?? '', 'pid/master.pid')) !== null;
}

const answer = (args: readonly string[], instance?: string): string[] =>
  lines(postfixCommand('postconf', args, instance).stdout);

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

function parameters(answer: readonly string[]): Map<string, string> {
  return new Map(
    answer.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/** `smtp inet n - y - - smtpd -o ...` */
function service(line: string): Service[] {
  const [name = '', type = '', , , chroot = '', , , program = ''] = line.split(/\s+/);
  return program === '' ? [] : [{ name: `${name}/${type}`, chroot: chroot === 'y', program }];
}

function override(line: string): Override[] {
  const [, name, parameter, value] = /^(\S+)\/([A-Za-z0-9_]+) ?= ?(.*)$/.exec(line) ?? [];
  return name === undefined || parameter === undefined
    ? []
    : [{ service: name, parameter, value: (value ?? '').trim() }];
}

function changedAt(file: string): number | null {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return null; // not there, or not for this user's eyes
  }
}
