/**
 * Prepares a session of MySQL or MariaDB so that a query gives all its rows, and reads back that the server took
 * each setting. A proxy may drop a SET, or pass it to another server than the one that answers the query.
 */
import type { Session } from './session.ts';

const NO_LIMIT = '18446744073709551615';
/** MySQL's and MariaDB's names for one limit. Here `read_timeout` applies instead. */
const TIME_LIMITS = ['max_execution_time', 'max_statement_time'];
/** MySQL's name from 8.0 and MariaDB's from 11.1 on, and the older one. */
const ISOLATIONS = ['transaction_isolation', 'tx_isolation'];
const UNKNOWN_VARIABLE = 1193;
const PADS = 'PAD_CHAR_TO_FULL_LENGTH';

/** Settings that every server has. `max_error_count` keeps the warning of a result that was cut. */
const ALWAYS: Readonly<Record<string, string>> = { sql_select_limit: NO_LIMIT, max_error_count: '65535' };
/** Servers have different maxima, and take less than was asked. A value that is cut makes a warning. */
const LONG_VALUES = 'SESSION group_concat_max_len = 4294967295';

/**
 * Call it within the transaction: a proxy that shares connections keeps one only for a transaction.
 * @param run sends a statement without rows.
 * @throws Error if a setting did not take; errors of the driver and the server unchanged.
 */
export async function liftLimits(rows: Session['rows'], run: (statement: string) => Promise<void>): Promise<void> {
  // First of all: a limit may be too short for any question.
  for (const name of TIME_LIMITS) await runIfKnown(run, `SET SESSION ${name} = 0`);
  const settings = Object.entries(ALWAYS).map(([name, value]) => `SESSION ${name} = ${value}`);
  await run(
    `SET ${settings.join(', ')}, ${LONG_VALUES}, SESSION sql_mode = REPLACE(@@SESSION.sql_mode, '${PADS}', '')`,
  );
  const now = await variables(rows);
  const timed = TIME_LIMITS.filter((name) => now.has(name)).map((name) => [name, '0'] as const);
  for (const [name, value] of [...Object.entries(ALWAYS), ...timed]) {
    const is = now.get(name) ?? 'not known';
    if (is !== value && !(value === '0' && Number(is) === 0)) throw untaken(name, is, value);
  }
  const mode = now.get('sql_mode') ?? '';
  if (mode.split(',').includes(PADS)) throw untaken('sql_mode', mode, `one without ${PADS}`);
  for (const name of ISOLATIONS) {
    const is = now.get(name);
    if (is !== undefined && is !== 'REPEATABLE-READ') throw untaken(name, is, 'REPEATABLE-READ');
  }
  // MariaDB alone says whether there is a transaction.
  const inside = now.get('in_transaction');
  if (inside !== undefined && inside !== '1' && inside !== 'ON') throw untaken('in_transaction', inside, '1');
}

/** A server that does not know the variable has no such limit. */
async function runIfKnown(run: (statement: string) => Promise<void>, statement: string): Promise<void> {
  try {
    await run(statement);
  } catch (error) {
    if ((error as { errno?: number }).errno !== UNKNOWN_VARIABLE) throw error;
  }
}

async function variables(rows: Session['rows']): Promise<ReadonlyMap<string, string>> {
  const names = [...Object.keys(ALWAYS), ...TIME_LIMITS, ...ISOLATIONS, 'sql_mode', 'in_transaction'];
  const found = new Map<string, string>();
  const query = `SHOW SESSION VARIABLES WHERE Variable_name IN ('${names.join("', '")}')`;
  for await (const { rows: batch } of rows(query)) {
    for (const [name, value] of batch) found.set(String(name).toLowerCase(), String(value));
  }
  return found;
}

const untaken = (name: string, is: string, wanted: string): Error =>
  new Error(`the session's ${name} is ${is} after it was set to ${wanted}; is there a proxy that does not pass it on?`);
