// `npm run bench:sql`, `npm run bench:sql -- --rows 1000000`: a publish from PostgreSQL, against an export by psql
// and sort, which neither checks nor signs what it exports; then how long a changed row takes to a gateway's 250. A
// private server in a temporary folder (as root); loopback and sockets only.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { changedRow } from './changed-row.mjs';
import { writeList } from './list.mjs';
import { compare, run, stopRunning } from './measure.mjs';
import { jobDone, machine } from './report.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const command = path.resolve(here, '../../dist/bin/relaymap-publish.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bench-'));
const at = (...names) => path.join(folder, ...names);

/** The tests' own way to start a server, which is TypeScript. */
async function startPostgres() {
  const entry = path.resolve(here, '../sources/databases.ts');
  await build({ entryPoints: [entry], outfile: at('databases.mjs'), bundle: true, platform: 'node', format: 'esm' });
  return await (await import(pathToFileURL(at('databases.mjs')))).startPostgres();
}

async function fill(database, rows) {
  writeList(at('list'), rows);
  await database.create('mail', 'CREATE TABLE recipients (id serial, address text NOT NULL)');
  await run(['psql', ...where(database), '-c', `\\copy recipients (address) FROM '${at('list')}'`]);
  await database.sql('mail', 'ANALYZE recipients');
}

const where = ({ socket, port }) => ['-X', '-q', '-h', socket, '-p', `${port}`, '-U', 'postgres', '-d', 'mail'];
const QUERY = 'SELECT address FROM recipients';

async function bench(rows) {
  machine();
  const database = await startPostgres();
  try {
    await fill(database, rows);
    await run([process.execPath, command, 'keygen', '--out', at('keys'), '--name', 'bench']);
    const source = `[[source]]\ntype = "sql"\nurl = "${database.url('mail')}"\nquery = "${QUERY}"\n`;
    const top = { name: 'bench', output: at('public'), state_dir: at('state'), keys: [at('keys/bench.key')] };
    const lines = Object.entries(top).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    writeFileSync(at('publish.toml'), `${lines.join('')}\n${source}\n[policy]\npostmaster = false\n`);
    const psql = ['psql', ...where(database), '-c', `COPY (${QUERY}) TO STDOUT`].map((word) => `'${word}'`).join(' ');
    const measured = await compare(
      {
        rounds: 5,
        ours: {
          name: 'relaymap-publish publish',
          argv: [process.execPath, command, 'publish', '--config', at('publish.toml')],
          before: () => ['public', 'state'].forEach((name) => rmSync(at(name), { recursive: true, force: true })),
          check: (said) => {
            if (!said.includes(String(rows))) throw new Error(`not ${rows} rows: ${said}`);
          },
        },
        yardstick: {
          name: 'psql COPY | sort -u',
          argv: [
            'bash',
            '-o',
            'pipefail',
            '-c',
            `${psql} | LC_ALL=C sort -u >'${at('export')}' && sync '${at('export')}'`,
          ],
          before: () => rmSync(at('export'), { force: true }),
          check: () => {
            if (statSync(at('export')).size < rows * 10) throw new Error('no whole export');
          },
        },
      },
      folder,
    );
    jobDone(
      `${rows} rows of PostgreSQL: read, checked, sorted, compressed and signed, against exported and sorted`,
      measured,
    );
    if (process.getuid?.() === 0) process.stdout.write(`  ${await changedRow(database)}\n`);
  } finally {
    await database.stop();
  }
}

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } });
try {
  await bench(Number(values.rows));
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopRunning();
  rmSync(folder, { recursive: true, force: true });
}
