// What every kind of mail server must do with relaymap's maps, each sentence by a live SMTP dialogue with the real
// server: docs/CONTRIBUTING.md, "To add an MTA". What a kind cannot do is told in its kit, and is tested as well.
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kind } from '../../src/gateway/mta-kinds.ts';
import type { DebianTree } from '../support/debian-tree.ts';
import { answersSo, askOnce, SmtpClient } from '../support/smtp.ts';
import { MailHost, MAPS } from './mail-host.ts';
import { record } from './results.ts';

export interface Kit {
  readonly kind: Kind;
  tree(): Promise<DebianTree>;
  /** What stands in the server's configuration before relaymap comes: it relays what it takes, and delivers nothing. */
  prepare(host: MailHost): Promise<void>;
  /** Has it ask the maps, as `init` says; `output` is what it printed. */
  setUp(host: MailHost): Promise<void>;
  start(host: MailHost): Promise<void>;
  /** Ends the deferring of unknown recipients with which `init --apply` begins; absent where it does not begin so. */
  endDeferring?(host: MailHost): Promise<void>;
  /** Has it take user+tag@ for user@; absent where it does so in any case. */
  setDelimiter?(host: MailHost): Promise<void>;
  /** Takes our maps out of its configuration. */
  forget(host: MailHost): Promise<void>;
  /** What a stranger is answered while the map is not there: deferred, or as before since it is in memory. */
  readonly withoutMap: 'defers' | 'answers as before';
  /** Whether it takes addresses beyond ASCII. */
  readonly utf8: boolean;
  /** A new domain is not seen at the next connection, but a moment later. */
  readonly seesDomainsLate?: boolean;
}

const ROWS = [
  '@wild.example.net',
  'alice@example.org',
  'bob@example.org',
  'grösse@example.org',
  'idn@xn--mnchen-3ya.example',
  'idn@münchen.example',
  'postmaster@example.org',
  'strasse@example.org',
];
const LATER = [...ROWS.filter((row) => row !== 'bob@example.org'), 'carol@example.org', 'dora@example.com'].sort();

export function conforms(kit: Kit): void {
  describe.sequential(kit.kind, () => {
    let host: MailHost;
    beforeAll(async () => {
      host = await MailHost.open(await kit.tree());
      await kit.prepare(host);
    });
    afterAll(() => host.close());

    /** Codes of RCPT, over one new connection. */
    const codes = async (...recipients: string[]): Promise<number[]> =>
      (await askOnce(host.smtp, recipients, { utf8: kit.utf8 })).map(({ code }) => code);
    const found = (what: string, value: string | number) => record(kit.kind, what, value);

    test('init: the list is installed, and the server asks it; done again it changes nothing', async () => {
      host.forger.publish(ROWS);
      await kit.setUp(host);
      await kit.start(host);
      await answersSo(host.smtp, [250], ['alice@example.org']);
      const again = await host.init(kit.kind);
      expect([again.status, again.stdout], again.stderr).toEqual([0, expect.stringMatching(/already/)]);
    });

    test('a recipient of the list is taken, one that nobody has is deferred at first and refused then', async () => {
      if (kit.endDeferring !== undefined) {
        const [known, unknown] = await codes('alice@example.org', 'nobody@example.org');
        expect(known).toBe(250);
        expect(Math.floor((unknown ?? 0) / 100)).toBe(4);
        await kit.endDeferring(host);
        await answersSo(host.smtp, [250, 550], ['alice@example.org', 'nobody@example.org']);
      }
      const [present, absent, foreign] = await codes('alice@example.org', 'nobody@example.org', 'x@elsewhere.example');
      expect(present).toBe(250);
      expect([absent, foreign]).toEqual([expect.toSatisfy(isRefusal), expect.toSatisfy(isRefusal)]);
      found('present', present ?? 0);
      found('absent', absent ?? 0);
    });

    test('upper case, and a row @domain, are found', async () => {
      expect(await codes('ALICE@EXAMPLE.ORG', 'Who-Ever@wild.example.net', 'x@WILD.example.NET')).toEqual([
        250, 250, 250,
      ]);
      found('@domain', 250);
    });

    test('user+tag@ is user@ where it is told so, or always', async () => {
      const always = (await codes('alice+x@example.org'))[0] === 250;
      expect(always).toBe(kit.setDelimiter === undefined);
      await kit.setDelimiter?.(host);
      await answersSo(host.smtp, [250, 550], ['alice+x@example.org', 'nobody+x@example.org']);
      found('user+tag', always ? 'always' : 'if set');
    });

    test('an internationalised domain is found by its A-label', async () => {
      expect(await codes('idn@xn--mnchen-3ya.example', 'IDN@XN--mnchen-3YA.example')).toEqual([250, 250]);
      if (!kit.utf8) found('IDN', 'A-label');
      if (!kit.utf8) found('folding', 'none');
    });

    if (kit.utf8) {
      test('beyond ASCII it folds as Unicode says, also where that is not lower case', async () => {
        const asked = ['GRÖSSE@example.org', 'Größe@example.org', 'GRÖßE@example.org', 'straße@example.org'];
        expect(await codes(...asked, 'STRAẞE@example.org', 'grösser@example.org')).toEqual([
          250,
          250,
          250,
          250,
          250,
          expect.toSatisfy(isRefusal),
        ]);
        expect(await codes('idn@münchen.example', 'IDN@MÜNCHEN.example')).toEqual([250, 250]);
        found('IDN', 'both labels');
        found('folding', 'as Unicode');
      });
    } else {
      test('addresses beyond ASCII are not taken, and check says so', async () => {
        const said = await host.relaymap('check');
        expect(said.stdout).toMatch(/beyond ASCII/);
      });
    }

    test('an update is seen without a restart, also of a new domain', async () => {
      expect((await host.update(LATER)).status).toBe(0);
      if (kit.seesDomainsLate === true) await answersSo(host.smtp, [250], ['dora@example.com']);
      const [kept, come, domain, gone] = await codes(
        'alice@example.org',
        'carol@example.org',
        'dora@example.com',
        'bob@example.org',
      );
      expect([kept, come, domain]).toEqual([250, 250, 250]);
      expect(gone).toSatisfy(isRefusal);
      found('update', 'next connection');
      found('new domain', kit.seesDomainsLate === true ? 'a moment later' : 'next connection');
    });

    test('updates under load: no recipient that every version has is ever refused', async () => {
      const end = new AbortController();
      const seen = new Map<number, number>();
      const ask = async () => {
        while (!end.signal.aborted) {
          for (const code of await codes('alice@example.org', 'postmaster@example.org', 'x@wild.example.net'))
            seen.set(code, (seen.get(code) ?? 0) + 1);
        }
      };
      const load = Promise.all([ask(), ask()]);
      try {
        for (let i = 0; i < 5; i++) {
          const fetched = await host.update(
            [...LATER, 'user@example.org', `user-${i}@example.org`, `user@${i}.example.com`].sort(),
          );
          expect(fetched.status, fetched.stderr).toBe(0);
          const domain = kit.seesDomainsLate === true ? 'example.org' : `${i}.example.com`;
          expect(await codes(`user-${i}@example.org`, `user@${domain}`)).toEqual([250, 250]);
        }
      } finally {
        end.abort();
        await load;
      }
      expect([...seen.keys()]).toEqual([250]);
      expect(seen.get(250)).toBeGreaterThan(20);
    });

    test('lookup says what the server says', async () => {
      const some = ['alice@example.org', 'nobody@example.org', 'x@elsewhere.example', 'Any@wild.example.net'];
      const answers = await codes(...some);
      for (const [i, address] of some.entries()) {
        const { status, stdout, stderr } = await host.relaymap('lookup', address);
        expect([address, status], stdout + stderr).toEqual([address, answers[i] === 250 ? 0 : 1]);
      }
    });

    test('check finds nothing wrong but what is told elsewhere', async () => {
      const { stdout } = await host.relaymap('check');
      expect(stdout.split('\n\n').filter((part) => part.startsWith('error'))).toEqual([]);
    });

    test('without a map no recipient is refused for good; the next cycle brings it back', async () => {
      await host.must(['rm', `${MAPS}/relay_recipients.cdb`, `${MAPS}/relay_recipients`]);
      const [known] = await codes('alice@example.org').catch(() => [421]);
      expect(known).toSatisfy((code: number) => (kit.withoutMap === 'defers' ? isDelay(code) : code === 250));
      found('absent map', kit.withoutMap === 'defers' ? (known ?? 0) : 'old table');
      expect((await host.relaymap('health')).stdout).toMatch(/CRITICAL.*map damaged/);
      expect((await host.relaymap('fetch')).status).toBe(0);
      expect(await codes('alice@example.org')).toEqual([250]);
    });

    test('a map that is cut short delays mail, and is healed', async () => {
      // Another file in its place, as every map comes: Postfix has the old one mapped into its memory.
      for (const name of ['relay_recipients.cdb', 'relay_recipients'])
        await host.must(['sh', '-c', 'head -c 100 "$1" >/tmp/cut && mv /tmp/cut "$1"', 'sh', `${MAPS}/${name}`]);
      // Postfix' smtpd does not start: a client gets no greeting, and tries again later.
      const known = await askOnce(host.smtp, ['alice@example.org'], { silence: 10_000 }).then(
        ([reply]) => reply?.code,
        () => 421,
      );
      expect(known).toSatisfy((code: number) => code === 250 || isDelay(code));
      found('cut map', known === 250 ? 'old table' : '4xx');
      const fetched = await host.relaymap('fetch');
      expect(fetched.status, fetched.stderr).toBe(0);
      // Postfix' master waits a minute before it starts a process that could not start.
      await answersSo(host.smtp, [250], ['alice@example.org']).catch(() =>
        answersSo(host.smtp, [250], ['alice@example.org']),
      );
    });

    test('1,000,000 rows: the first, the last and none are told apart', async () => {
      const rows = Array.from({ length: 999_000 }, (_, i) => `mailbox-${String(i).padStart(7, '0')}@example.org`);
      let fetched = await host.update([...new Set([...LATER, 'user@example.org', ...rows])].sort());
      // The server of the lists is this process, which was long busy with the rows: a connection may be closed.
      if (fetched.stderr.includes('NETWORK')) fetched = await host.relaymap('fetch');
      expect(fetched.status, fetched.stderr).toBe(0);
      const [first = '', last = ''] = [rows[0], rows.at(-1)];
      expect(await codes(first, last, 'mailbox@example.org')).toEqual([250, 250, expect.toSatisfy(isRefusal)]);
      const some = Array.from({ length: 9 }, (_, i) => i);
      const present = await lookupTime(
        host.smtp,
        some.map((i) => rows[i * 110_000] ?? ''),
      );
      const absent = await lookupTime(
        host.smtp,
        some.map((i) => `nobody-${i}@example.org`),
      );
      found('1,000,000 rows, present, ms', Number(present.toPrecision(2)));
      found('1,000,000 rows, absent, ms', Number(absent.toPrecision(2)));
    });

    test('a server that no longer asks is critical, and check says what to type', async () => {
      const before = await host.relaymap('status');
      expect(before.stdout).toMatch(/asks\n/);
      await kit.forget(host);
      expect((await host.relaymap('fetch')).status).toBe(0);
      const health = await host.relaymap('health');
      expect([health.status, health.stdout]).toEqual([2, expect.stringMatching(/no longer/)]);
      const check = await host.relaymap('check');
      expect([check.status, check.stdout]).toEqual([1, expect.stringMatching(/error: .*relay_recipients/s)]);
    });
  });
}

const isRefusal = (code: number): boolean => code >= 500;
const isDelay = (code: number): boolean => code >= 400 && code < 500;

/** One recipient after the other over one connection, milliseconds each; the fastest half of them counts. */
export async function lookupTime(smtp: string, recipients: readonly string[]): Promise<number> {
  const client = await SmtpClient.connect(smtp);
  const times: number[] = [];
  for (const recipient of recipients) {
    await client.mail('stranger@sender.invalid');
    const from = performance.now();
    await client.rcpt(recipient);
    times.push(performance.now() - from);
    await client.rset();
  }
  await client.quit();
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
