// `npm run wasm`: compiles src/publisher/fleet/log/assembly/line-scan.ts, which is AssemblyScript, and puts the module
// as text into a file beside that folder. The file is kept in the repository, so that neither the build nor the tests
// need the compiler; a test compares it with what its source makes.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createMemoryStream, main } from 'assemblyscript/asc';

const folder = new URL('../src/publisher/fleet/log/', import.meta.url);
export const made = fileURLToPath(new URL('line-scan-wasm.ts', folder));

/** The text of the file that holds the module. */
export async function compile() {
  const source = await readFile(new URL('assembly/line-scan.ts', folder), 'utf8');
  let module = null;
  const stderr = createMemoryStream();
  const { error } = await main(
    // No code of a runtime: it needs no memory but the one that it is given.
    'line-scan.ts --outFile line-scan.wasm -O3 --noAssert --runtime stub --enable simd'.split(' '),
    {
      readFile: (name) => (name === 'line-scan.ts' ? source : null),
      writeFile: (_, bytes) => void (module = bytes),
      listFiles: () => [],
      stderr,
    },
  );
  if (error !== null || module === null) throw new Error(`${error?.message}\n${stderr.toString()}`);
  const lines = Buffer.from(module)
    .toString('base64')
    .match(/.{1,100}/g);
  return `/** Made by \`npm run wasm\` of assembly/line-scan.ts: its WebAssembly module, in base64. Do not edit. */
export const LINE_SCAN_WASM =
${lines.map((line) => `  '${line}'`).join(' +\n')};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(made, await compile());
