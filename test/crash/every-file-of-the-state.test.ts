// Every file and folder of the state, one after the other, is emptied, cut, flipped in a bit, lost, or something
// else lies in its place: never a stack, never another map, never a lower floor; what can be rebuilt is rebuilt,
// all else names the command that repairs it.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { floors, FOLDERS, view } from '../support/meaning.ts';
import { layTree, takeTree, type Tree } from '../support/tree.ts';
import { NEXT, Stage } from './scenarios.ts';
import { tally } from './tally.ts';

const all = process.env['RELAYMAP_CRASH'] === 'all';
const NOBODY = 65_534;
const SOCKET = 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($ARGV[0])) or die';
const flip = (at: (length: number) => number) => (file: string) => {
  const bytes = readFileSync(file);
  const spot = at(bytes.length);
  bytes[spot] = (bytes[spot] ?? 0) ^ 0x04;
  writeFileSync(file, bytes);
};
const aside = (file: string) => {
  renameSync(file, `${file}-aside`);
  return `${file}-aside`;
};

const OF_FILES: Record<string, (file: string, gateway: Gateway) => void> = {
  emptied: (file) => truncateSync(file),
  'cut in its middle': (file) => truncateSync(file, lstatSync(file).size >> 1),
  'flipped in its first byte': flip(() => 0),
  'flipped in its middle': flip((length) => length >> 1),
  'flipped near its end': flip((length) => Math.max(0, length - 3)),
  zeros: (file) => writeFileSync(file, Buffer.alloc(lstatSync(file).size)),
  lost: (file) => rmSync(file),
  'a folder': (file) => (rmSync(file), mkdirSync(file)),
  'a folder with a file in it': (file) => (rmSync(file), mkdirSync(file), writeFileSync(path.join(file, 'x'), 'x')),
  'a link to what it was': (file) => symlinkSync(aside(file), file),
  ...(all
    ? {
        'a pipe': (file: string) => (rmSync(file), void execFileSync('mkfifo', [file])),
        'a device without end': (file: string) => (rmSync(file), void execFileSync('mknod', [file, 'c', '1', '5'])),
        'a socket': (file: string) => (rmSync(file), void execFileSync('perl', ['-e', SOCKET, file])),
      }
    : {}),
  'a link to nowhere': (file) => (rmSync(file), symlinkSync('nowhere', file)),
  'of another owner': (file, gateway) => {
    for (const [name] of takeTree(gateway.dir, FOLDERS)) chownSync(gateway.at(name), NOBODY, NOBODY);
    chownSync(file, 0, 0);
    chmodSync(file, 0o600);
  },
};
const OF_FOLDERS: Record<string, (folder: string) => void> = {
  lost: (folder) => rmSync(folder, { recursive: true }),
  'an empty file': (folder) => (rmSync(folder, { recursive: true }), writeFileSync(folder, '')),
  'a link to what it was': (folder) => symlinkSync(aside(folder), folder),
  'not to be entered': (folder) => {
    for (const name of [path.dirname(folder), folder]) chownSync(name, NOBODY, NOBODY);
    chmodSync(folder, 0o000);
  },
};

type Offer = (which: 'older' | 'newer') => void;

async function answer(gateway: Gateway, ...args: string[]): Promise<{ status: number | null; text: string }> {
  const { status, stdout, stderr } = await gateway.run(args, { mayName: true });
  return { status, text: stdout + stderr };
}

/** An older list is offered to the damaged gateway, and then the next one. @returns what went wrong. */
async function judge(gateway: Gateway, tree: Tree, damage: () => void, offer: Offer): Promise<string[]> {
  layTree(gateway.dir, FOLDERS, tree);
  damage();
  const wrong: string[] = [];
  const looks = [
    await answer(gateway, 'health'),
    await answer(gateway, 'lookup', '--delimiter', '', 'alice@example.org'),
  ];
  for (const { status, text } of looks)
    if (status === null || status > 3 || text === '') wrong.push(`${status}: ${text}`);
  offer('older');
  const old = await answer(gateway, 'fetch', '--json');
  const left = takeTree(gateway.dir, FOLDERS);
  for (const [map, found] of Object.entries(view(left))) {
    if (found !== view(tree)[map]) wrong.push(`${map} is another after the older list: ${old.text}`);
  }
  if (!/"(ROLLBACK|STATE_CORRUPT|CONFIG)"/.test(old.text)) wrong.push(`the older list: ${old.text}`);
  const [had, has] = [floors(tree), floors(left)];
  for (const [name, floor] of Object.entries(had ?? {})) {
    if (has !== null && (has[name] ?? 0) < floor) wrong.push(`the floor fell to ${has[name]}`);
  }
  offer('newer');
  let next = await answer(gateway, 'fetch', '--json');
  if (/"STATE_CORRUPT"/.test(next.text)) {
    if (!next.text.includes('relaymap fetch --rebuild-state')) wrong.push(`no way out: ${next.text}`);
    next = await answer(gateway, 'fetch', '--json', '--rebuild-state');
  }
  // What is not ours to take away is told; a person takes it away.
  if (/"CONFIG"/.test(next.text)) {
    if (!next.text.includes(gateway.stateDir)) wrong.push(`names no file: ${next.text}`);
    return wrong;
  }
  if (next.status !== 0 || !/"outcome":"installed"/.test(next.text)) wrong.push(`the newer list: ${next.text}`);
  const after = await answer(gateway, 'health', '--deep');
  if (after.status !== 0) wrong.push(`health then: ${after.text}`);
  return wrong;
}

test('every file and folder of the state, damaged in every way', async () => {
  const stages = await Promise.all([Stage.open(1), Stage.open(1)]);
  try {
    const wrong: string[] = [];
    const queue: { readonly name: string; readonly how: string }[] = [];
    const lane = async (stage: Stage, first: boolean): Promise<void> => {
      const [gateway] = stage.gateways;
      if (gateway === undefined) return;
      stage.publishFirst();
      const older = stage.forger.files.get('manifest.json') ?? Buffer.alloc(0);
      await stage.each('fetch');
      stage.publishNext();
      await stage.each('fetch');
      stage.forger.publish([...NEXT, 'erna@example.org']);
      const newer = stage.forger.files.get('manifest.json') ?? Buffer.alloc(0);
      const tree = takeTree(gateway.dir, FOLDERS);
      const offer: Offer = (which) => stage.forger.files.set('manifest.json', which === 'older' ? older : newer);
      // The names differ between the two by their hashes: the index is what they have in common.
      const names = [...tree].filter(([name]) => name.startsWith('state/'));
      const points = names.flatMap(([name, entry]) =>
        Object.keys(entry.is === 'folder' ? OF_FOLDERS : OF_FILES).map((how) => ({ name, how })),
      );
      if (first) queue.push(...points);
      for (let i = first ? 0 : 1; i < points.length; i += 2) {
        const { name, how } = points[i] ?? { name: '', how: '' };
        const ways = { ...OF_FOLDERS, ...(tree.get(name)?.is === 'folder' ? {} : OF_FILES) };
        const damage = () => ways[how as keyof typeof ways]?.(gateway.at(name), gateway);
        const faults = await judge(gateway, tree, damage, offer).catch((error: unknown) => [String(error)]);
        if (faults.length > 0) wrong.push(`${name} ${how}: ${faults.join('; ')}`);
      }
    };
    await Promise.all(stages.map((stage, i) => lane(stage, i === 0)));
    expect(queue.length).toBeGreaterThan(80);
    tally('state damaged', 'one bundle', queue.length, queue.length - wrong.length);
    expect(wrong, `${wrong.length} of ${queue.length}`).toEqual([]);
  } finally {
    await Promise.all(stages.map((stage) => stage.close()));
  }
});
