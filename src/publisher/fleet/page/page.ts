/**
 * The fleet on one page for people: one file, no scripts, nothing from elsewhere. The policy in it lets the page's own
 * style count and nothing else. Pure.
 */
import { createHash } from 'node:crypto';
import type { FleetReport } from '../read-fleet.ts';
import type { Fleet } from '../judge.ts';
import type { GatewayRow } from '../row.ts';
import { logWords, moment, MOST_ROWS, sentence, span, STATE_WORDS } from '../words.ts';
import { bar, BEST_FIRST, curve } from './curve.ts';
import { Markup, markup } from './markup.ts';
import { STYLE } from './style.ts';
import { claimTable, gatewayTable, strangerTable } from './tables.ts';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

export function fleetPage({ fleet, logs, someExpected }: FleetReport): string {
  const title = sentence(fleet);
  const notes = logWords(fleet, logs);
  const inOrder = fleet.rows.filter(isInOrder);
  const troubled = fleet.rows.filter((row) => !isInOrder(row));
  const gateways = (id: string, rows: readonly GatewayRow[], before: number) =>
    rows.length === 0 ? null : gatewaySection(fleet, id, rows, Math.max(0, MOST_ROWS - before), someExpected);
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="referrer" content="no-referrer" />
        <title>${fleet.bundle}: ${title}</title>
        <style>${new Markup(STYLE)}</style>
      </head>
      <body>
        <main>
          <header>
            <p class="list">${fleet.bundle}</p>
            <h1>${unbroken(upperFirst(title))}</h1>
            <p class="soft">
              ${published(fleet)} As of
              <time datetime="${new Date(fleet.now * 1000).toISOString()}">${moment(fleet.now)}</time>.
            </p>
          </header>
          ${fleet.rows.length === 0 ? null : states(fleet)} ${fleet.strangers.length === 0 ? null : strangers(fleet)}
          ${gateways('troubled', troubled, 0)} ${spreadSection(fleet)} ${gateways('ordered', inOrder, troubled.length)}
          ${fleet.claims.length === 0 ? null : claims(fleet)} ${notes.length === 0 ? null : logSection(notes)}
          <footer>
            Made from ${logs.lines.toLocaleString('en')} ${logs.lines === 1 ? 'line' : 'lines'} of access logs by relaymap-publish
            fleet.
          </footer>
        </main>
      </body>
    </html> `.text;
}

/** A number stays on one line with its unit, and with what it counts. */
const unbroken = (text: string): string =>
  text.replace(/([0-9]) (s|min|h|d)\b/g, '$1\u00a0$2').replace(/([,;] [0-9]+) /g, '$1\u00a0');

const upperFirst = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

function published({ version, publishedAt, isVersionKnown, now }: Fleet): string {
  if (version === null) return 'No version is known.';
  const since =
    publishedAt === null ? '' : `, ${isVersionKnown ? 'published' : 'first seen'} ${span(now - publishedAt)} ago`;
  return `Version ${version}${since}${publishedAt === null ? '' : ` (${moment(publishedAt)})`}.`;
}

function states(fleet: Fleet): Markup {
  const items = BEST_FIRST.filter((state) => fleet.counts[state] > 0).map(
    (state) => markup`<li><span class="state ${state}">${STATE_WORDS[state]}</span> <b>${fleet.counts[state]}</b></li>`,
  );
  return markup`${bar(fleet)}
    <ul class="legend">
      ${items}
    </ul>`;
}

const strangers = (fleet: Fleet): Markup =>
  markup`<section class="card warn" aria-labelledby="strangers">
    <h2 id="strangers">Strangers that took a whole table</h2>
    <p>Each of them has every address of the list, and is none of the gateways that you know.</p>
    ${strangerTable(fleet)}
  </section>`;

function spreadSection({ spread, version }: Fleet): Markup | null {
  if (spread === null || spread.of === 0 || version === null) return null;
  const { half, most, after, of } = spread;
  const after_ = (seconds: number | null) => (seconds === null ? 'not yet' : `after ${span(seconds)}`);
  const picture = after.length === 0 ? null : curve(spread);
  return markup`<section class="card" aria-labelledby="spread">
    <h2 id="spread">How version ${version} spread</h2>
    <p class="soft">From the publish until a gateway was first seen with it, which is at its next poll.</p>
    <dl class="figures">
      <div>
        <dt>half of the gateways</dt>
        <dd>${after_(half)}</dd>
      </div>
      <div>
        <dt>95 of 100</dt>
        <dd>${after_(most)}</dd>
      </div>
      <div>
        <dt>have been seen with it</dt>
        <dd>${after.length} of ${of}</dd>
      </div>
    </dl>
    ${picture}
  </section>`;
}

/** What asks for nothing: held ones are held by somebody. */
const isInOrder = ({ state, code, held }: GatewayRow): boolean =>
  state === 'current' && (code === null || code === 'OK' || held);

function gatewaySection(
  fleet: Fleet,
  id: string,
  rows: readonly GatewayRow[],
  most: number,
  someExpected: boolean,
): Markup {
  const isTroubled = id === 'troubled';
  const title = isTroubled ? 'Gateways to look at' : 'Gateways in order';
  const silent = markup`<p class="soft">The worst first. Silent is who was given nothing for ${span(fleet.silentAfter)}.</p>`;
  return markup`<section class="card" aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${isTroubled ? silent : null} ${gatewayTable(fleet, rows, most, title, someExpected)}
  </section>`;
}

const claims = (fleet: Fleet): Markup =>
  markup`<section class="card" aria-labelledby="claims">
    <details>
      <summary id="claims">Claimed names that count for nobody: ${fleet.claims.length}</summary>
      <p class="soft">Anybody who may read the list can send any name.</p>
      ${claimTable(fleet)}
    </details>
  </section>`;

const logSection = (notes: readonly string[]): Markup =>
  markup`<section class="card" aria-labelledby="log">
    <h2 id="log">What to know of the log</h2>
    <ul class="notes">
      ${notes.map((note) => markup`<li>${upperFirst(note)}.</li>`)}
    </ul>
  </section>`;
