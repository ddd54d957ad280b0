// Bundles both commands into dist/: small entries, lazily loaded chunks, and dist/bundle/ed25519.js at its stable path
// (commands.md section 4). Everything is bundled, so that a gateway needs Node and nothing else.
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

const common = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node18.17',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { 'process.env.RELAYMAP_VERSION': JSON.stringify(version) },
  // CommonJS dependencies inside an ES module still ask for node's own modules by require().
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
};

// A health check runs every minute, and each further file of a module graph costs a millisecond: it is one file of its own.
const healthApart = {
  name: 'health-apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/health-command\.ts$/ }, () => ({ path: '../health/health-command.js', external: true })),
};

rmSync(path.join(root, 'dist'), { recursive: true, force: true });
await Promise.all([
  build({
    ...common,
    entryPoints: ['src/bin/relaymap.ts', 'src/bin/relaymap-publish.ts', 'src/bundle/ed25519.ts'],
    outbase: 'src',
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    plugins: [healthApart],
  }),
  build({
    ...common,
    entryPoints: ['src/bin/health-command.ts'],
    outdir: 'dist/health',
    chunkNames: '[name]-[hash]',
  }),
]);
