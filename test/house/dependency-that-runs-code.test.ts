// What is installed is what the lock file says, to the byte, and nothing of the gateway's tree runs code when it is
// installed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const json = (name: string): unknown =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8'));

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = json('package.json') as Record<'scripts' | 'dependencies' | 'devDependencies', Record<string, string>>;
const { packages } = json('package-lock.json') as { readonly packages: Record<string, Locked> };
const locked = Object.entries(packages).filter(([name]) => name !== '');

test('every version is an exact one, and the lock file has that one', () => {
  const named = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(named.filter(([, version]) => !/^[0-9]+\.[0-9]+\.[0-9]+$/.test(version))).toEqual([]);
  expect(named.filter(([name, version]) => packages[`node_modules/${name}`]?.version !== version)).toEqual([]);
});

test('every package in the lock file is known by its hash, and comes from no place that is written there', () => {
  expect(locked.length).toBeGreaterThan(50);
  expect(locked.filter(([, p]) => p.integrity?.startsWith('sha512-') !== true).map(([name]) => name)).toEqual([]);
  expect(locked.filter(([, p]) => p.resolved !== undefined).map(([name]) => name)).toEqual([]);
});

test('no install script in the gateway’s tree; of the tools esbuild alone has one, and works without', () => {
  const scripted = locked.filter(([, p]) => p.hasInstallScript === true);
  expect(scripted.filter(([, p]) => p.dev !== true)).toEqual([]);
  expect(scripted.map(([name]) => name)).toEqual(['node_modules/esbuild']);
  expect(
    Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare|publish|pack)$/.test(name)),
  ).toEqual([]);
});

test('the gateway’s tree stays small', () => {
  expect(locked.filter(([, p]) => p.dev !== true).length).toBeLessThan(40);
});
