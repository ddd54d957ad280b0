/**
 * The questions of `init` on a terminal, for what the command line does not say. Each answer is an option as well, and
 * the line that says it all is printed. Asks only: nothing is written, so that ^C changes nothing.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { HostError } from '../../../errors.ts';
import { NAME } from '../../../bundle/offer/name.ts';
import { shell } from '../../../gateway/mta/postfix/shell-lines.ts';
import { say } from '../init-postfix.ts';
import { hostnameOf, primaryOf } from './backup-mx.ts';
import { typed, type InitOptions } from './init-cycle.ts';

export type Unasked = Omit<InitOptions, 'name' | 'url' | 'key'> & Partial<Pick<InitOptions, 'name' | 'url' | 'key'>>;

interface Question {
  readonly key: 'url' | 'name' | 'key' | 'domains' | 'tokenFile' | 'caFile' | 'primary';
  readonly text: string;
  /** What an empty answer means; null where there must be one, '' for none. */
  readonly otherwise: string | null;
  /** What is wrong with an answer; null if nothing. */
  readonly fault: (answer: string) => string | null;
}

export const isComplete = (options: Unasked): options is InitOptions =>
  options.name !== undefined && options.url !== undefined && options.key !== undefined;

/** @throws HostError CONFIG where it is interrupted: nothing has been changed then */
export async function askMissing(options: Unasked): Promise<InitOptions> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const end = new AbortController();
  terminal.on('SIGINT', () => end.abort()).on('close', () => end.abort());
  try {
    say('Each question has an option of its own (relaymap help init). ^C changes nothing.');
    const answers: Unasked = { ...options };
    for (const make of QUESTIONS) {
      const question = make(answers);
      if (question === null || answers[question.key] !== undefined) continue;
      const answer = await ask(terminal, question, end.signal);
      if (answer !== '') Object.assign(answers, { [question.key]: answer });
    }
    if (!isComplete(answers)) throw new HostError('INTERNAL', 'a question was left out');
    if (!answers.apply) {
      const question = 'Have Postfix use it, if the list is good? (yes/no)';
      const fault = (text: string) => (/^(y|yes|n|no)$/i.test(text) ? null : 'yes or no');
      const answer = await ask(terminal, { key: 'name', text: question, otherwise: 'no', fault }, end.signal);
      Object.assign(answers, { apply: /^y/i.test(answer) });
    }
    const more = [['--token-file', answers.tokenFile], ['--ca-file', answers.caFile]] as const; // prettier-ignore
    say('The same without questions:');
    say(
      `  ${typed(answers)}${more.map(([name, file]) => (file === undefined ? '' : ` ${name} ${shell(file)}`)).join('')}`,
    );
    return answers;
  } catch (error) {
    if (!end.signal.aborted) throw error;
    say('');
    throw new HostError('CONFIG', 'interrupted: nothing has been changed', error);
  } finally {
    terminal.close();
  }
}

async function ask(terminal: Interface, question: Question, signal: AbortSignal): Promise<string> {
  const { text, otherwise, fault } = question;
  for (;;) {
    const shown = otherwise === null ? '' : ` [${otherwise === '' ? 'none' : otherwise}]`;
    const answer = (await terminal.question(`${text}${shown}: `, { signal })).trim();
    if (answer === '' && otherwise !== null) return otherwise;
    const wrong = answer === '' ? 'this has to be answered' : fault(answer);
    if (wrong === null) return answer;
    say(`  ${wrong}`);
  }
}

const isThere = (file: string): string | null => (existsSync(file) ? null : `there is no file ${file}`);
/** The words of a refusal; null for what is none. */
function refusal(judge: () => unknown): string | null {
  try {
    judge();
    return null;
  } catch (error) {
    return error instanceof HostError ? error.message : String(error);
  }
}

const QUESTIONS: readonly ((answers: Unasked) => Question | null)[] = [
  () => ({
    key: 'url',
    text: 'Where the list is (https://...)',
    otherwise: null,
    fault: (text) => (/^https:\/\/[^/]+/.test(text) ? null : 'it begins with https://'),
  }),
  () => ({
    key: 'name',
    text: 'Its name, as its publisher says',
    otherwise: null,
    fault: (text) => (NAME.test(text) ? null : 'a name has small letters, digits, dots and hyphens'),
  }),
  ({ config }) => ({
    key: 'key',
    text: "The file with the publisher's public key",
    otherwise: onlyFile(config, /\.pub$/),
    fault: isThere,
  }),
  () => ({ key: 'domains', text: 'All domains that it may speak for, with commas', otherwise: '', fault: () => null }),
  ({ config }) => ({
    key: 'tokenFile',
    text: 'The file with the token that its server asks for',
    otherwise: onlyFile(config, /^token$/) ?? '',
    fault: isThere,
  }),
  ({ config }) => ({
    key: 'caFile',
    text: "The file with its server's CA, if that is one of your own",
    otherwise: onlyFile(config, /^(ca|tls)\.pem$/) ?? '',
    fault: isThere,
  }),
  ({ backupMx }) =>
    backupMx !== true
      ? null
      : {
          key: 'primary',
          text: 'The host with the mailboxes, if it is not the MX of each domain',
          otherwise: '',
          fault: (text) => refusal(() => primaryOf(text)),
        },
];

/** The one file beside the configuration that has such a name. */
function onlyFile(config: string, name: RegExp): string | null {
  const folder = path.dirname(path.resolve(config));
  try {
    const found = readdirSync(folder).filter((file) => name.test(file));
    return found.length === 1 ? path.join(folder, found[0] ?? '') : null;
  } catch {
    return null; // no such folder yet
  }
}

/** @throws HostError CONFIG for options that contradict each other, before anything is written */
export function judgeOptions(options: Unasked, isPostfix: () => boolean): void {
  const { backupMx, primary, hostname } = options;
  if (backupMx !== true && (primary !== undefined || hostname !== undefined))
    throw new HostError('CONFIG', `${primary === undefined ? '--hostname' : '--primary'} belongs to --backup-mx`);
  if (primary !== undefined) primaryOf(primary);
  if (hostname !== undefined) hostnameOf(hostname);
  if (backupMx === true && !isPostfix())
    throw new HostError('CONFIG', '--backup-mx sets up Postfix, and the mail server here is another one');
}
