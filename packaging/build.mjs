// Bundles both commands into dist/: small entries, lazily loaded chunks, and the verifier at a fixed path,
// dist/bundle/ed25519.js, which outside test vectors are run against. Everything is bundled, so a gateway needs
// only Node.
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

const common = {
  absWorkingDir: root,
  outbase: 'src',
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node18.17',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { 'process.env.RELAYMAP_VERSION': JSON.stringify(version) },
  logLevel: 'warning',
  // The package debug looks for it and works without it. Here it would be found only because another tool has it.
  external: ['supports-color'],
};

// The entry contains the health check, which runs every minute. What it rarely needs is in the other builds.
const rare = {
  name: 'rare',
  setup({ onResolve, onLoad }) {
    const modules = {
      'all-commands.ts': './all-commands.js',
      'live-copy-trust.ts': '../gateway/health/live-copy-trust.js',
    };
    onResolve({ filter: /\/(all-commands|live-copy-trust)\.ts$/ }, ({ path: name }) => ({
      path: modules[path.basename(name)],
      external: true,
    }));
    // Use require: before an import, Node parses the whole file for the names it exports.
    onLoad({ filter: /\/src\/bin\/fetch-entry\.ts$/ }, () => ({ contents: "require('./fetch-entry.cjs');" }));
    onResolve({ filter: /^\.\/fetch-entry\.cjs$/ }, ({ path: name }) => ({ path: name, external: true }));
  },
};

// Bundle only undici's two agents. Its index also loads fetch, caches and mocks, and Node's HTTP/2, which we do not
// use.
const agents = {
  name: 'agents',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'agents', namespace: 'undici' }));
    onLoad({ filter: /^agents$/, namespace: 'undici' }, () => ({
      contents: `const dispatcher = require('undici/lib/dispatcher/dispatcher.js').prototype;
        dispatcher.request = require('undici/lib/api/api-request.js');
        dispatcher.connect = require('undici/lib/api/api-connect.js'); // what a ProxyAgent asks its proxy by
        exports.Agent = require('undici/lib/dispatcher/agent.js');
        exports.ProxyAgent = require('undici/lib/dispatcher/proxy-agent.js');`,
      resolveDir: root,
    }));
    onLoad({ filter: /undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({ contents: 'module.exports = null;' }));
  },
};

rmSync(path.join(root, 'dist'), { recursive: true, force: true });
await Promise.all([
  build({
    ...common,
    entryPoints: ['src/bin/relaymap.ts'],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    plugins: [rare, agents],
  }),
  build({
    ...common,
    entryPoints: ['src/bin/fetch-entry.ts', 'src/bin/cycle-child.ts'],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    plugins: [agents],
  }),
  // One file, for a machine that has nothing else: it signs.
  build({
    ...common,
    entryPoints: ['src/bin/relaymap-sign.ts'],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    plugins: [agents],
  }),
  build({
    ...common,
    entryPoints: {
      'bin/all-commands': 'src/bin/all-commands.ts',
      'bin/relaymap-publish': 'src/bin/relaymap-publish.ts',
      'gateway/health/live-copy-trust': 'src/gateway/health/live-copy-trust.ts',
      'bundle/ed25519': 'src/bundle/trust/ed25519.ts',
    },
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    plugins: [agents],
    // An optional native driver of pg.
    external: ['pg-native'],
    // CommonJS dependencies in an ES module still call require() for Node's own modules.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  }),
]);
