/** Where an Exim configuration names relaymap's maps, and whether it gets there. Pure. */
import path from 'node:path';
import { ASKED_MAPS } from '../../map-files.ts';
import type { Use } from '../mta.ts';

/** @param lines of the configuration, macros and included files in their places */
export function eximUses(mapDir: string, lines: readonly string[]): Use[] {
  const found = new Map<string, Use>();
  for (const { where, line } of placed(lines)) {
    for (const map of ASKED_MAPS) {
      if (!line.includes(`${path.join(mapDir, map)}.cdb`) || !isReached(where, lines)) continue;
      found.set(`${map} ${where.name}`, { map, where: where.name });
    }
  }
  return [...found.values()];
}

interface Place {
  /** For a person: `acl_check_rcpt`, `domainlist relay_to_domains`. */
  readonly name: string;
  /** What another line names it by; null for an option, which is read in any case. */
  readonly reference: RegExp | null;
  /** The line that defines it. */
  readonly line: number;
}

function placed(lines: readonly string[]): { where: Place; line: string }[] {
  let [section, label, at] = ['main', '', 0];
  return lines.flatMap((line, i) => {
    const [, begins] = /^begin\s+(\w+)/.exec(line) ?? [];
    if (begins !== undefined) [section, label] = [begins, ''];
    const [, labelled] = /^(\w+)\s*:\s*$/.exec(line) ?? [];
    if (labelled !== undefined && section !== 'main') [label, at] = [labelled, i];
    if (/^[A-Z]\w*\s*==?/.test(line)) return []; // a macro: it is nothing until a line has it
    if (section !== 'main') {
      const reference = section === 'acl' ? new RegExp(`\\b${label}\\b`) : null;
      return [{ where: { name: section === 'acl' ? label : `${section} ${label}`, reference, line: at }, line }];
    }
    const [, kind, name = ''] = /^(domainlist|addresslist|localpartlist|hostlist)\s+(\w+)/.exec(line) ?? [];
    if (kind === undefined) return [{ where: { name: line.split(/[\s=]/)[0] ?? '', reference: null, line: i }, line }];
    return [{ where: { name: `${kind} ${name}`, reference: new RegExp(`\\+${name}\\b`), line: i }, line }];
  });
}

const isReached = ({ reference, line }: Place, lines: readonly string[]): boolean =>
  reference === null || lines.some((other, i) => i !== line && reference.test(other));
