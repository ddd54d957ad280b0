// The pages of docs/migrations: each line typed as it stands there, on a Postfix that runs as the page says it does
// today. Somebody asks all the while: nobody on the list is refused for good at any moment, nobody else is ever
// accepted, and the way back is a way back.
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { blocksOf, commandsOf } from '../support/pages.ts';
import { startPostfix, startPrimary, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { answersSo, askOnce } from '../support/smtp.ts';

const PEOPLE = ['alice@example.org', 'bob@example.org', 'postmaster@example.org'];
const NOBODY = 'nobody@example.org';

/** Asks over new connections, one after the other, and keeps what must never be answered. */
class Watch {
  readonly faults: string[] = [];
  asked = 0;
  #goesOn = true;
  readonly #end: Promise<void>;

  constructor(port: number) {
    this.#end = this.#ask(port);
  }

  async #ask(port: number): Promise<void> {
    while (this.#goesOn) {
      const recipients = ['alice@example.org', 'bob@example.org', NOBODY];
      const replies = await askOnce(port, recipients).catch(() => []); // a process that ends hangs up: nobody is refused
      this.asked += replies.length;
      for (const [i, { code, text }] of replies.entries()) {
        const isWrong = recipients[i] === NOBODY ? code < 400 : code >= 500;
        if (isWrong) this.faults.push(`${recipients[i]}: ${code} ${text}`);
      }
      await delay(20); // the lines that are typed need the processor too
    }
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#end;
  }
}

/** A page, the site whose commands it types, and the Postfix of today. */
class Move {
  readonly #page: string;
  watch: Watch | null = null;
  readonly site: Site;
  readonly postfix: Postfix;

  private constructor(page: string, site: Site, postfix: Postfix) {
    this.#page = page;
    this.site = site;
    this.postfix = postfix;
  }

  static async begin(page: string, today: Parameters<typeof startPostfix>[0]): Promise<Move> {
    const site = await createSite();
    onTestFinished(() => site.stop());
    const postfix = await startPostfix(today);
    onTestFinished(() => postfix.stop());
    Object.assign(site.env, postfix.env);
    const bin = path.join(site.dir, 'bin');
    await mkdir(bin);
    await mkdir(path.join(site.dir, 'etc'));
    // The places of a host are not ours; what else stands in the configuration, `init` writes.
    const config = path.join(site.dir, 'etc/relaymap.toml');
    await writeFile(config, `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
    await writeFile(path.join(site.dir, 'token'), 'a-token-of-the-gateways-0123456789\n', { mode: 0o600 });
    // Units are started in the lab; what the service would do is done by hand here.
    await writeFile(path.join(bin, 'systemctl'), '#!/bin/sh\n[ "$*" = "start relaymap" ]\n', { mode: 0o755 });
    for (const [name, file, read] of [
      ['relaymap', 'relaymap.cjs', config],
      ['relaymap-publish', 'relaymap-publish.js', site.publisherConfig],
    ] as const) {
      const words = [process.execPath, path.join(BIN_FOLDER, file)].map((word) => `'${word}'`).join(' ');
      const text = `#!/bin/sh\ncommand=$1; shift\nexec ${words} "$command" --config '${read}' "$@"\n`;
      await writeFile(path.join(bin, name), text);
      await chmod(path.join(bin, name), 0o755);
    }
    return new Move(page, site, postfix);
  }

  #blocks(what: string): string[] {
    const found = blocksOf(`docs/migrations/${this.#page}.md`).filter(({ marks }) => marks.join(' ') === what);
    expect(found.length, `${this.#page} has no block for ${what}`).toBeGreaterThan(0);
    return found.map(({ text }) => this.#here(text));
  }

  #here(text: string): string {
    const { dir, mapDir, url } = this.site;
    const places: [string, string][] = [
      ['/etc/postfix', this.postfix.configDir],
      ['/var/lib/relaymap/maps', mapDir],
      ['/etc/relaymap/example-org.pub', `${dir}/signing/example-org.pub`],
      ['/etc/relaymap/token', `${dir}/token`],
      ['/etc/relaymap/tls.pem', `${dir}/tls.pem`],
      ['/etc/relaymap-publish/recipients', `${dir}/recipients`],
      ['/var/lib/mail/mail.db', `${dir}/mail.db`],
      ['https://mx-central.example.org:8443/', url],
    ];
    const here = places.reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), text);
    expect(here).not.toMatch(/ \/(etc|var|srv)\//);
    return here;
  }

  /** Types the blocks with this mark. */
  async types(what: string): Promise<string> {
    const PATH = `${this.site.dir}/bin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    let said = '';
    for (const line of this.#blocks(`migration ${what}`).flatMap(commandsOf)) {
      const env = { ...process.env, ...this.site.env, PATH, NO_COLOR: '1' };
      const { stdout } = await promisify(execFile)('sh', ['-ec', line], { cwd: this.site.dir, env }).catch(
        (error: { stdout: string; stderr: string }) => {
          throw new Error(`${line}\n${error.stdout}\n${error.stderr}`);
        },
      );
      said += stdout;
    }
    return said;
  }

  /** The page's source, in place of the publisher's. */
  async takesItsSource(): Promise<void> {
    const text = await readFile(this.site.publisherConfig, 'utf8');
    const own = /\[\[source\]\]\n(?:(?!\[).*\n?)*/.exec(text)?.[0];
    if (own === undefined) throw new Error('the publisher has no source');
    const [source = ''] = this.#blocks('migration source');
    await writeFile(
      this.site.publisherConfig,
      text.replace(own, () => `${source}\n\n`),
    );
  }

  /** A cycle, as the service has one each minute. */
  async daemonAsks(): Promise<void> {
    const { stdout } = await promisify(execFile)(path.join(this.site.dir, 'bin/relaymap'), ['fetch', '--json'], {
      env: { ...process.env, ...this.site.env },
    });
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'installed' });
  }

  codes = async (...recipients: string[]): Promise<number[]> =>
    (await askOnce(this.postfix.port, recipients)).map(({ code }) => code);

  /** Waits until Postfix has read its configuration again. */
  answers = (codes: readonly number[], ...recipients: string[]) => answersSo(this.postfix.port, codes, recipients);

  mainCf = (): Promise<string> => readFile(path.join(this.postfix.configDir, 'main.cf'), 'utf8');
}

const RELAY = { relay_domains: 'example.org', relay_transport: 'discard:' };

/** From today's answers by way of 450 to the list's, an update on it, and back. */
async function moves(
  move: Move,
  today: { readonly unknown: number; readonly meanwhile?: number },
  asked: () => Promise<void> = async () => undefined,
) {
  await move.takesItsSource();
  await move.answers([250, 250, today.unknown], 'alice@example.org', 'bob@example.org', NOBODY);
  const watch = (move.watch = new Watch(move.postfix.port));
  onTestFinished(() => watch.stop());
  const before = await move.mainCf();
  await move.types('central');
  await asked();
  const said = await move.types('gateway');
  await move.answers([250, 250, today.meanwhile ?? 450], 'alice@example.org', 'bob@example.org', NOBODY);
  await move.types('end');
  expect(await move.mainCf()).not.toBe(before);
  return { said, before };
}

async function back(move: Move, before: string, unknown: number): Promise<void> {
  await move.types('back');
  await move.answers([250, unknown], 'alice@example.org', NOBODY);
  expect(await move.mainCf()).toBe(before);
  await nothingWrong(move);
}

async function nothingWrong({ watch }: Move): Promise<void> {
  await watch?.stop();
  expect(watch?.faults).toEqual([]);
  expect(watch?.asked).toBeGreaterThan(30);
}

test.each([
  ['copied-maps', 'relay_recipients'],
  ['virtualmin', 'virtual'],
])('%s: nobody is refused on the way, who is on the list', async (page, file) => {
  const rows = PEOPLE.map((row) => `${row}\tOK\n`).join('');
  const move = await Move.begin(page, {
    mainCf: { ...RELAY, relay_recipient_maps: 'texthash:{dir}/relay_recipients' },
    files: { relay_recipients: `${rows}gone@example.org\tOK\n`, virtual: rows, kept: '' },
  });
  if (file === 'relay_recipients') await writeFile(path.join(move.postfix.configDir, 'relay_recipients'), rows);
  const { said, before } = await moves(move, { unknown: 550 });
  if (file === 'virtual') expect(said).toMatch(/gone@example\.org/);
  await move.answers([250, 550], 'alice@example.org', NOBODY);
  await writeFile(path.join(move.postfix.configDir, file), `${rows}dora@example.org\tOK\n`);
  await move.types('central');
  await move.daemonAsks();
  expect(await move.codes('dora@example.org', NOBODY)).toEqual([250, 550]);
  await back(move, before, 550);
});

test('look-ups: the database may be away then', async () => {
  const move = await Move.begin('look-ups', {
    mainCf: { ...RELAY, relay_recipient_maps: 'sqlite:{dir}/recipients.cf' },
    files: { 'recipients.cf': '' },
  });
  const file = path.join(move.site.dir, 'mail.db');
  const rows = [...PEOPLE.map((row) => [row, 1]), ['closed@example.org', 0]];
  const values = rows.map(([row, active]) => `('${row}', ${active})`).join(', ');
  const sql = `CREATE TABLE mailbox (address TEXT, active INTEGER); INSERT INTO mailbox VALUES ${values};`;
  await promisify(execFile)('sqlite3', [file, sql]);
  await chmod(file, 0o644);
  const query = `dbpath = ${file}\nquery = SELECT address FROM mailbox WHERE address = '%s' AND active = 1\n`;
  await writeFile(path.join(move.postfix.configDir, 'recipients.cf'), query);
  await move.postfix.reload();
  const { before } = await moves(move, { unknown: 550 }, async () => {
    expect(await move.types('ask')).toBe('alice@example.org\n');
  });
  await move.answers([250, 550, 550], 'alice@example.org', 'closed@example.org', NOBODY);
  const kept = await readFile(file);
  await writeFile(file, 'no database');
  await move.answers([250, 550], 'bob@example.org', NOBODY);
  await writeFile(file, kept);
  await back(move, before, 550);
});

test('address verification: the primary may be away then, and strangers start no probes', async () => {
  const primary = await startPrimary({ domains: ['example.org'], mailboxes: PEOPLE });
  onTestFinished(() => primary.stop());
  const move = await Move.begin('address-verification', {
    mainCf: {
      relay_domains: 'example.org',
      relay_transport: `relay:[127.0.0.1]:${primary.port}`,
      smtpd_recipient_restrictions: 'reject_unknown_recipient_domain, reject_unverified_recipient',
      address_verify_poll_count: '30',
      unverified_recipient_reject_code: '550',
    },
  });
  // No DNS here: the other restriction stands for whatever else is there, and must stay.
  await promisify(execFile)('postconf', [
    '-c',
    move.postfix.configDir,
    '-e',
    'smtpd_recipient_restrictions = reject_non_fqdn_recipient, reject_unverified_recipient',
  ]);
  await move.postfix.reload();
  await writeFile(path.join(move.site.dir, 'recipients'), PEOPLE.map((row) => `${row}\n`).join(''));
  // The probe's word comes before the list's, until it is taken out.
  await moves(move, { unknown: 550, meanwhile: 550 });
  await move.answers([250, 550], 'alice@example.org', NOBODY);
  expect(await move.postfix.postconf('smtpd_recipient_restrictions')).toBe('reject_non_fqdn_recipient');
  await primary.stop();
  const probes = async () => (await move.postfix.log(/postfix\/verify|status=.*deliverable/)).length;
  const sofar = await probes();
  expect(await move.codes('postmaster@example.org', 'guess-1@example.org', 'guess-2@example.org')).toEqual([
    250, 550, 550,
  ]);
  expect(await probes()).toBe(sofar);
  await move.types('back');
  expect(await move.mainCf()).toMatch(/reject_unverified_recipient/);
  await nothingWrong(move);
});
