// Commands against each other, a hundred times in ever other orders: one at a time changes something, each ends by itself and in words,
// and whatever the order was the maps are those of one list, the floor stays and nothing is left over.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { floors, FOLDERS, view } from '../support/meaning.ts';
import { takeTree } from '../support/tree.ts';
import { Stage } from './scenarios.ts';
import { tally } from './tally.ts';

const all = process.env['RELAYMAP_CRASH'] === 'all';
const ROUNDS = all ? 100 : 25;

test('fetch, rollback, hold, resume, import, health and lookup, four at once', async () => {
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
    const commands: readonly (readonly string[])[] = [
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
    let waited = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const chosen = Array.from({ length: 4 }, () => ({
        args: commands[random(commands.length)] ?? [],
        after: random(120),
      }));
      const runs = chosen.map(async ({ args, after }) => {
        await sleep(after); // another order in each round; whichever it is, what follows holds
        const { status, stdout, stderr } = await gateway.run(args, { mayName: true });
        const said = stdout + stderr;
        if (said.includes('waiting for another run')) waited++;
        // HELD is a refusal, and so is a rollback that has nowhere to go.
        const could = status === 0 || (status === 1 && /HELD|no older version|WARNING/.test(said));
        return could ? [] : [`${args.join(' ')}: status ${status}: ${said}`];
      });
      const faults = (await Promise.all(runs)).flat();
      const tree = takeTree(gateway.dir, FOLDERS);
      const found = maps();
      seen.add(found);
      if (found !== first && found !== next) faults.push(`the maps are those of no list: ${found}`);
      if (floors(tree)?.['example-org'] !== 2) faults.push(`the floor is ${JSON.stringify(floors(tree))}`);
      if (gateway.strays().length > 0) faults.push(`left over: ${gateway.strays().join()}`);
      if (faults.length > 0) wrong.push(`round ${round}, ${chosen.map((c) => c.args[0]).join()}: ${faults.join('; ')}`);
    }
    tally('four commands at once', 'one bundle', ROUNDS, ROUNDS - wrong.length);
    expect(wrong).toEqual([]);
    expect(waited).toBeGreaterThan(ROUNDS / 5);
    expect(seen.size).toBe(2);
    await stage.each('resume');
    await stage.each('fetch');
    expect(maps()).toBe(next);
    expect((await gateway.run(['health', '--deep'])).status).toBe(0);
  } finally {
    await stage.close();
  }
});
