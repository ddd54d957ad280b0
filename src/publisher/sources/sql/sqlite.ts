/** Reads rows from an SQLite file with `sqlite3`, read-only. One statement is one snapshot. Runs no other program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Rows } from './rows.ts';
import type { Session } from './session.ts';
import type { SqlTarget } from './url.ts';

const BATCH = 5000;
/** Milliseconds to wait for a writer. */
const BUSY = 10_000;

/** Throws what sqlite3 says unchanged. Each query is its own process and snapshot. @param signal ends it. */
export const openSqlite = (target: SqlTarget, signal: AbortSignal): Promise<Session> =>
  Promise.resolve({ rows: (query) => sqliteRows(target, query, signal), close: () => undefined });

async function* sqliteRows(target: SqlTarget, query: string, signal: AbortSignal): AsyncGenerator<Rows> {
  // Inside a SELECT there is only one statement, it does not write, and no line is a command of the sqlite3 shell.
  const inner = query.trim().replace(/;$/, '');
  const child = spawn('sqlite3', ['-readonly', '-batch', '-bail', '-init', '/dev/null', target.database], {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  const end = ended(child);
  try {
    child.stdin.on('error', () => undefined); // it ended before reading; its status says why
    child.stdin.end(`.timeout ${BUSY}\n.mode json\nSELECT * FROM (\n${inner}\n);\n`);
    yield* batches(child);
    const problem = await end;
    if (problem !== null) throw new Error(problem);
  } finally {
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}

/** Parses a JSON array of objects, one per line. */
async function* batches(child: ChildProcess): AsyncGenerator<Rows> {
  let [columns, rows]: [string[], unknown[][]] = [[], []];
  let open = false;
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream, crlfDelay: Infinity });
  for await (const line of lines as AsyncIterable<string>) {
    const row = JSON.parse(line.replace(/^\[/, '').replace(/[,\]]$/, '')) as Record<string, unknown>;
    open = !line.endsWith(']');
    if (rows.length === 0) columns = Object.keys(row);
    rows.push(Object.values(row));
    if (rows.length < BATCH) continue;
    yield { columns, rows };
    rows = [];
  }
  // Rows that came before an error are not a list. The exit status, checked next, says what the error was.
  if (rows.length > 0 && !open) yield { columns, rows };
}

/** Null after success, else the reason for the failure. */
function ended(child: ChildProcess): Promise<string | null> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, 2000)));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`sqlite3 cannot be run: ${error.message}`));
    child.on('close', (status, killed) => {
      if (status === 0 && said === '') resolve(null);
      else resolve(`sqlite3 ended with ${killed ?? `status ${status}`}: ${said.trim()}`);
    });
  });
}
