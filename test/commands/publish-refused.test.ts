// Whatever makes relaymap-publish refuse: the exit status, words that say how to go on, and not a byte written.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Central, COMMAND, finished, people, type Setup, type Snapshot } from '../publisher/central.ts';

async function published(rows: readonly string[] = people(300), setup: Setup = {}): Promise<Central> {
  const central = new Central(setup);
  central.rows(rows);
  await central.publish();
  return central;
}

const many = (domains: number, each = 5): string[] =>
  Array.from({ length: domains * each }, (_, i) => `m${i}@d${i % domains}.example`);

describe('a source that fails, ends early or gives nothing', () => {
  test.each([
    ['an empty file', (c: Central) => c.list(''), /the list/, 2],
    ['comments only', (c: Central) => c.list('# nothing\n\n'), /the list/, 2],
    ['a file that is gone', (c: Central) => rmSync(c.source), /the list/, 2],
    ['a folder', (c: Central) => [rmSync(c.source), mkdirSync(c.source)], /the list/, 2],
    ['an entry that is none', (c: Central) => c.rows([...people(301), 'broken']), /the list, line 302/, 1],
    [
      'a Latin-1 file',
      (c: Central) => c.list(Buffer.from('ok@example.org\nm\u00fcller@example.org\n', 'latin1')),
      /line 2.*UTF-8/,
      2,
    ],
    ['a no-break space', (c: Central) => c.rows([...people(300), 'a@example.org\u00a0OK']), /line 301.*white space/, 1],
  ])('%s: nothing written', async (_, spoil, words, status) => {
    const central = await published();
    spoil(central);
    await central.refused(status, words);
    expect(central.published().manifest.version).toBe(1);
  });

  test('no option lets it pass', async () => {
    const central = await published();
    central.list('# nothing\n');
    for (const args of [['--allow-shrink'], ['--next-version', '9'], ['--dry-run']]) {
      await central.refused(2, /the list/, ...args);
    }
  });

  test('at the first publish not even the output folder is made', async () => {
    const central = new Central();
    central.list('');
    await central.refused(2, /the list/);
    expect(existsSync(central.output)).toBe(false);
  });

  test('one of two is enough', async () => {
    const central = await published();
    central.configure({
      further: `[[source]]\ntype = "file"\nname = "branch"\npath = ${JSON.stringify(central.at('b'))}\n`,
    });
    writeFileSync(central.at('b'), '');
    await central.refused(2, /branch/);
  });

  test('control characters of a source do not reach the terminal', async () => {
    const central = await published();
    central.rows([...people(300), 'x\u001b[2J\u0007@example.org', '\u202eevil']);
    const { stderr } = await central.refused(1, /line 301/);
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe('the guard', () => {
  test('ten rows are free, whatever the percentage; eleven are not', async () => {
    const central = await published(people(20), { policy: 'postmaster = false\nmax_shrink_percent = 0' });
    central.rows(people(9));
    await central.refused(1, /11 of the 20 rows/);
    central.rows(people(10));
    expect((await central.publish()).rows).toHaveLength(10);
  });

  test('so many per cent are free, one row more is not; a row that is replaced is a row gone', async () => {
    const central = await published(people(200), { policy: 'postmaster = false\nmax_shrink_percent = 10' });
    central.rows(people(200, 21));
    await central.refused(1, /21 of the 200 rows.*--dry-run.*--allow-shrink/);
    central.rows(people(180));
    await central.publish();
  });

  test('one domain is free, two are not, though their rows are few', async () => {
    const central = await published([...people(500), 'a@x.example', 'a@y.example'], { policy: 'postmaster = false' });
    central.rows(people(500));
    await central.refused(1, /2 of the 3 domains/);
    central.rows([...people(500), 'a@y.example']);
    await central.publish();
  });

  test('--allow-shrink lifts it, and the next shrinking is refused again', async () => {
    const central = await published(many(30));
    central.rows(many(10));
    await central.refused(1, /SHRUNK/);
    await central.publish('--allow-shrink');
    central.rows(many(5));
    await central.refused(1, /SHRUNK/);
  });

  test('killed in between, or not: a refusal leaves no leave behind', async () => {
    const central = await published(people(300));
    central.rows(people(10));
    for (let i = 0; i < 3; i++) await central.refused(1, /SHRUNK/);
    const { manifest } = central.published();
    expect([manifest.version, manifest.shrinkApproved]).toEqual([1, undefined]);
  });
});

describe('--dry-run', () => {
  test('tells the rows, the whole domains and what the guard would say, and writes nothing', async () => {
    const central = await published(many(20, 4));
    central.rows([...many(20, 4).filter((row) => !/@d(1|2|3)\.example/.test(row)), 'new@new.example']);
    const before = central.snapshot();
    const run = await central.run(['publish', '--dry-run']);
    expect([run.status, run.stderr]).toEqual([0, '']);
    const lines = run.stdout.split('\n');
    expect(lines.filter((line) => line.startsWith('-'))).toHaveLength(15);
    expect(lines.filter((line) => line.startsWith('+'))).toEqual(['+new@new.example', '+postmaster@new.example']);
    for (const domain of ['d1', 'd2', 'd3'])
      expect(run.stdout).toContain(`the whole domain ${domain}.example would go`);
    expect(run.stdout).not.toContain('d4.example');
    expect(run.stdout).toContain('new.example would come');
    expect(run.stdout).toMatch(/the guard would refuse it: 15 of the 100 rows/);
    expect(central.snapshot()).toEqual(before);
    const json = JSON.parse((await central.run(['publish', '--dry-run', '--json'])).stdout) as {
      outcome: string;
      difference: { added: number; removed: number; refusal: string | null };
    };
    expect([json.outcome, json.difference.added, json.difference.removed]).toEqual(['dry-run', 2, 15]);
    expect(json.difference.refusal).toMatch(/15 of the 100/);
    const allowed = await central.run(['publish', '--dry-run', '--allow-shrink']);
    expect(allowed.stdout).not.toContain('would refuse');
    expect(central.snapshot()).toEqual(before);
  });

  test('before the first publish it makes no folder and no lock', async () => {
    const central = new Central();
    central.rows(['a@example.org']);
    const names = readdirSync(central.dir).sort();
    const run = await central.run(['publish', '--dry-run']);
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toContain('+a@example.org\n+postmaster@example.org\n');
    expect(readdirSync(central.dir).sort()).toEqual(names);
  });

  test('nothing would change: it says so', async () => {
    const central = await published(['a@example.org']);
    const run = await central.run(['publish', '--dry-run']);
    expect([run.status, run.stdout]).toEqual([0, expect.stringMatching(/0 would come, 0 would go/) as string]);
  });

  test('a million lines of difference are counted, not printed', async () => {
    const central = new Central();
    central.rows(people(20_000));
    const run = await central.run(['publish', '--dry-run']);
    expect(run.stdout.length).toBeLessThan(60_000);
    expect(run.stdout).toMatch(/and 19001 more/);
  });
});

/** The line to type that a message gives. */
function lineToType(stderr: string): string[] {
  const found = /relaymap-publish (publish(?: --?[\w-]+(?: \d+)?)+)/.exec(stderr)?.[1] ?? '';
  expect(found, stderr).not.toBe('');
  return found.split(' ').slice(1);
}

describe('output and state that do not belong together', () => {
  test('the output is empty, the state is not: exit 2, and the line to type works', async () => {
    const central = await published();
    central.rows(people(301));
    await central.publish();
    rmSync(central.output, { recursive: true });
    const { stderr } = await central.refused(2, /version 2.*no manifest\.json/);
    const { manifest } = await central.publish(...lineToType(stderr));
    expect(manifest.version).toBe(3);
    central.rows(people(302));
    expect((await central.publish()).manifest.version).toBe(4);
  });

  test('the state is empty, the output is not: exit 2, and the line to type works', async () => {
    const central = await published();
    rmSync(central.stateDir, { recursive: true });
    const { stderr } = await central.refused(2, /version 1/);
    central.rows(people(301));
    expect((await central.publish(...lineToType(stderr))).manifest.version).toBe(2);
  });

  test('after a lost state the guard still stands', async () => {
    const central = await published();
    rmSync(central.stateDir, { recursive: true });
    central.rows(people(100));
    const run = await central.run(['publish', '--next-version', '2']);
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('200 of the 301 rows') as string]);
    expect(central.published().manifest.version).toBe(1);
  });

  test('an older backup of the state: the version on the air is not signed again', async () => {
    const central = await published();
    cpSync(central.stateDir, central.at('backup'), { recursive: true });
    for (const count of [301, 302]) {
      central.rows(people(count));
      await central.publish();
    }
    rmSync(central.stateDir, { recursive: true });
    renameSync(central.at('backup'), central.stateDir);
    central.rows(people(303));
    const { stderr } = await central.refused(2, /version 3/);
    expect((await central.publish(...lineToType(stderr))).manifest.version).toBe(4);
  });

  test('an older backup of the output, with the list of today: it is not left there as unchanged', async () => {
    const central = await published();
    cpSync(central.output, central.at('backup'), { recursive: true });
    central.rows(people(301));
    await central.publish();
    rmSync(central.output, { recursive: true });
    renameSync(central.at('backup'), central.output);
    central.rows(people(300));
    // The gateways have version 2 and refuse version 1 as a rollback.
    expect((await central.publish()).manifest.version).toBe(3);
  });

  test.each(['', 'null', '{"format": 2, "name": "example-org"}', '\u0000'.repeat(400)])(
    'a state.json that is damaged (%j) is not taken for none',
    async (text) => {
      const central = await published();
      const file = path.join(central.stateDir, 'state.json');
      const good = central.state();
      writeFileSync(file, text);
      central.rows(people(301));
      await central.refused(2, /state\.json.*--next-version/);
      // What it says helps.
      renameSync(file, `${file}.bad`);
      await central.refused(2, /--next-version 2/);
      expect((await central.publish('--next-version', '2')).manifest.version).toBe(2);
      expect(good['name']).toBe('example-org');
    },
  );

  test('a manifest.json that is damaged is not taken for none', async () => {
    const central = await published();
    const file = path.join(central.output, 'manifest.json');
    writeFileSync(file, '{}');
    await central.refused(2, /manifest\.json.*--next-version/);
    rmSync(file);
    await central.refused(2, /--next-version 2/);
    expect((await central.publish('--next-version', '2')).manifest.version).toBe(2);
  });

  test('a state or an output of another bundle', async () => {
    const central = await published();
    central.configure({ top: 'name = "other-org"' });
    await central.refused(2, /"example-org".*"other-org"/);
    await central.refused(2, /"example-org".*"other-org"/, '--next-version', '7');
    const moved = central.at('elsewhere');
    central.configure({ top: `name = "other-org"\nstate_dir = ${JSON.stringify(moved)}` });
    await central.refused(2, /"example-org".*"other-org"/, '--next-version', '7');
  });
});

describe('what cannot be written', () => {
  /** Root may write anywhere: another user may not. */
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

  test('the output folder: exit 2, its name, no stack, and the old list stays', async () => {
    const central = await published();
    const giveAway = (folder: string) => {
      for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
        chownSync(path.join(folder, name), 65_534, 65_534);
      }
    };
    giveAway(central.stateDir);
    chownSync(central.keyFile(0), 65_534, 65_534);
    central.rows(people(301));
    // Readable, not writable.
    for (const name of ['', 'recipients']) chmodSync(path.join(central.output, name), 0o755);
    const before = central.snapshot();
    const run = await central.run(['publish'], nobody);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toContain(central.output);
    expect(run.stderr).toMatch(/permission denied/i);
    expect(run.stderr).not.toContain('INTERNAL');
    expect(central.snapshot()).toEqual(before);
    // Started as root it becomes the owner of its state, and is refused in the same way.
    expect((await central.run(['publish'])).stderr).toMatch(/permission denied/i);
    expect(central.snapshot()).toEqual(before);
    giveAway(central.output);
    expect((await central.publish()).manifest.version).toBe(2);
  });

  test('an output that is a file, a state that is a file', async () => {
    const central = new Central();
    central.rows(['a@example.org']);
    writeFileSync(central.output, '');
    for (const top of ['', `state_dir = ${JSON.stringify(path.join(central.output, 'state'))}`]) {
      central.configure({ top });
      const run = await central.run(['publish']);
      expect([run.status, run.stdout]).toEqual([2, '']);
      expect(run.stderr).toContain(central.output);
      expect(run.stderr).not.toContain('INTERNAL');
    }
  });

  test('the state folder', async () => {
    const central = await published();
    chmodSync(central.stateDir, 0o755);
    chownSync(central.keyFile(0), 65_534, 65_534);
    const run = await central.run(['publish'], nobody);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toContain(central.stateDir);
    expect(run.stderr).not.toContain('INTERNAL');
  });

  test('a disk that is full: exit 2, NO_SPACE, the old list stays and nothing is left lying about', async () => {
    const central = await published(people(100));
    renameSync(central.output, central.at('before'));
    mkdirSync(central.output);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=755', 'none', central.output]);
    expect(mounted.status).toBe(0);
    try {
      cpSync(central.at('before'), central.output, { recursive: true, preserveTimestamps: true });
      central.rows(people(20_000));
      const before = central.snapshot();
      const run = await central.run(['publish']);
      expect([run.status, run.stdout]).toEqual([2, '']);
      expect(run.stderr).toMatch(/NO_SPACE.*no space left/);
      const folders = /^(output|output\/recipients|state\/tables) |^state\/tables$/;
      const content = (snapshot: Snapshot) => Object.entries(snapshot).filter(([name]) => !folders.test(`${name} `));
      expect(content(central.snapshot())).toEqual(content(before));
      expect(central.published().manifest.version).toBe(1);
    } finally {
      spawnSync('umount', [central.output]);
    }
  });

  test('a signing key that others can read, or that is a FIFO', async () => {
    const central = await published();
    chmodSync(central.keyFile(0), 0o644);
    central.rows(people(301));
    await central.refused(2, /chmod 0600/);
    rmSync(central.keyFile(0));
    spawnSync('mkfifo', ['-m', '600', central.keyFile(0)]);
    const run = await central.run(['publish'], ['timeout', '120']);
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(central.keyFile(0)) as string]);
  });

  test('a file where the tables should be: OUTPUT, and the file stays', async () => {
    const central = new Central();
    central.rows(people(3));
    mkdirSync(central.output);
    writeFileSync(`${central.output}/recipients`, 'somebody’s work');
    const run = await central.run(['publish']);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/^error: OUTPUT: .*recipients/);
    expect(readFileSync(`${central.output}/recipients`, 'utf8')).toBe('somebody’s work');
  });

  test('an answer that cannot be written: no stack', async () => {
    const central = await published();
    const line = [process.execPath, COMMAND, 'publish', '--dry-run', '--config', central.config];
    const run = await finished(
      spawn('/bin/sh', ['-c', '"$@" >/dev/full', 'sh', ...line], { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    expect(run.status).not.toBe(0);
  });
});

test('a command line that is wrong: exit 2, and the nearest option', async () => {
  const central = await published();
  await central.refused(2, /did you mean --json/i, '--jsn');
  // Never one that changes something.
  expect((await central.refused(2, /unknown option/, '--allow-shrnk')).stderr).not.toContain('--allow-shrink');
  await central.refused(2, /unknown|excess|too many/i, 'extra');
});
