/** The page's tables: gateways, strangers, claimed names. On a narrow screen each row is a card. Pure. */
import type { Claim, Fleet, Stranger } from '../judge.ts';
import type { GatewayRow } from '../row.ts';
import { BY_WORDS, isNobody, MOST_ROWS, moment, remarks, span, STATE_WORDS, strangerBy, TAKEN } from '../words.ts';
import { markup, type Markup } from './markup.ts';

interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Markup;
  /** May be broken, and has a line of its own on a narrow screen. */
  readonly isWide?: boolean;
  /** A word of ours, which is not broken. */
  readonly isWord?: boolean;
}

const DASH = markup`<span class="soft">–</span>`;

/** A narrow screen shows rows as blocks, which would take their roles away; so they are written. */
function table<T>(caption: string, rows: readonly T[], head: Column<T>, columns: readonly Column<T>[]): Markup {
  const titles = [head, ...columns].map(({ title }) => markup`<th role="columnheader" scope="col">${title}</th>`);
  const lines = rows.map((row) => {
    const cells = columns.map(
      ({ title, cell, isWide = false, isWord = false }) =>
        markup`<td role="cell" ${isWide ? markup` class="wide"` : isWord ? markup` class="word"` : null} data-label="${title}">${cell(row)}</td>`,
    );
    return markup`<tr role="row">
      <th role="rowheader" scope="row">${head.cell(row)}</th>
      ${cells}
    </tr> `;
  });
  return markup`<table role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${titles}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${lines}
    </tbody>
  </table>`;
}

const text = (value: string | number | null): Markup => (value === null ? DASH : markup`${value}`);
const ago = (at: number | null, now: number, after: string): Markup =>
  at === null
    ? DASH
    : markup`<time datetime="${new Date(at * 1000).toISOString()}" title="${moment(at)}"
        >${span(now - at)}${after}</time
      >`;

/** At most so many of the rows, which are sorted. */
export function gatewayTable(
  { now, bundle }: Fleet,
  rows: readonly GatewayRow[],
  most: number,
  title: string,
  someExpected: boolean,
): Markup {
  const shown = rows.slice(0, most);
  const left = rows.length - shown.length;
  if (shown.length === 0) return markup`<p class="soft">${left}, not shown here.</p>`;
  const made = table<GatewayRow>(
    `${title}, of ${bundle}`,
    shown,
    {
      title: 'Gateway',
      cell: (row) => {
        const more = remarks(row, someExpected);
        return markup`${row.name}${more.length === 0 ? null : markup`<small>${more.join('; ')}</small>`}`;
      },
    },
    [
      { title: 'State', cell: ({ state }) => markup`<span class="state ${state}">${STATE_WORDS[state]}</span>` },
      { title: 'Version', cell: ({ version }) => text(version) },
      { title: 'Its age', cell: ({ versionAt }) => ago(versionAt, now, '') },
      { title: 'Last poll', cell: ({ lastPoll }) => ago(lastPoll, now, ' ago') },
      {
        title: 'Last code',
        cell: ({ code }) => (code === null || code === 'OK' ? text(code) : markup`<span class="bad">${code}</span>`),
      },
      { title: 'Software', cell: ({ software }) => text(software) },
      { title: 'Known by', cell: ({ by }) => text(by === null ? null : BY_WORDS[by]), isWord: true },
    ],
  );
  return left === 0
    ? made
    : markup`${made}
        <p class="soft">And ${left} more, none of them worse.</p>`;
}

export const strangerTable = ({ strangers, now, bundle }: Fleet): Markup =>
  table<Stranger>(
    `Strangers that took a whole table of ${bundle}`,
    strangers.slice(0, MOST_ROWS),
    {
      title: 'Client',
      cell: (each) =>
        markup`${each.name}${each.posesAs !== null || isNobody(each) ? markup`<small>${strangerBy(each)}</small>` : null}`,
    },
    [
      { title: 'Known by', cell: (each) => text(isNobody(each) ? null : BY_WORDS[each.by]), isWord: true },
      { title: 'Address', cell: ({ name, address }) => text(address === name ? null : address) },
      { title: 'Tables', cell: ({ tables }) => text(tables) },
      { title: 'Last', cell: ({ last }) => ago(last, now, ' ago') },
      { title: 'Program', cell: ({ software }) => text(software), isWide: true },
    ],
  );

const MOST_CLAIMS_SHOWN = 200;

export function claimTable({ claims, now, bundle }: Fleet): Markup {
  const left = claims.length - MOST_CLAIMS_SHOWN;
  const made = table<Claim>(
    `Names that were claimed for ${bundle}`,
    claims.slice(0, MOST_CLAIMS_SHOWN),
    {
      title: 'Name',
      cell: ({ name, isTaken }) => markup`${name}${isTaken ? markup`<small>${TAKEN}</small>` : null}`,
    },
    [
      { title: 'Version', cell: ({ version }) => text(version) },
      { title: 'Address', cell: ({ address }) => text(address) },
      { title: 'Requests', cell: ({ requests }) => text(requests) },
      { title: 'Last', cell: ({ last }) => ago(last, now, ' ago') },
    ],
  );
  return left <= 0
    ? made
    : markup`${made}
        <p class="soft">And ${left} more.</p>`;
}
