/**
 * Detects what would make a part of a result look like the whole, as far as a database can tell: a view that ends
 * in a LIMIT, and a proxy that drops rows. The drivers lift the session's own limits.
 */
import type { Session } from './session.ts';
import type { Dialect } from './url.ts';

/** The name of a view with a limit that the query uses; null if there is none. */
export async function limitedView(session: Session, dialect: Dialect, query: string): Promise<string | null> {
  if (dialect === 'mysql') return viewUsed(await valuesOf(session, MYSQL_VIEWS), query);
  if (dialect === 'sqlite') return viewUsed(await valuesOf(session, SQLITE_VIEWS), query);
  return viewUsed(await valuesOf(session, POSTGRES_VIEWS), query);
}

const MYSQL_VIEWS = `SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE()`;
const SQLITE_VIEWS = `SELECT name AS a, sql AS b FROM sqlite_master WHERE type = 'view'`;
const POSTGRES_VIEWS = `SELECT c.relname::text, pg_get_viewdef(c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`;

/** @param views name and definition. */
function viewUsed(views: readonly (readonly unknown[])[], query: string): string | null {
  const known = views.flatMap(([name, text]) =>
    typeof name === 'string' && typeof text === 'string' ? [{ name, text }] : [],
  );
  const limited = new Set(known.filter(({ text }) => endsInLimit(text)).map(({ name }) => name));
  // A view of a limited view is limited too.
  for (let before = -1; before < limited.size;) {
    before = limited.size;
    for (const { name, text } of known) if ([...limited].some((each) => mentions(text, each))) limited.add(name);
  }
  return [...limited].find((each) => mentions(query, each)) ?? null;
}

/** Inside parentheses a limit belongs to a condition. Outside, it cuts what the view gives. */
export function endsInLimit(text: string): boolean {
  let outer = text.replace(/'(?:[^'\\]|\\.|'')*'|"[^"]*"|`[^`]*`/g, ' ');
  for (let before = ''; before !== outer;) {
    before = outer;
    outer = outer.replace(/\([^()]*\)/g, ' ');
  }
  return /\blimit\b|\bfetch\s+(?:first|next)\b/i.test(outer);
}

const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w$])${name.replace(/[^\w]/g, '\\$&')}(?![\\w$])`, 'i').test(text);

/** How many rows the server itself counts, in the same snapshot; null if the query cannot be counted. */
export async function rowsCounted(session: Session, dialect: Dialect, query: string): Promise<number | null> {
  // PostgreSQL's protocol says how many rows there were. Nothing stands between us and an SQLite file.
  if (dialect !== 'mysql') return null;
  try {
    const [[count] = []] = await valuesOf(session, `SELECT COUNT(*) FROM (\n${withoutEnd(query)}\n) AS counted_rows`);
    return Number(count);
  } catch (error) {
    // Two columns of one name cannot be counted. A lost connection has no errno from the server.
    if (UNCOUNTABLE.has((error as { errno?: number }).errno ?? 0)) return null;
    throw error;
  }
}

/** Duplicate column name; syntax that a subquery cannot have (SELECT ... FOR UPDATE, INTO, PROCEDURE). */
const UNCOUNTABLE = new Set([1060, 1064, 1221, 1234]);

const withoutEnd = (query: string): string => query.trim().replace(/;$/, '');

async function valuesOf(session: Session, query: string): Promise<(readonly unknown[])[]> {
  const found: (readonly unknown[])[] = [];
  for await (const { rows } of session.rows(query)) found.push(...rows);
  return found;
}
