// Asks a private Postfix that has a software's own look-ups, address by address at RCPT, and keeps what came out of it.
import { appendFileSync } from 'node:fs';
import { startPostfix, until, type Postfix } from '../support/postfix.ts';
import { SmtpClient } from '../support/smtp.ts';

/** `npm run test:sources` asks some thousand addresses; with RELAYMAP_SOURCES=full it asks 20,000 of each software. */
export const SIZE =
  process.env['RELAYMAP_SOURCES'] === 'full' ? { domains: 40, locals: 500 } : { domains: 25, locals: 40 };

/** Milliseconds that one software may take. */
export const PATIENCE = 3_600_000;
/** So often in a row no address may get its answer: where none has any, and where a probe of one was deferred. */
const PASSES = { endless: 8, deferred: 1000 };

export interface Asked {
  /** Look-up tables: name to content, in the configuration folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly mainCf: Readonly<Record<string, string>>;
}

/** Whether Postfix takes each address; one that it cannot answer is an error. */
export async function atRcpt({ files, mainCf }: Asked, addresses: readonly string[]): Promise<Map<string, boolean>> {
  const postfix = await startPostfix({
    files: { ...files },
    mainCf: {
      // A probe is never waited for: who is not known yet is asked again when the queue is empty.
      address_verify_map: '',
      address_verify_poll_count: '1',
      // A probe that a busy host deferred is sent again with the next question.
      address_verify_negative_refresh_time: '1s',
      lmtp_destination_concurrency_limit: '5',
      // A server that a busy host keeps from answering once is not taken for dead.
      default_destination_concurrency_failed_cohort_limit: '1000000',
      ...mainCf,
    },
    masterCf: ['lmtp unix - - n - - lmtp'],
  });
  try {
    return await answersOf(postfix, addresses);
  } finally {
    await postfix.stop();
  }
}

async function answersOf(postfix: Postfix, addresses: readonly string[]): Promise<Map<string, boolean>> {
  const client = await SmtpClient.connect(postfix.port);
  const answers = new Map<string, boolean>();
  let open = addresses;
  let deferred: string | null = null;
  for (let idle = 0; open.length > 0;) {
    if (deferred === null && idle >= PASSES.endless) {
      // Two aliases that lead to each other have no end that could be asked: Postfix says 450 for ever.
      for (const address of open) answers.set(address, false);
      break;
    }
    if (idle >= PASSES.deferred) throw new Error(`no answer: ${deferred}`);
    deferred = null;
    const replies = await client.askMany(open.map(mailbox));
    const unknown: string[] = [];
    for (const [i, { code, text }] of replies.entries()) {
      const address = open[i] ?? '';
      if (code === 450 && text.includes('unverified')) {
        unknown.push(address);
        // A host that is busy, which says why: it is asked again.
        if (!text.includes('verification in progress')) deferred = `${address}: ${code} ${text}`;
      } else if (code !== 250 && code < 500) throw new Error(`${address}: ${code} ${text}`);
      else answers.set(address, code === 250);
    }
    idle = unknown.length < open.length ? 0 : idle + 1;
    open = unknown;
    if (open.length > 0) await until('no probe is under way', async () => (await postfix.queue()).length === 0);
  }
  await client.quit();
  return answers;
}

/** A local part in quotes where SMTP wants them. */
export function mailbox(address: string): string {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const isPlain = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local);
  return isPlain ? address : `"${local.replace(/["\\]/g, String.raw`\$&`)}"${address.slice(at)}`;
}

/** What a gateway answers from a list: with the same recipient_delimiter as the software, or none. */
export function accepts(rows: ReadonlySet<string>, address: string, delimiter = ''): boolean {
  const at = address.lastIndexOf('@');
  const plus = delimiter === '' ? -1 : address.indexOf(delimiter);
  const bare = plus > 0 && plus < at ? address.slice(0, plus) + address.slice(at) : address;
  return rows.has(address) || rows.has(bare) || rows.has(address.slice(at));
}

export interface Result {
  readonly software: string;
  readonly where: string;
  readonly asked: number;
  readonly accepted: number;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

const results: Result[] = [];

/** Compares a list with what was said, and keeps it for the table. */
export function compared(
  software: string,
  where: string,
  rows: ReadonlySet<string>,
  said: ReadonlyMap<string, boolean>,
  delimiter = '',
): Result {
  const asked = [...said];
  const result = {
    software,
    where,
    asked: asked.length,
    accepted: asked.filter(([, is]) => is).length,
    missing: asked.filter(([address, is]) => is && !accepts(rows, address, delimiter)).map(([address]) => address),
    extra: asked.filter(([address, is]) => !is && accepts(rows, address, delimiter)).map(([address]) => address),
  };
  results.push(result);
  // At once: a run of hours that ends early has said what it found.
  const file = process.env['RELAYMAP_SOURCES_TABLE'];
  if (file !== undefined) appendFileSync(file, lineOf(result));
  return result;
}

const lineOf = ({ software, where, asked, accepted, missing, extra }: Result): string =>
  `| ${software} | ${where} | ${asked} | ${accepted} | ${missing.length} | ${extra.length} |\n`;

/** Prints what has been compared. RELAYMAP_SOURCES_TABLE names a file to which each line is added as it comes. */
export function printTable(): void {
  const head =
    '| software | asked at | addresses | accepted | missing | extra |\n| --- | --- | ---: | ---: | ---: | ---: |\n';
  process.stdout.write(`${head}${results.map(lineOf).join('')}`);
}
