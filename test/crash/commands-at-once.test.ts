// Commands against each other and against the daemon, in ever other orders: one at a time changes something, each
// ends by itself and in words, and whatever the order was the maps are those of one list, the floor stays and
// nothing is left over.
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeLock } from '../../src/io/lock.ts';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { sha256 } from '../support/forger.ts';
import type { Gateway } from '../support/gateway.ts';
import { floors, FOLDERS, view } from '../support/meaning.ts';
import { until } from '../support/postfix.ts';
import { takeTree } from '../support/tree.ts';
import { Stage } from './scenarios.ts';
import { tally } from './tally.ts';

const all = process.env['RELAYMAP_CRASH'] === 'all';
const ROUNDS = all ? 100 : 25;

/** Reads both maps again and again, as Postfix would. @returns ends it, and tells the hashes of what was there. */
function watching(gateway: Gateway): () => ReadonlySet<string> {
  const found = new Set<string>();
  const look = () => {
    for (const map of ['relay_recipients.cdb', 'relay_domains.cdb']) {
      found.add(sha256(readFileSync(gateway.at('maps', map))));
    }
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return found;
  };
}

/** Whether a process waits for the lock, by what the kernel says. */
function isAwaited(lock: string): boolean {
  const inode = statSync(lock).ino;
  const waits = new RegExp(`-> FLOCK .*:${inode} `);
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .some((line) => waits.test(line));
}

test('run, fetch, rollback, hold, resume, import, health and lookup, four at once', async () => {
  const stage = await Stage.open(1);
  try {
    const [gateway] = stage.gateways;
    if (gateway === undefined) throw new Error('no gateway');
    const maps = () => JSON.stringify(view(takeTree(gateway.dir, FOLDERS)));
    stage.publishFirst();
    await stage.each('fetch');
    const first = maps();
    stage.publishNext();
    await stage.each('fetch');
    const next = maps();
    expect(next).not.toBe(first);
    gateway.configure(stage.setup(), WHEN_TOLD);
    const daemon = new Daemon(gateway);
    await daemon.moreCycles(1);
    expect(maps()).toBe(next);
    const commands: readonly (readonly string[])[] = [
      ['the daemon'],
      ['the daemon'],
      ['fetch', '--force'],
      ['rollback'],
      ['resume'],
      ['health', '--deep'],
      ['import', stage.stick, '--force'],
      ['lookup', '--delimiter', '', 'alice@example.org'],
      ['hold'],
      ['fetch'],
    ];
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const wrong: string[] = [];
    const seen = new Set<string>();
    const seenBy = new Set<string>();
    let waited = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // In every second round somebody has the lock until the first has to wait: a fast machine may never see it.
      const held = round % 2 === 0 ? await takeLock(gateway.at('state', 'lock'), 120) : null;
      let running = true;
      const chosen = Array.from({ length: 4 }, () => ({
        args: commands[random(commands.length)] ?? [],
        after: random(120),
      }));
      const runs = chosen.map(async ({ args, after }) => {
        await sleep(after); // another order in each round; whichever it is, what follows holds
        if (args[0] === 'the daemon') {
          daemon.signal('SIGUSR2');
          return [];
        }
        const { status, stdout, stderr } = await gateway.run(args, { mayName: true });
        const said = stdout + stderr;
        if (/waiting for another run to end: process [0-9]+, since 20/.test(said)) waited++;
        // HELD is a refusal, and so is a rollback that has nowhere to go.
        const could = status === 0 || (status === 1 && /HELD|no older version|WARNING/.test(said));
        return could ? [] : [`${args.join(' ')}: status ${status}: ${said}`];
      });
      const looks = watching(gateway);
      const ended = Promise.all(runs).finally(() => (running = false));
      if (held !== null) {
        await until('somebody waits', () => !running || isAwaited(gateway.at('state', 'lock')));
        held.release();
      }
      const faults = (await ended).flat();
      // The daemon may still be at it, and never leaves anything half done when it lets go.
      const lock = await takeLock(gateway.at('state', 'lock'), 120);
      const tree = takeTree(gateway.dir, FOLDERS);
      const found = maps();
      const strays = gateway.strays();
      lock.release();
      for (const map of looks()) seenBy.add(map);
      seen.add(found);
      if (found !== first && found !== next) faults.push(`the maps are those of no list: ${found}`);
      if (floors(tree)?.['example-org'] !== 2) faults.push(`the floor is ${JSON.stringify(floors(tree))}`);
      if (strays.length > 0) faults.push(`left over: ${strays.join()}`);
      if (faults.length > 0) wrong.push(`round ${round}, ${chosen.map((c) => c.args[0]).join()}: ${faults.join('; ')}`);
    }
    tally('four commands at once', 'one bundle', ROUNDS, ROUNDS - wrong.length);
    expect(wrong).toEqual([]);
    expect(waited).toBeGreaterThan(ROUNDS / 5);
    expect(seen.size).toBe(2);
    // Whenever Postfix looked it was the one or the other, whole.
    expect([...seenBy].filter((map) => !first.includes(map) && !next.includes(map))).toEqual([]);
    expect(seenBy.size).toBeGreaterThan(3);
    await daemon.stop();
    await stage.each('resume');
    await stage.each('fetch');
    expect(maps()).toBe(next);
    expect((await gateway.run(['health', '--deep'])).status).toBe(0);
  } finally {
    await stage.close();
  }
});
