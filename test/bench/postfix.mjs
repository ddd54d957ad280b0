// A private Postfix for the benchmark, by the tests' own way to start one, which is TypeScript.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));

/** A gateway that relays for the maps in `mapDir`. @returns its handle, with `port` and `stop()`. */
export async function startGateway(site, mapDir) {
  const outfile = site.at('postfix-of-the-tests.mjs');
  const entry = path.resolve(here, '../support/postfix.ts');
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  const tests = await import(pathToFileURL(outfile).href);
  return await tests.startGateway({ mapDir });
}
