/** What `init` says of its comparison: addresses stand here because they come from this host's own maps. Words only. */
import type { Comparison } from './compare.ts';
import type { Today } from './current-recipients.ts';
import { number } from '../say/outcome-lines.ts';
import { several } from '../check/finding.ts';
import { paragraph } from '../say/wrap.ts';

const people = (n: number): string => (n === 1 ? '1 address' : `${number(n)} addresses`);

export function comparisonLines(before: Today, found: Comparison): string[] {
  return [
    '',
    ...now(before),
    ...notRelayed(before, found),
    ...everyone(before),
    ...found.unlisted.flatMap(({ table, asked, known }) =>
      paragraph(
        `${table.table}: ${table.why}, so whom it alone knows is not named here. ${
          known === null
            ? 'It cannot be asked either.'
            : `Of ${number(asked)} rows from all over the new list it knows ${number(known)}.`
        }`,
      ),
    ),
    ...lost(before, found),
    ...found.kept.flatMap(({ table, keys }) =>
      paragraph(
        `${table} stays beside the new map: ${keys === null ? 'whom it accepts cannot be listed' : 'it serves domains that the list does not have'}.`,
      ),
    ),
    ...(found.staying === 0
      ? []
      : paragraph(`It still accepts ${people(found.staying)} in the domains of the list that the list does not have.`)),
    '',
  ];
}

function now({ tables }: Today): string[] {
  return tables
    .filter(({ keys }) => keys !== null)
    .map(({ table, rows }) => `Postfix uses ${table} today (${rows === 1 ? '1 row' : `${number(rows)} rows`}).`);
}

/** Where our map is asked in another way already, as virtual mailboxes say, the class is as it should be. */
function notRelayed({ uses }: Today, { otherClasses }: Comparison): string[] {
  if (uses.some(({ map, where }) => map === 'relay_recipients' && where !== 'relay_recipient_maps')) return [];
  return otherClasses.flatMap(({ parameter, domains }) =>
    paragraph(
      `${parameter} covers ${several(domains)}, so Postfix does not relay there and never asks the list. To let the list decide, take ${domains.length === 1 ? 'it' : 'them'} out of ${parameter}; relaymap check prints the command.`,
    ),
  );
}

function everyone(before: Today): string[] {
  if (before.everyone === null) return [];
  return [
    ...paragraph(
      `Today Postfix accepts every address of ${before.open === null ? 'its relay domains' : several(before.open)}: ${before.everyone}. With the list, it would reject every recipient that is not on it. No map shows which of them exist.`,
    ),
  ];
}

function lost(before: Today, { lost: rows, lostDomains, common, staying, unlisted }: Comparison): string[] {
  const { tables, everyone: all, unseen } = before;
  const wholes = [...lostDomains.map((domain) => `@${domain}`), ...rows.filter((row) => row.startsWith('@'))];
  const single = rows.filter((row) => !row.startsWith('@'));
  const lines: string[] = [];
  if (single.length > 0) {
    lines.push(`${people(single.length)} accepted now would be rejected:`, ...single.map((row) => `  ${row}`));
  }
  if (wholes.length > 0) {
    lines.push(
      'Accepted now whatever stands before the @; then only what the list has:',
      ...[...new Set(wholes)].map((row) => `  ${row}`),
    );
  }
  const compared = tables.some(({ keys }) => keys !== null);
  // What stays in place decides as before, and is named; what could not be listed otherwise makes every claim a guess.
  const isGuess = unseen.length > 0 || unlisted.some(({ table }) => table.isAccess);
  if (lines.length === 0 && compared && all === null) {
    lines.push(
      isGuess
        ? `Of those that could be compared nobody would be rejected (${people(common + staying)}).`
        : `Nobody who is accepted now would be rejected (${people(common + staying)} compared).`,
    );
  }
  return [
    ...lines,
    ...(unseen.length === 0
      ? []
      : ['This decides as well, and was not compared:', ...unseen.map((what) => `  ${what}`)]),
  ];
}
