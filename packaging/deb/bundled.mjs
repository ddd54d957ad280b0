// What a package really contains: the files of dist/ that its entries load, and the npm packages that esbuild
// bundled into them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

const byName = (a, b) => (a < b ? -1 : Number(a > b));

async function inputsOf(entryPoints) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'never-written',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    external: ['supports-color'], // as in build.mjs
  });
  return Object.keys(metafile.inputs);
}

/** @returns the built files that these entries load, at once or later: relative to dist/, sorted. */
export async function builtFiles(entries) {
  const files = await inputsOf(entries.map((entry) => `dist/${entry}`));
  return files.map((file) => path.posix.relative('dist', file)).sort(byName);
}

/**
 * The npm packages bundled from these entries of src/, as in the lock file, sorted by name.
 * @returns {Promise<{name: string, version: string, license: string, integrity: string, resolved: string, folder:
 *   string}[]>}
 */
export async function bundledPackages(entries) {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const folders = new Set();
  for (const input of await inputsOf(entries.map((entry) => `src/${entry}`))) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].sort(byName).map((folder) => {
    const locked = lock[folder];
    if (locked === undefined) throw new Error(`${folder} is bundled and not in package-lock.json: npm ci`);
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const { version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    if (version !== locked.version) {
      throw new Error(`${folder} is version ${version}, package-lock.json says ${locked.version}: npm ci`);
    }
    return { name, version, license: locked.license ?? license, integrity: locked.integrity, folder };
  });
}
