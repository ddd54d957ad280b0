/** Describes in one line which domains lose rows: the worst few by name, the rest as a number. Pure. */

export interface DomainLoss {
  readonly domain: string;
  /** The rows that go. */
  readonly rows: number;
  /** None of the domain's rows is left. */
  readonly whole: boolean;
}

/** The most domains named. */
const NAMED = 5;

/** ` (of a.example 8, the whole domain; of b.example 4; of 3 more domains 20)`; empty if it is part of one domain. */
export function lossWords(lost: readonly DomainLoss[]): string {
  const [only] = lost;
  if (only === undefined || (lost.length === 1 && !only.whole)) return '';
  const worst = [...lost].sort((a, b) => b.rows - a.rows);
  const named = worst
    .slice(0, NAMED)
    .map(({ domain, rows, whole }) => `of ${domain} ${rows}${whole ? ', the whole domain' : ''}`);
  const rest = worst.slice(NAMED);
  if (rest.length > 0)
    named.push(`of ${counted(rest.length, 'more domain')} ${rest.reduce((sum, { rows }) => sum + rows, 0)}`);
  return ` (${named.join('; ')})`;
}

/** Says that whole domains go, intended or not; null if none does. */
export function goneWords(lost: readonly DomainLoss[]): string | null {
  const gone = lost.filter(({ whole }) => whole).sort((a, b) => b.rows - a.rows);
  const [first] = gone;
  if (first === undefined) return null;
  if (gone.length === 1) return `the whole domain ${first.domain} goes with this list`;
  const named = gone.slice(0, NAMED).map(({ domain }) => domain);
  const more = gone.length > NAMED ? ` and ${gone.length - NAMED} more` : '';
  return `${gone.length} whole domains go with this list: ${named.join(', ')}${more}`;
}

const counted = (n: number, what: string): string => (n === 1 ? `1 ${what}` : `${n} ${what}s`);
