// Postfix's answers and ours in the same few words, so that they can be held against each other. Reads installed
// maps, nothing else.
import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import { CdbReader } from '../../src/map/cdb-reader.ts';
import { lookup, type Habits, type Has, type Rejection } from '../../src/map/lookup.ts';
import { typedAddress } from '../../src/map/typed-address.ts';
import type { SmtpReply } from './smtp.ts';

export type Verdict = 'accepted' | 'unlisted' | 'relay access denied' | 'bad address syntax';

const VERDICTS: Record<Rejection, Verdict> = {
  'leading-hyphen': 'bad address syntax',
  'no-host-name': 'bad address syntax',
  'no-relay-domain': 'relay access denied',
  routed: 'relay access denied',
  unlisted: 'unlisted',
};

/** What a reply to RCPT says; the reply itself where it is none of these. */
export function said({ code, text }: SmtpReply): string {
  const is = (verdict: Verdict) => verdict;
  if (code === 250) return is('accepted');
  if (code === 550 && /User unknown in relay recipient table/.test(text)) return is('unlisted');
  if (code === 554 && /Relay access denied/.test(text)) return is('relay access denied');
  if (code === 501 && text.startsWith('5.1.3 ')) return is('bad address syntax');
  return `${code} ${text}`;
}

/** The verdicts that make up less than a twentieth: where there are any, the questions are no longer worth asking. */
export function rare(verdicts: readonly string[]): string[] {
  const count = (verdict: string) => verdicts.filter((v) => v === verdict).length;
  return [...new Set([...Object.values(VERDICTS), 'accepted'])].filter(
    (verdict) => count(verdict) < verdicts.length / 20,
  );
}

/** The maps that a gateway installed, and what has been asked of them. */
export class InstalledMaps {
  readonly recipients = new Map<string, boolean>();
  readonly domains = new Map<string, boolean>();
  readonly #has: readonly [Has, Has];

  constructor(mapDir: string) {
    this.#has = [
      opened(`${mapDir}/relay_recipients.cdb`, this.recipients),
      opened(`${mapDir}/relay_domains.cdb`, this.domains),
    ];
  }

  /** What our look-up says of an address as it stands between `<` and `>`. */
  verdict(question: string, habits: Habits): Verdict | 'not an address' {
    const address = typedAddress(question);
    if (address === null) return 'not an address';
    const toAscii = (domain: string) => domainToASCII(`${domain}.x`).slice(0, -2);
    const { rejection } = lookup({ ...habits, address, toAscii }, ...this.#has);
    return rejection === null ? 'accepted' : VERDICTS[rejection];
  }

  /** Each question on which we differ from Postfix's answers, in words. */
  differences(asked: readonly string[], answers: readonly string[], habits: Habits): string[] {
    return asked.flatMap((question, i) => {
      const ours = this.verdict(question, habits);
      return ours === answers[i] ? [] : [`${question}: ${ours}; Postfix: ${answers[i]}`];
    });
  }
}

function opened(file: string, asked: Map<string, boolean>): Has {
  const bytes = readFileSync(file);
  const reader = new CdbReader((from, length) => bytes.subarray(from, from + length), bytes.length);
  return (key) => {
    const found = reader.get(Buffer.from(key)) !== null;
    asked.set(key, found);
    return found;
  };
}
