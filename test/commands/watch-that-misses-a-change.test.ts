// `relaymap-publish watch`: whatever way a list is changed it is published within two seconds; a failure is told
// once and retried.
// Covers src/publisher/watch, src/bin/publisher/watch-command.ts
import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, finished, people, type Setup } from '../publisher/central.ts';
import type { Finished } from '../support/finished.ts';
import { median, seconds, slowness } from '../support/pace.ts';
import { until } from '../support/postfix.ts';

const HUNDRED = people(100);
/** From a change to the manifest: two seconds are promised, a machine that has other things to do may take longer. */
const SECONDS = 60;
/** What is promised, and as much again, for the one in the middle of all that were changed by the ways below. */
const PROMISED = 4;
/** Seconds that a publish by hand takes on a machine that has nothing else to do, and as much again. */
const BY_HAND = 0.5;
const taken: number[] = [];
const byHand: number[] = [];
afterAll(() => {
  if (taken.length > 0) expect(median(taken)).toBeLessThan(PROMISED * slowness(byHand, BY_HAND));
});

class Watching {
  readonly central: Central;
  readonly #child: ChildProcess;
  readonly #end: Promise<Finished>;
  stderr = '';

  constructor(central: Central) {
    this.central = central;
    this.#child = central.start(['watch']);
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#end = finished(this.#child);
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  /** A list of a hundred is published, and watched. */
  static async begin(setup: Setup = {}, prepare: (central: Central) => void = () => undefined): Promise<Watching> {
    const central = new Central({ policy: 'postmaster = false', ...setup });
    central.rows(HUNDRED);
    prepare(central);
    const watching = new Watching(central);
    await watching.says(/published version 1 /);
    central.published();
    return watching;
  }

  async says(words: RegExp): Promise<string> {
    return await until(`${words} in:\n${this.stderr}`, () => words.exec(this.stderr)?.[0], SECONDS);
  }

  count(words: RegExp): number {
    return this.stderr.split('\n').filter((line) => words.test(line)).length;
  }

  /** Waits for the version; gives the seconds that it took. */
  async version(version: number): Promise<number> {
    return await seconds(async () => {
      await this.says(new RegExp(`(published|renewed as) version ${version} `));
      expect(this.central.published().manifest.version).toBe(version);
    });
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.#child.kill(signal);
    return await this.#end;
  }
}

const more = (count: number): string[] => [...HUNDRED, ...people(count, 1000)];
const lines = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');

describe('a change is published', () => {
  const ways: [string, (source: string, text: string, dir: string) => void][] = [
    ['written in place', (source, text) => writeFileSync(source, text)],
    [
      'renamed into place',
      (source, text) => (writeFileSync(`${source}.new`, text), renameSync(`${source}.new`, source)),
    ],
    ['gone for a moment', (source, text) => (rmSync(source), writeFileSync(source, text))],
    ['fed by rsync', (source, text, dir) => fed(source, text, dir, [])],
    ['fed by rsync, in place', (source, text, dir) => fed(source, text, dir, ['--inplace'])],
  ];
  test.each(ways)('%s', async (_, change) => {
    const watching = await Watching.begin();
    const { central } = watching;
    for (const version of [2, 3]) {
      change(central.source, lines(more(version)), central.dir);
      taken.push(await watching.version(version));
      expect(central.published().rows).toHaveLength(100 + version);
    }
    const end = await watching.end();
    expect([end.status, end.stdout]).toEqual([0, '']);
    expect(watching.count(/./)).toBe(4); // watching, and one sentence for each version
    central.rows(more(4));
    byHand.push(await seconds(() => central.publish()));
  });

  function fed(source: string, text: string, dir: string, options: string[]): void {
    const from = `${dir}/from`;
    mkdirSync(from, { recursive: true });
    writeFileSync(`${from}/recipients`, text);
    execFileSync('rsync', ['-a', ...options, `${from}/`, source.replace(/recipients$/, '')]);
  }

  test('in a folder that is removed and made anew', async () => {
    const watching = await Watching.begin({}, (central) => inFolder(central, 'lists'));
    const { central } = watching;
    rmSync(central.at('lists'), { recursive: true });
    mkdirSync(central.at('lists'));
    writeFileSync(central.at('lists', 'recipients'), lines(more(1)));
    await watching.version(2);
    // The new folder is watched as well, whichever way it came.
    await delay(1500);
    writeFileSync(central.at('lists', 'recipients'), lines(more(2)));
    await watching.version(3);
  });

  test('by a link that is switched to another folder', async () => {
    const watching = await Watching.begin({}, (central) => {
      for (const [i, name] of ['v1', 'v2'].entries()) {
        mkdirSync(central.at(name));
        writeFileSync(central.at(name, 'recipients'), lines(more(i)));
      }
      symlinkSync('v1', central.at('lists'));
      pointTo(central, 'lists');
    });
    const { central } = watching;
    symlinkSync('v2', central.at('next'));
    renameSync(central.at('next'), central.at('lists'));
    await watching.version(2);
    expect(central.published().rows).toHaveLength(101);
  });

  test('of a command, at the next poll', async () => {
    const further = (central: Central) =>
      `[[source]]\ntype = "command"\nargv = ["cat", ${JSON.stringify(central.at('more'))}]\n[watch]\ninterval = "1s"`;
    const watching = await Watching.begin({}, (central) => {
      writeFileSync(central.at('more'), 'x1@example.org\n');
      central.configure({ policy: 'postmaster = false', further: further(central) });
    });
    writeFileSync(watching.central.at('more'), 'x1@example.org\nx2@example.org\n');
    await watching.version(2);
    expect(watching.central.published().rows).toContain('x2@example.org');
  });

  test('many in a row end as few versions, and the last one counts', async () => {
    const watching = await Watching.begin({ top: 'keep_deltas = 0' });
    const from = performance.now();
    for (let i = 1; i <= 40; i++) {
      writeFileSync(watching.central.source, lines(more(i)));
      await delay(25);
    }
    const halfSeconds = (performance.now() - from) / 500; // a file that rests for one of them is read: debounce
    const { central } = watching;
    await until('the last list', () => central.published().rows.length === 140, SECONDS);
    expect(central.published().manifest.version).toBeLessThan(4 + halfSeconds);
  });
});

function inFolder(central: Central, name: string): void {
  mkdirSync(central.at(name));
  writeFileSync(central.at(name, 'recipients'), lines(HUNDRED));
  pointTo(central, name);
}

function pointTo(central: Central, name: string): void {
  const text = readFileSync(central.config, 'utf8');
  writeFileSync(central.config, text.replace(central.source, central.at(name, 'recipients')));
}

describe('what fails is told once, tried again, and nothing is written', () => {
  const further = '[watch]\ninterval = "1s"';

  test('a list that is gone', async () => {
    const watching = await Watching.begin({ further });
    const { central } = watching;
    const before = central.snapshot();
    rmSync(central.source);
    await watching.says(/error: .*ENOENT.*; version 1 stays published, and it is tried again\n/);
    await delay(3500); // several tries
    expect(watching.count(/error/)).toBe(1);
    expect(central.snapshot()).toEqual(before);
    central.rows(HUNDRED);
    await watching.says(/version 1 is current/);
    central.rows(more(1));
    await watching.version(2);
  });

  test('a list of which too much is gone: until somebody allows it', async () => {
    const watching = await Watching.begin({ further });
    const { central } = watching;
    const before = central.snapshot();
    central.rows(HUNDRED.slice(0, 20));
    await watching.says(/error: example-org: SHRUNK: .*; version 1 stays published/);
    await delay(2500);
    expect(watching.count(/error/)).toBe(1);
    expect(central.snapshot()).toEqual(before);
    expect((await central.publish('--allow-shrink')).rows).toHaveLength(20);
    await watching.says(/version 2 is current \(20 rows/);
    expect(watching.count(/error/)).toBe(1);
  });

  test('twenty lines that are no addresses are one sentence', async () => {
    const watching = await Watching.begin({ further });
    watching.central.rows([...HUNDRED, ...Array.from({ length: 30 }, (_, i) => `bad ${i}`)]);
    await watching.says(
      /error: example-org: INVALID_ENTRY: the list, line 101: the entry has no @ \(and 19 more\); version 1 stays/,
    );
    expect(watching.count(/./)).toBe(3);
  });

  test('a configuration or key that cannot be used ends it at once', async () => {
    const central = new Central();
    central.rows(HUNDRED);
    central.configure({ further: '[watch]\nintervall = "1s"' });
    expect(await central.run(['watch'])).toMatchObject({ status: 2, stdout: '' });
    central.configure({});
    rmSync(central.keyFile(0));
    const run = await central.run(['watch']);
    expect([run.status, run.stderr]).toEqual([2, expect.stringMatching(/^error: KEY: /)]);
  });
});

test('it renews in time, and never lets a manifest expire', async () => {
  const watching = await Watching.begin({ top: 'valid_for = "16s"' });
  const { central } = watching;
  let worst = Number.POSITIVE_INFINITY;
  while (central.published().manifest.version < 3) {
    worst = Math.min(worst, Date.parse(central.published().manifest.expires) - Date.now());
    await delay(100);
  }
  expect(worst).toBeGreaterThan(0);
  expect(watching.count(/renewed as version 2 \(100 rows in 1 domain, the same list\)/)).toBe(1);
});

test('never two publishes at once, however long one takes', async () => {
  const script = (central: Central) =>
    `echo begin >>'${central.at('runs')}'; cat '${central.at('more')}'; sleep 0.7; echo end >>'${central.at('runs')}'`;
  const watching = await Watching.begin({}, (central) => {
    writeFileSync(central.at('more'), 'x@example.org\n');
    const source = `[[source]]\ntype = "command"\nname = "slow"\nargv = ["sh", "-c", ${JSON.stringify(script(central))}]\n`;
    central.configure({
      top: 'keep_deltas = 0',
      policy: 'postmaster = false',
      further: `${source}[watch]\ninterval = "1s"\ndebounce = "50ms"`,
    });
  });
  const { central } = watching;
  for (let i = 1; i <= 30; i++) {
    appendFileSync(central.source, `late${i}@example.org\n`);
    await delay(100);
  }
  await until('the last', () => central.published().rows.includes('late30@example.org'));
  await watching.end();
  const runs = readFileSync(central.at('runs'), 'utf8').trim().split('\n');
  expect(runs.length).toBeGreaterThan(5);
  for (const [i, word] of runs.entries()) expect(word).toBe(i % 2 === 0 ? 'begin' : 'end');
});

describe('SIGTERM', () => {
  test('ends it at once, with status 0', async () => {
    const watching = await Watching.begin();
    const from = performance.now();
    expect((await watching.end()).status).toBe(0);
    expect(performance.now() - from).toBeLessThan(30_000);
    watching.central.published();
  });

  test('ends it even while a source does not answer, and what is published is whole', async () => {
    const watching = await Watching.begin({}, (central) => {
      const script = `test -e '${central.at('wait')}' && : >'${central.at('asked')}' && exec sleep 600; echo x@example.org`;
      const source = `[[source]]\ntype = "command"\nargv = ["sh", "-c", ${JSON.stringify(script)}]\n`;
      central.configure({ policy: 'postmaster = false', further: source });
    });
    const { central } = watching;
    writeFileSync(central.at('wait'), '');
    const before = central.snapshot();
    central.rows(more(5));
    await until('the command is under way', () => existsSync(central.at('asked')));
    const from = performance.now();
    expect((await watching.end('SIGINT')).status).toBe(0);
    expect(performance.now() - from).toBeLessThan(60_000);
    expect(central.snapshot()).toEqual(before);
  });
});
