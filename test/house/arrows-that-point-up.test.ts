// The house rules on files and imports: arrows point down only, no circle closes, no room is too full, and each
// power has one owner. Reads the source as text.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = path.join(root, 'src');

/** Which rooms a room may import, its own aside. */
const BELOW: Record<string, readonly string[]> = {
  bin: ['gateway', 'publisher', 'bundle', 'map', 'io', 'errors.ts'],
  gateway: ['bundle', 'map', 'io', 'errors.ts'],
  publisher: ['bundle', 'map', 'io', 'errors.ts'],
  map: ['bundle', 'errors.ts'],
  bundle: ['errors.ts'],
  io: ['errors.ts'],
  'errors.ts': [],
};

/** The floors of the gateway, the lowest first: a room imports its own files, those of lower floors, and no others. */
const FLOORS = [
  ['mta', 'keys', 'say'],
  ['record'],
  ['maps'],
  ['fetch', 'health', 'lookup', 'stale'],
  ['cycle', 'check'],
  ['daemon', 'init'],
];

/** What only some files may import. */
const OWNERS: Record<string, RegExp> = {
  aws4fetch: /^publisher\/repository\/s3\/client\.ts$/,
  undici: /^io\/http\.ts$/,
  tweetnacl: /^bundle\/trust\/ed25519\.ts$/,
  commander: /^bin\//,
  ldapts: /^publisher\/sources\/ldap\/(ldap|connection|page)\.ts$/,
  send: /^publisher\/serve\/answer\.ts$/,
  pg: /^publisher\/sources\/sql\/postgres\.ts$/,
  'pg-cursor': /^publisher\/sources\/sql\/postgres\.ts$/,
  mysql2: /^publisher\/sources\/sql\/mysql\.ts$/,
  'smol-toml': /^io\/config-file\.ts$/,
  'node:dns': /^io\/net\/(resolve-name|mail-names)\.ts$/,
  'node-cron': /^gateway\/daemon\/schedule\.ts$/,
  'node:child_process':
    /^(bin\/start-again|bin\/publisher\/next-publish|io\/(lock|scratch-file)|gateway\/daemon\/(cycle-child|systemd-notify)|gateway\/mta\/.*|publisher\/(keys\/command-signer|sources\/.*))\.ts$/,
};

/** Of node, the pure rooms may use hashing and inflating alone. */
const PURE = ['node:crypto', 'node:zlib'];

/** Words that stand for a power, and where they may be written. */
const POWERS: readonly [RegExp, RegExp][] = [
  [/\bprocess\.(exit|exitCode|argv)\b/, /^bin\//],
  [
    /\b(Date\.now\(\)|new Date\(\)|Math\.random\(|performance\.now\(|randomBytes\(|randomFillSync\()/,
    /^(bin\/|gateway\/daemon\/daemon\.ts)/,
  ],
  [/\bconsole\.|process\.stderr|writeSync\(2\b/, /^io\/log\.ts$/],
  [/\b(writeFileSync|appendFileSync|renameSync|createWriteStream|linkSync|symlinkSync)\b/, /^io\/atomic-file\.ts$/],
];

interface Import {
  readonly file: string;
  readonly target: string;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const textOf = (file: string): string => readFileSync(path.join(source, file), 'utf8');
const code = (file: string): string => textOf(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
const imports: Import[] = files.flatMap((file) =>
  [...textOf(file).matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)'([^']+)'/gm)].map(([, target = '']) => ({
    file,
    target,
  })),
);

/** The file that an import leads to, below src; null for a package or node. */
const inside = ({ file, target }: Import): string | null =>
  target.startsWith('.') ? path.relative(source, path.resolve(source, path.dirname(file), target)) : null;

/** The rooms of both ends of an import that stays in the house; null for a package or node. */
function rooms(each: Import): { readonly from: string; readonly to: string } | null {
  const to = inside(each);
  const room = (name: string) => name.split(path.sep)[0] ?? '';
  return to === null ? null : { from: room(each.file), to: room(to) };
}

/**
 * The floor of a file of the gateway; -1 for those that stand beside the rooms and below them all; null outside the
 * gateway.
 */
function floor(file: string): { readonly room: string; readonly level: number } | null {
  const [part, room = '', further] = file.split(path.sep);
  if (part !== 'gateway') return null;
  if (further === undefined) return { room: '', level: -1 };
  return { room, level: FLOORS.findIndex((each) => each.includes(room)) };
}

test('the source has imports to look at', () => {
  expect(files.length).toBeGreaterThan(40);
  expect(imports.length).toBeGreaterThan(150);
});

test('no arrow points up or sideways', () => {
  const wrong = imports.filter((each) => {
    const ends = rooms(each);
    return ends !== null && ends.from !== ends.to && !(BELOW[ends.from] ?? []).includes(ends.to);
  });
  expect(wrong).toEqual([]);
});

test('inside the gateway no arrow points to the same floor or a higher one', () => {
  const rooms = new Set(files.map(floor).flatMap((each) => (each === null || each.room === '' ? [] : [each.room])));
  expect([...rooms].filter((room) => !FLOORS.flat().includes(room))).toEqual([]);
  const wrong = imports.filter((each) => {
    const [from, to] = [floor(each.file), floor(inside(each) ?? '')];
    return from !== null && to !== null && from.room !== to.room && from.level <= to.level;
  });
  expect(wrong).toEqual([]);
});

test('no circle of files', () => {
  const below = new Map(
    files.map((file) => [
      file,
      imports.flatMap((each) => {
        const to = each.file === file ? inside(each) : null;
        return to === null ? [] : [to];
      }),
    ]),
  );
  expect(circleIn(below)).toEqual([]);
  expect(circleIn(new Map([...below, ['errors.ts', ['bin/relaymap.ts']]])).length).toBeGreaterThan(1);
});

/** The files of one circle in their order; empty where there is none. */
function circleIn(below: ReadonlyMap<string, readonly string[]>): string[] {
  const finished = new Set<string>();
  const visit = (file: string, way: readonly string[]): string[] => {
    if (way.includes(file)) return way.slice(way.indexOf(file));
    if (finished.has(file)) return [];
    for (const next of below.get(file) ?? []) {
      const circle = visit(next, [...way, file]);
      if (circle.length > 0) return circle;
    }
    finished.add(file);
    return [];
  };
  for (const file of below.keys()) {
    const circle = visit(file, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

test('no folder has more than sixteen files', () => {
  const folders = new Map<string, string[]>();
  for (const file of files) folders.set(path.dirname(file), [...(folders.get(path.dirname(file)) ?? []), file]);
  expect([...folders].filter(([, inFolder]) => inFolder.length > 16).map(([folder]) => folder)).toEqual([]);
});

test('bundle and map import nothing that touches the world', () => {
  const outside = imports.filter(({ file, target }) => /^(bundle|map)\//.test(file) && target.startsWith('node:'));
  expect(outside.filter(({ target }) => !PURE.includes(target))).toEqual([]);
  for (const file of files.filter((name) => /^(bundle|map)\//.test(name))) {
    expect(code(file), file).not.toMatch(/\b(process|setTimeout|setInterval|fetch)\b[.(]/);
  }
});

test('every command under which a list is read seeds its hash tables', () => {
  const NO_LIST = 'bin/gateway/record-failure.ts'; // takes from the cycle the report of a failure alone
  const leads = (file: string, to: RegExp) => imports.some((each) => each.file === file && to.test(inside(each) ?? ''));
  const LISTS =
    /^gateway\/(cycle\/(cycle|poll|rollback)|daemon\/daemon|fetch\/inspect)\.ts$|^publisher\/(publish|explain|watch\/watch)\.ts$/;
  const reading = files.filter((file) => file.startsWith('bin/') && file !== NO_LIST && leads(file, LISTS));
  expect(reading.length).toBeGreaterThan(6);
  expect(reading.filter((file) => !leads(file, /^bin\/seed-hashes\.ts$/))).toEqual([]);
});

describe.each(Object.entries(OWNERS))('%s', (target, owner) => {
  test('is imported by its owner alone', () => {
    const users = imports.filter((each) => each.target === target || each.target.startsWith(`${target}/`));
    expect(users.filter(({ file }) => !owner.test(file))).toEqual([]);
  });
});

test.each(POWERS)('%s only in %s', (word, owner) => {
  expect(files.filter((file) => word.test(code(file)) && !owner.test(file))).toEqual([]);
});

test('every package that is imported is a dependency, and the lock file names no download address', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    dependencies: object;
    devDependencies: object;
  };
  const packages = imports.filter(({ target }) => !/^[.]|^node:/.test(target));
  // All is bundled. What only sources and buckets need is no dependency of the package: who installs it on a gateway
  // gets no driver.
  const unnamed = packages.filter(({ file, target }) => {
    const name = target.split('/')[0] ?? '';
    const driver = /^publisher\/(sources|repository\/s3)\//.test(file) && Object.hasOwn(devDependencies, name);
    return !driver && !Object.hasOwn(dependencies, name);
  });
  expect(unnamed).toEqual([]);
  expect(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
});
