// Reads commander's model of both command lines from the source, for completion and for the test of the man pages.
// It bundles the source with a `main` that passes on the program instead of running it. It does not load what the
// commands run.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const ENTRIES = { relaymap: 'src/bin/all-commands.ts', 'relaymap-publish': 'src/bin/relaymap-publish.ts' };
const HANDED_OVER = Symbol.for('relaymap.program');
const programs = new Map();

const handOver = {
  name: 'hand-over',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/program\.ts$/ }, ({ path: name, namespace, resolveDir }) =>
      namespace === 'file' ? { path: path.resolve(resolveDir, name), namespace: 'hand-over' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'hand-over' }, ({ path: name }) => ({
      contents: `export { addHelp, newProgram, subcommand, VERSION } from ${JSON.stringify(name)};
        export const main = (program) => { globalThis[Symbol.for('relaymap.program')] = program; };`,
      loader: 'ts',
      resolveDir: path.dirname(name),
    }));
    // Leave out what a command imports when it runs.
    onResolve({ filter: /./ }, ({ kind, path: name }) =>
      kind === 'dynamic-import' ? { path: name, external: true } : undefined,
    );
  },
};

/** The commander program of `relaymap` or `relaymap-publish`. It is not run. */
export async function programOf(name) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [ENTRIES[name]],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
    plugins: [handOver],
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(process.execPath);" },
  });
  // Node imports the same text only once, so it passes on its program only once.
  await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const program = globalThis[HANDED_OVER] ?? programs.get(name);
  delete globalThis[HANDED_OVER];
  programs.set(name, program);
  return program;
}

/**
 * What completion and the man pages need: each command with its options and arguments. An option's `value` is the
 * placeholder in its help text (`FILE`, `NAME`); null for a flag.
 */
export async function commandModel(name) {
  const program = await programOf(name);
  const option = ({ long, short, flags, description, argChoices, mandatory = false }) => ({
    long,
    short: short ?? null,
    description,
    value: /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1]?.replace(/\.\.\.$/, '') ?? null,
    choices: argChoices ?? null,
    required: mandatory,
  });
  const help = option({ long: '--help', short: '-h', flags: '-h, --help', description: 'show this help' });
  return {
    name,
    options: [...program.options.map(option), help],
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      options: [...command.options.map(option), help],
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        variadic: argument.variadic,
      })),
    })),
  };
}
