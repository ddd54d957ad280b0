// state.json and the pending set: corrupt is never taken for absent (a fresh start would drop the rollback floor).
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bundleState,
  freshBundle,
  freshState,
  stateCorrupt,
  StateFiles,
  type GatewayState,
} from '../../src/gateway/record/state.ts';
import { Copies } from '../../src/gateway/record/copies.ts';
import { readStatus } from '../../src/gateway/health/status.ts';
import { ago, copy, digit } from './records.ts';

let dir: string;
let files: StateFiles;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-state-'));
  files = new StateFiles(dir);
  file = path.join(dir, 'state.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const full: GatewayState = {
  format: 1,
  bundles: {
    'example-org': {
      ...freshBundle(),
      installed: copy(3),
      waiting: copy(4),
      copies: [copy(1), copy(2)],
      floor: { version: 4, digest: digit(4) },
      seen: [{ version: 5, digest: digit(5) }],
      history: [],
      held: { version: 3, since: ago(1) },
      etags: { 'https://a.example/': { etag: 'W/"x"', digest: digit(3) } },
      distrusted: [digit(1)],
      ring: digit(9),
    },
  },
  maps: {
    inputs: digit(7),
    rows: 5,
    files: { 'relay_recipients.cdb': { sha256: digit(8), bytes: 1, mtimeMs: 1.5, ino: 2 } },
    hashed: { at: ago(1), ctimesMs: { 'relay_recipients.cdb': 1.5 } },
  },
  reloadPending: ago(2),
  reloadAsked: true,
};

test('absent is absent', () => {
  expect(files.read()).toEqual({ is: 'absent' });
  expect([files.readPending(), files.isPending()]).toEqual([null, false]);
  expect(new StateFiles(path.join(dir, 'nowhere')).read()).toEqual({ is: 'absent' });
});

test.each([full, freshState()])('what is written comes back', (state) => {
  files.write(state);
  expect(files.read()).toEqual({ is: 'whole', value: state });
  files.writePending(state);
  expect([files.readPending(), files.isPending()]).toEqual([state, true]);
  files.dropPending();
  expect([files.readPending(), files.isPending()]).toEqual([null, false]);
  expect(statSync(file).mode & 0o7777).toBe(0o640);
});

describe('corrupt', () => {
  const change = (path: string[], value: unknown): string => {
    const state = structuredClone(full) as unknown as Record<string, unknown>;
    let here = state;
    for (const step of path.slice(0, -1)) here = here[step] as Record<string, unknown>;
    here[path.at(-1) ?? ''] = value;
    return JSON.stringify(state);
  };
  const bundle = (key: string, value: unknown) => change(['bundles', 'example-org', key], value);
  test.each<[string, string]>([
    ['an empty file', ''],
    ['zeros', '\0'.repeat(500)],
    ['cut short', JSON.stringify(full).slice(0, -5)],
    ['JSON of something else', '{}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another format', change(['format'], 2)],
    ['no bundles', change(['bundles'], undefined)],
    ['a bundle that is null', change(['bundles', 'example-org'], null)],
    ['a floor with a negative version', bundle('floor', { version: -1, digest: digit(1) })],
    ['a floor with a version beyond 2^53', bundle('floor', { version: 2 ** 60, digest: digit(1) })],
    ['a floor without digest', bundle('floor', { version: 1 })],
    ['a digest that climbs', bundle('installed', copy(1, { digest: '../../etc/passwd' }))],
    ['a table that climbs', bundle('installed', copy(1, { table: `../${digit(1)}` }))],
    ['a time that is none', bundle('installed', copy(1, { since: 'yesterday' }))],
    ['a time cut short', bundle('installed', copy(1, { since: '2026-1:00Z' }))],
    ['no seen', bundle('seen', undefined)],
    ['maps without inputs', change(['maps', 'inputs'], undefined)],
  ])('%s', (_, content) => {
    writeFileSync(file, content);
    expect(files.read()).toEqual({ is: 'corrupt', why: expect.stringMatching(/./) });
  });

  /** Every member of the record, at any depth, by the names that lead there. */
  const members = (value: unknown, at: string[] = []): string[][] =>
    typeof value !== 'object' || value === null
      ? []
      : Object.keys(value).flatMap((key) => [
          [...at, key],
          ...members((value as Record<string, unknown>)[key], [...at, key]),
        ]);
  /** What no record need have: files of an earlier version lack it. */
  const OPTIONAL = [
    'reloadAsked',
    'settings',
    'hashed',
    'history',
    'hopHistory',
    'transport',
    'baselineGivenUp',
    'keyring',
  ];
  /** Names that stand for themselves: without one of them the record says less, and is whole. */
  const OPEN = [
    'bundles.example-org',
    'etags.https://a.example/',
    'files.relay_recipients.cdb',
    'ctimesMs.relay_recipients.cdb',
  ];

  test.each(members(full).map((names) => [names.join('.'), names] as const))(
    'without %s, or %s a list',
    (name, names) => {
      const needed = !OPTIONAL.includes(names.at(-1) ?? '') && !OPEN.some((open) => name.endsWith(open));
      // A list that lacks one is a shorter list; JSON has null in its place.
      for (const wrong of [undefined, ['a']]) {
        if (wrong === undefined && !needed) continue;
        writeFileSync(file, change(names, wrong));
        expect(files.read(), JSON.stringify(wrong)).toEqual({
          is: 'corrupt',
          why: expect.stringMatching(new RegExp(`^${name.replaceAll('.', '\\.')}.* is not valid$`)) as string,
        });
      }
    },
  );

  test.each<[string, string[], unknown]>([
    ['a count below nothing', ['bundles', 'example-org', 'deltaFailures'], -1],
    ['a count that is none', ['maps', 'rows'], 0.5],
    ['a digest in upper case', ['maps', 'inputs'], 'A'.repeat(64)],
    ['a digest with something before it', ['maps', 'inputs'], `a${digit(1)}`],
    ['a digest with something behind it', ['maps', 'inputs'], `${digit(1)}a`],
    ['a time that is none', ['reloadPending'], 'soon'],
  ])('%s', (_, names, value) => {
    writeFileSync(file, change(names, value));
    expect(files.read().is).toBe('corrupt');
  });

  test('is told by its place: the whole of it, or no JSON', () => {
    writeFileSync(file, '[]');
    expect(files.read()).toEqual({ is: 'corrupt', why: 'it is not valid' });
    writeFileSync(file, '{');
    expect(files.read()).toEqual({ is: 'corrupt', why: 'it is not JSON' });
  });

  test('what an earlier version did not write is filled in', () => {
    const { reloadAsked, ...rest } = full;
    const { settings, history, baselineGivenUp, ...bundle } = full.bundles['example-org'] ?? freshBundle();
    expect([reloadAsked, settings, history, baselineGivenUp]).toEqual([true, '', [], false]);
    writeFileSync(
      file,
      JSON.stringify({ ...rest, maps: { ...full.maps, hashed: undefined }, bundles: { 'example-org': bundle } }),
    );
    expect(files.read()).toEqual({
      is: 'whole',
      value: { ...full, maps: { ...full.maps, hashed: null }, reloadAsked: false },
    });
  });

  test('every cut of the file', () => {
    files.write(full);
    const whole = readFileSync(file);
    // The last byte is a line end, which JSON does not need.
    for (let length = 0; length < whole.length - 1; length += 7) {
      writeFileSync(file, whole.subarray(0, length));
      expect(files.read().is, String(length)).toBe('corrupt');
    }
  });

  test('any bytes at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json()), (content) => {
        writeFileSync(file, content);
        expect(files.read().is).toBe('corrupt');
      }),
    );
  });

  test('a name that would lead out of the folder', () => {
    const wrong = [
      { ...full, bundles: { '../..': Object.values(full.bundles)[0] } },
      {
        ...full,
        maps: { inputs: 'a'.repeat(64), rows: 1, files: { '../passwd': Object.values(full.maps?.files ?? {})[0] } },
      },
    ];
    for (const record of wrong) {
      writeFileSync(file, JSON.stringify(record));
      expect(files.read().is).toBe('corrupt');
    }
  });

  test('a folder in its place, or in that of state_dir', () => {
    mkdirSync(file);
    expect(files.read().is).toBe('corrupt');
    writeFileSync(path.join(dir, 'plain'), '');
    expect(new StateFiles(path.join(dir, 'plain')).read().is).toBe('corrupt');
  });

  test('a pending set was never promised: it counts for none and is dropped, the state stays', () => {
    files.write(full);
    writeFileSync(path.join(dir, 'pending.json'), '{"format": 1');
    const isThere = () => existsSync(path.join(dir, 'pending.json'));
    expect([files.isPending(), files.readPending(), isThere()]).toEqual([true, null, true]);
    files.removeUnfinished(); // which needs the lock; to read needs none, and changes nothing
    expect(isThere()).toBe(false);
    expect(files.read().is).toBe('whole');
  });

  test('is told with the way out', () => {
    expect(stateCorrupt('the state cannot be read')).toMatchObject({
      code: 'STATE_CORRUPT',
      message: expect.stringMatching(/^the state cannot be read\. .*relaymap fetch --rebuild-state$/),
    });
  });
});

test('before anything has happened nothing is installed, promised, asked for or distrusted', () => {
  expect(freshState()).toEqual({ format: 1, bundles: {}, maps: null, reloadPending: null, reloadAsked: false });
  expect(freshBundle()).toEqual({
    installed: null,
    waiting: null,
    copies: [],
    floor: null,
    seen: [],
    held: null,
    etags: {},
    unconditional: false,
    settings: '',
    history: [],
    hopHistory: [],
    baselineGivenUp: false,
    deltaFailures: 0,
    noDelta: false,
    ring: '',
    distrusted: [],
    keyring: { start: '', steps: [], askedAt: null, floor: null, floors: [] },
  });
});

test('what a killed run left of either file is taken away, and nothing else', () => {
  files.write(full);
  files.writePending(full);
  for (const name of ['.state.json.new', '.pending.json.new', '.status.json.new'])
    writeFileSync(path.join(dir, name), '');
  files.removeUnfinished();
  expect(readdirSync(dir).sort()).toEqual(['.status.json.new', 'pending.json', 'state.json']);
});

test('both files are for their owner and group alone; the record can be read by a person', () => {
  files.write(full);
  files.writePending(full);
  for (const name of ['state.json', 'pending.json']) expect(statSync(path.join(dir, name)).mode & 0o7777).toBe(0o640);
  const text = readFileSync(file, 'utf8');
  expect(text.split('\n').length).toBeGreaterThan(50);
  expect(text.endsWith('}\n')).toBe(true);
});

test("a bundle's part is made on first use, and is the same one after", () => {
  const state = freshState();
  const st = bundleState(state, 'x');
  st.noDelta = true;
  expect(bundleState(state, 'x')).toBe(st);
  // Names that every object has.
  expect(bundleState(state, 'constructor')).toEqual(freshBundle());
  expect(Object.keys(state.bundles)).toEqual(['x', 'constructor']);
});

test('a pipe in a record’s or an envelope’s place is not waited for: corrupt, not absent', () => {
  const ref = { version: 3, digest: digit(3) };
  const folder = path.join(dir, 'bundles', 'example-org');
  mkdirSync(folder, { recursive: true });
  for (const pipe of [file, path.join(dir, 'status.json'), path.join(folder, `3-${digit(3)}.json`)]) {
    execFileSync('mkfifo', [pipe]);
  }
  expect(files.read()).toEqual({ is: 'corrupt', why: expect.stringContaining('no regular file') as string });
  expect(readStatus(dir)).toEqual({ is: 'corrupt', why: expect.stringContaining('no regular file') as string });
  expect(new Copies(dir, 'example-org', null).envelope(ref)).toBeNull();
});
