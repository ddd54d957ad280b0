// The fenced blocks of a page (README.md, docs/operations.md) and the commands in them, for the tests that type
// them as they stand.
//
// Every block of ```sh has a comment on the line before it that says who types it:
//
//   <!-- lab: central -->      root on the central host of the lab, in the order of the page (test/lab)
//   <!-- lab: gateway -->      root on a gateway of the lab, in the order of the page (test/lab)
//   <!-- lab: backup -->       root on a bare host of the lab (test/lab), and without --backup-mx on one in use
//   <!-- lab: image -->        test/front/image-that-does-not-run, by its own podman
//   <!-- lab: emergency -->    test/postfix/emergency, on a host of its own
//   <!-- lab: drill -->        test/commands/drill-that-does-not-help, with a gateway that nobody touches
//   <!-- lab: none -->         nobody: it needs what a lab does not have
//
// A block of another language is a file where its comment names one: <!-- lab: central
// /etc/relaymap-publish/relaymap-publish.toml -->
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export const TYPISTS = ['central', 'gateway', 'backup', 'image', 'emergency', 'drill', 'none'] as const;
export type Typist = (typeof TYPISTS)[number];

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
