// The fenced blocks of the pages (README.md, docs, ...) and the commands in them, for the tests that type them as they
// stand.
//
// Every block of ```sh has a comment on the line before it that says who types it:
//
//   <!-- lab: central -->      root on the central host of the lab, in the order of the page (test/lab)
//   <!-- lab: gateway -->      root on a gateway of the lab, in the order of the page (test/lab)
//   <!-- lab: backup -->       root on a bare host of the lab (test/lab), and without --backup-mx on one in use
//   <!-- lab: image -->        test/front/image-that-does-not-run, by its own podman
//   <!-- lab: bare -->         root on a bare Debian of the lab, test/lab/an-upgrade-and-an-end
//   <!-- lab: repository -->   root on a host of the lab that takes a release, test/lab/an-upgrade-and-an-end
//   <!-- lab: many -->         root on a host of the lab that publishes for many, test/lab/a-host-of-many-lists
//   <!-- lab: emergency -->    test/postfix/emergency, on a host of its own
//   <!-- lab: drill -->        test/commands/drill-that-does-not-help, with a gateway that nobody touches
//   <!-- lab: migration X -->  test/sources/migration-that-loses-mail
//   <!-- lab: sendmail -->     test/mta/sendmail
//   <!-- lab: here X -->       test/commands/output-that-a-page-makes-up, in a folder of its own
//   <!-- lab: none -->         nobody: it needs what no test has. It is read all the same, as each of them is: by bash,
//                              and by the parser of our commands (test/commands/line-of-a-page-that-is-wrong)
//
// A block of another language is a file where its comment names one: <!-- lab: central
// /etc/relaymap-publish/relaymap-publish.toml -->. One without a language shows what a command prints:
// <!-- lab: shows X -->. Who reads the others follows from their language (READERS).
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

const FIRST_HOUR = 'test/lab/a-first-hour-by-the-readme.test.ts';
const UPGRADE = 'test/lab/an-upgrade-and-an-end.test.ts';
const PARSED = 'test/commands/line-of-a-page-that-is-wrong.test.ts';
const HERE = 'test/commands/output-that-a-page-makes-up.test.ts';

/** Who types the shell lines below a mark. */
const TYPED_BY = {
  central: FIRST_HOUR,
  gateway: FIRST_HOUR,
  backup: FIRST_HOUR,
  bare: UPGRADE,
  repository: UPGRADE,
  image: 'test/front/image-that-does-not-run.test.ts',
  many: 'test/lab/a-host-of-many-lists.test.ts',
  emergency: 'test/postfix/emergency.test.ts',
  drill: 'test/commands/drill-that-does-not-help.test.ts',
  migration: 'test/sources/migration-that-loses-mail.test.ts',
  sendmail: 'test/mta/sendmail.test.ts',
  here: HERE,
  none: PARSED,
} as const;
export type Typist = keyof typeof TYPED_BY;
export const TYPISTS: ReadonlyMap<string, string> = new Map(Object.entries(TYPED_BY));

const FORMAT = 'test/bundle/format-page-that-does-not-hold.test.ts';
/** Who reads the blocks of a language. */
export const READERS: ReadonlyMap<string, string> = new Map([
  ...['toml', 'yaml', 'ini', 'cron', 'json'].map((language) => [language, PARSED] as const),
  ['nginx', 'test/commands/recipe-that-does-not-serve.test.ts'],
  ['caddy', 'test/commands/recipe-that-does-not-serve.test.ts'],
  ['nginx-log', 'test/commands/log-of-a-real-server.test.ts'],
  ['sql', 'test/sources/notification-that-is-missed.test.ts'],
  ...[
    'pem',
    'keyid',
    'table',
    'sha256',
    'delta',
    'body',
    'manifest',
    'envelope',
    'dsse',
    'signature',
    'points',
    'files',
  ].map((language) => [language, FORMAT] as const),
]);

/** Every page with lines for a reader. */
export const PAGES: readonly string[] = [
  '.',
  'docs',
  'docs/migrations',
  'docs/recipes',
  'keys',
  'packaging/ansible',
  'packaging/haraka',
]
  .flatMap((folder) => readdirSync(path.join(root, folder)).map((name) => path.join(folder, name)))
  .filter((name) => name.endsWith('.md'));

export interface Block {
  readonly line: number;
  readonly language: string;
  /** The heading above it. */
  readonly heading: string;
  /** The words of the comment; none where there is no comment. */
  readonly marks: readonly string[];
  readonly text: string;
}

export function blocksOf(page: string): Block[] {
  const lines = readFileSync(path.join(root, page), 'utf8').split('\n');
  const blocks: Block[] = [];
  let heading = '';
  for (let i = 0; i < lines.length; i++) {
    heading = /^#+ (.*)/.exec(lines[i] ?? '')?.[1] ?? heading;
    const fence = /^```(\S*)/.exec(lines[i] ?? '');
    if (fence === null) continue;
    const end = lines.indexOf('```', i + 1);
    // prettier sets an empty line between the comment and the block.
    const before = lines[i - 1] === '' ? lines[i - 2] : lines[i - 1];
    const marks = /^<!-- lab: (.*) -->$/.exec(before ?? '')?.[1]?.split(' ') ?? [];
    blocks.push({ line: i + 1, language: fence[1] ?? '', heading, marks, text: lines.slice(i + 1, end).join('\n') });
    i = end;
  }
  return blocks;
}

/**
 * The commands of a block: a line that ends with a backslash goes on, and so does a here-document; comments are
 * none.
 */
export function commandsOf(text: string): string[] {
  const commands: string[] = [];
  let command = '';
  let end: string | null = null;
  for (const line of text.split('\n')) {
    if (command === '' && (line.trim() === '' || line.startsWith('#'))) continue;
    command += command === '' ? line : `\n${line}`;
    if (end === null) end = /<<-?'?([A-Z]+)'?/.exec(line)?.[1] ?? null;
    if (end === null ? line.endsWith('\\') : line !== end) continue;
    commands.push(command);
    command = '';
    end = null;
  }
  return command === '' ? commands : [...commands, command];
}
