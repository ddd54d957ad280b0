/** The tables and columns that a database really has. They show which version of a mail software it belongs to. */
import type { Session } from './session.ts';
import type { Dialect } from './url.ts';

/**
 * Table, column, character set, collation. The last two are NULL if the column holds no text or the dialect has
 * none.
 */
const COLUMNS: Record<Dialect, string> = {
  postgres: `SELECT c.relname::text, a.attname::text, NULL::text,
    CASE WHEN t.typcategory = 'S' OR t.typname = 'citext' THEN t.typname::text END
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
    AND pg_catalog.pg_table_is_visible(c.oid) AND c.relnamespace <> 'pg_catalog'::regnamespace`,
  mysql: `SELECT table_name, column_name, character_set_name, collation_name
    FROM information_schema.columns WHERE table_schema = DATABASE()`,
  sqlite: `SELECT m.name AS a, c.name AS b, NULL AS c, NULL AS d
    FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view')`,
};

interface Column {
  readonly charset: string | null;
  readonly collation: string | null;
}

export class Schema {
  readonly #tables: ReadonlyMap<string, ReadonlyMap<string, Column>>;

  /** @param rows table, column, character set, collation. */
  constructor(rows: Iterable<readonly unknown[]>) {
    const tables = new Map<string, Map<string, Column>>();
    for (const [table, column, charset, collation] of rows) {
      const name = textOf(table);
      const columns = tables.get(name) ?? new Map<string, Column>();
      tables.set(name, columns.set(textOf(column), { charset: orNull(charset), collation: orNull(collation) }));
    }
    this.#tables = tables;
  }

  static async read(session: Session, dialect: Dialect): Promise<Schema> {
    const found: (readonly unknown[])[] = [];
    for await (const { rows } of session.rows(COLUMNS[dialect])) for (const row of rows) found.push(row);
    return new Schema(found);
  }

  /** Whether there is such a table, and such a column if one is given. */
  has(table: string, column?: string): boolean {
    const columns = this.#tables.get(table);
    return columns !== undefined && (column === undefined || columns.has(column));
  }

  /** Null if the column does not exist or holds no text. */
  text(table: string, column: string): { readonly charset: string; readonly collation: string } | null {
    const { charset, collation } = this.#tables.get(table)?.get(column) ?? { charset: null, collation: null };
    return charset === null || collation === null ? null : { charset, collation };
  }
}

/** A name in lower case. MySQL's table names are case-sensitive on some systems, but no preset depends on that. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : '');
const orNull = (value: unknown): string | null =>
  typeof value === 'string' && /^[A-Za-z0-9_]+$/.test(value) ? value : null;
