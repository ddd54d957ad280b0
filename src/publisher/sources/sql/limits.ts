/**
 * Detects what would make a part of a result look like the whole, as far as a database can tell: a view that ends
 * in a LIMIT, and a proxy that drops rows. The drivers lift the session's own limits.
 */
import type { Session } from './session.ts';
import type { Dialect } from './url.ts';

export interface ViewsUsed {
  /** A view with a limit that the query uses, also through another view; null if there is none. */
  readonly limited: string | null;
  /** Views of the query whose definition this user may not read. */
  readonly unknown: readonly string[];
}

/** What the views that a query uses do. */
export async function viewsUsed(session: Session, dialect: Dialect, query: string): Promise<ViewsUsed> {
  return among(await valuesOf(session, VIEWS[dialect]), query);
}

/** Schema (NULL if a name without a schema finds the view), name, definition. */
const VIEWS: Record<Dialect, string> = {
  mysql: `SELECT IF(table_schema = DATABASE(), NULL, table_schema), table_name, view_definition
    FROM information_schema.views WHERE table_schema NOT IN ('sys', 'mysql')`,
  sqlite: `SELECT NULL AS a, name AS b, sql AS c FROM sqlite_master WHERE type = 'view'`,
  postgres: `SELECT CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN n.nspname::text END,
    c.relname::text, pg_catalog.pg_get_viewdef(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
};

function among(views: readonly (readonly unknown[])[], query: string): ViewsUsed {
  const known = views.flatMap(([schema, name, text]) =>
    typeof name === 'string' ? [{ name, text: typeof text === 'string' ? text : '', isIn: mention(schema, name) }] : [],
  );
  const limited = new Set(known.filter(({ text }) => endsInLimit(text)));
  const used = new Set(known.filter(({ isIn }) => isIn(query)));
  // A view of a limited view is limited too, and a view in a used one is used.
  for (let before = -1; before < limited.size + used.size;) {
    before = limited.size + used.size;
    for (const view of known) {
      if ([...limited].some(({ isIn }) => isIn(view.text))) limited.add(view);
      if ([...used].some(({ text }) => view.isIn(text))) used.add(view);
    }
  }
  return {
    limited: [...limited].find(({ isIn }) => isIn(query))?.name ?? null,
    unknown: [...used].filter(({ text }) => text === '').map(({ name }) => name),
  };
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

/** Whether a text names this view, with its schema if that is needed. */
function mention(schema: unknown, name: string): (text: string) => boolean {
  const escaped = (part: string) => part.replace(/[^\w]/g, '\\$&');
  const prefix = typeof schema === 'string' ? `${escaped(schema)}["\`]?\\s*\\.\\s*["\`]?` : '';
  const pattern = new RegExp(`(?<![\\w$])${prefix}${escaped(name)}(?![\\w$])`, 'i');
  return (text) => pattern.test(text);
}

/** What the server says of a result that it cut; null if it says nothing. Call it right after the query. */
export async function warningOfCut(session: Session, dialect: Dialect): Promise<string | null> {
  if (dialect !== 'mysql') return null;
  const warnings = await valuesOf(session, 'SHOW WARNINGS');
  const cut = warnings.find(([, code]) => OF_A_CUT.has(Number(code)));
  return cut === undefined ? null : String(cut[2]);
}

/** A limit of rows examined; a value of GROUP_CONCAT that was cut; a value longer than max_allowed_packet. */
const OF_A_CUT = new Set([1931, 1260, 1301]);

/** How many rows the server itself counts, in the same snapshot; null if the query cannot be counted. */
export async function rowsCounted(session: Session, dialect: Dialect, query: string): Promise<number | null> {
  // Nothing stands between us and an SQLite file.
  if (dialect === 'sqlite') return null;
  try {
    const [[count] = []] = await valuesOf(session, `SELECT COUNT(*) FROM (\n${withoutEnd(query)}\n) AS counted_rows`);
    return Number(count);
  } catch (error) {
    // A lost connection has no code from the server.
    const { errno = 0, code = '' } = error as { errno?: number; code?: string };
    if (UNCOUNTABLE.has(dialect === 'mysql' ? errno : code)) return null;
    throw error;
  }
}

/**
 * MySQL: duplicate column name; syntax that a subquery cannot have (SELECT ... FOR UPDATE, INTO, PROCEDURE).
 * PostgreSQL: likewise (EXECUTE, SHOW).
 */
const UNCOUNTABLE = new Set<number | string>([1060, 1064, 1221, 1234, '42601']);

const withoutEnd = (query: string): string => query.trim().replace(/;$/, '');

async function valuesOf(session: Session, query: string): Promise<(readonly unknown[])[]> {
  const found: (readonly unknown[])[] = [];
  for await (const { rows } of session.rows(query)) found.push(...rows);
  return found;
}
