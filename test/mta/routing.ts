// Where mail goes once it has been taken (next_hops), and what is said of recipients while a list is out of date
// ([stale]): the same sentences for every kind of mail server, each by mail that is really sent.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KINDS } from '../../src/gateway/mta-kinds.ts';
import { hops, route } from '../support/next-hops.ts';
import { answersSo, SmtpClient } from '../support/smtp.ts';
import type { Kit } from './conformance.ts';
import { COMMAND, CONFIG, MailHost, MAPS } from './mail-host.ts';
import { record } from './results.ts';

const ROWS = ['alice@example.org', 'bob@example.net', 'carol@none.example.com'];
const [ONE, OTHER, SIX] = ['127.0.0.1:2525', '127.0.0.1:2626', '::1:2727'];

/** The name mx.example.org: its MX records name a host that is down and another one, its own address is a third one. */
const NAMES = [
  'mx-host=mx.example.org,down.example.org,5',
  'mx-host=mx.example.org,real.example.org,10',
  'host-record=down.example.org,127.0.0.9',
  'host-record=real.example.org,127.0.0.2',
  'host-record=mx.example.org,127.0.0.3',
  'host-record=plain.example.org,127.0.0.3',
];
const [REAL, REAL_OTHER, ITSELF, ITSELF_OTHER] = ['127.0.0.2:25', '127.0.0.2:2525', '127.0.0.3:25', '127.0.0.3:2525'];

export interface StaleKit extends Kit {
  /** Has it ask the map of what is out of date, where `init` did not do so at first. */
  setUpStale?(host: MailHost): Promise<void>;
}

export interface RoutingKit extends Kit {
  /** Lets it send mail to its own host, and send it at once. */
  allowLoopback?(host: MailHost): Promise<void>;
  /** Has it ask the map of next hops, as `init` says. */
  setUpHops(host: MailHost): Promise<void>;
  /** Has it see new next hops now, where it would some ten seconds later. */
  hurry?(host: MailHost): Promise<void>;
  /** Whether a next hop can be the MX of a name. */
  readonly byMx: boolean;
}

export function routes(kit: RoutingKit): void {
  describe.sequential(`${kit.kind}: next hops`, () => {
    let host: MailHost;
    beforeAll(async () => {
      host = await MailHost.open(await kit.tree());
      await host.names(NAMES);
      await host.sinks([ONE, OTHER, SIX, REAL, REAL_OTHER, ITSELF, ITSELF_OTHER]);
      await kit.prepare(host);
      host.forger.publish(ROWS);
      await kit.setUp(host);
      await kit.start(host);
      await kit.endDeferring?.(host);
      await host.inBundle(
        'domains = ["example.org", "example.net", "*.example.com"]\nnext_hops = ["127.0.0.1", "::1", "*.example.org"]',
      );
    });
    afterAll(() => host.close());

    const publish = async (...rows: string[]) => {
      host.forger.publish(ROWS, hops(host.forger.files, rows).lies);
      const fetched = await host.relaymap('fetch');
      expect(fetched.status, fetched.stderr).toBe(0);
    };

    test('a server that does not ask the next hops yet: check says so, and init has it ask them', async () => {
      await publish(route('example.org', '[127.0.0.1]:2525'), route('example.net', '[127.0.0.1]:2626'));
      await kit.setUpHops(host);
      await kit.allowLoopback?.(host);
      await answersSo(host.smtp, [250], ['alice@example.org']);
      const check = await host.relaymap('check');
      expect(check.stdout).not.toMatch(/does not name transport|next_hops is set/);
    });

    test('mail for two domains goes to two hosts', async () => {
      await delivers(host, kit, ['alice@example.org', ONE], ['bob@example.net', OTHER]);
      record(kit.kind, 'next hop', 'yes');
    });

    test('after an update it goes to another host, by IPv6 too', async () => {
      await publish(route('example.org', '[127.0.0.1]:2626'), route('example.net', '[::1]:2727'));
      await delivers(host, kit, ['alice@example.org', OTHER], ['bob@example.net', SIX]);
    });

    test('lookup says which next hop', async () => {
      const { status, stdout } = await host.relaymap('lookup', 'alice@example.org', 'carol@none.example.com');
      expect([status, stdout]).toEqual([
        0,
        expect.stringMatching(/goes to \[127\.0\.0\.1\]:2626, the next hop of example-org version \d+/),
      ]);
      expect(stdout).toMatch(/carol@none\.example\.com.*\n.*has no next hop/);
    });

    test('[HOST] is the host itself, whatever its MX records say, with a port and without', async () => {
      await publish(route('example.org', '[mx.example.org]'), route('example.net', '[mx.example.org]:2525'));
      await kit.hurry?.(host);
      await delivers(host, kit, ['alice@example.org', ITSELF], ['bob@example.net', ITSELF_OTHER]);
    });

    if (kit.byMx) {
      test('HOST is the MX of that name, the next one where the first is down; without an MX the host itself', async () => {
        await publish(route('example.org', 'mx.example.org'), route('example.net', 'mx.example.org:2525'));
        await kit.hurry?.(host);
        await delivers(host, kit, ['alice@example.org', REAL], ['bob@example.net', REAL_OTHER]);
        await publish(route('example.org', 'plain.example.org'), route('example.net', 'plain.example.org:2525'));
        await kit.hurry?.(host);
        await delivers(host, kit, ['alice@example.org', ITSELF], ['bob@example.net', ITSELF_OTHER]);
        record(kit.kind, 'MX next hop', 'yes');
      });
    } else {
      test('a next hop by MX: its mail waits, check and lookup say so', async () => {
        await publish(route('example.org', 'mx.example.org'), route('example.net', '[127.0.0.1]:2525'));
        await send(host, 'alice@example.org');
        await delivers(host, kit, ['bob@example.net', ONE]);
        expect((await host.relaymap('check')).stdout).toMatch(/error: The next hops? of example\.org .*MX/s);
        expect((await host.relaymap('lookup', 'alice@example.org')).stdout).toMatch(/waits in the queue/);
        record(kit.kind, 'MX next hop', 'its mail waits');
      });
    }

    test('without the map of next hops no mail is lost, and it goes there once the map is back', async () => {
      await publish(route('example.org', '[127.0.0.1]:2525'), route('example.net', '[127.0.0.1]:2525'));
      await host.must(['sh', '-c', `rm -f ${MAPS}/transport*`]);
      const taken = await trySend(host, 'alice@example.org');
      expect(taken).toSatisfy((code: number) => code < 500);
      expect((await host.relaymap('fetch')).status).toBe(0);
      expect(await host.read(`${MAPS}/transport`)).toMatch(/^example\.org\t.*2525/m);
      await delivers(host, kit, ['bob@example.net', ONE]);
    });
  });
}

export function defersWhileStale(kit: StaleKit): void {
  describe.sequential(`${kit.kind}: a list that is out of date`, () => {
    test('fresh: 550; out of date: unknown ones wait, known ones are taken; back again: 550', async () => {
      const host = await MailHost.open(await kit.tree());
      try {
        await kit.prepare(host);
        host.forger.publish(ROWS);
        await kit.setUp(host);
        await kit.start(host);
        await kit.endDeferring?.(host);
        await host.must(['sh', '-c', `printf '\\n[stale]\\nafter = "1h"\\n' >>${CONFIG}`]);
        expect((await host.relaymap('fetch')).status).toBe(0);
        await kit.setUpStale?.(host);
        const asked = ['alice@example.org', 'nobody@example.org'];
        await answersSo(host.smtp, [250, 550], asked);
        const late = await host.relaymapIn(2 * 3_600_000, 'stale');
        expect(late.status, late.stderr).toBe(0);
        const { deferCode: code, group } = KINDS[kit.kind];
        await answersSo(host.smtp, [250, code], asked);
        record(kit.kind, 'out of date', code);
        const lookup = await host.relaymap('lookup', 'nobody@example.org', 'alice@example.org');
        expect([lookup.status, lookup.stdout]).toEqual([1, expect.stringMatching(/nobody@example.org: deferred/)]);
        expect(lookup.stdout).toMatch(/out of date/);
        // Whoever may read the maps and ask nobody says the code of that server, and no other's.
        if (group !== null && (await host.run(['getent', 'group', group])).status === 0) {
          const plain = ['setpriv', '--reuid', 'nobody', '--regid', group, '--clear-groups'];
          const said = await host.run([...plain, ...COMMAND, 'lookup', '--config', CONFIG, 'nobody@example.org']);
          expect([said.status, said.stdout], said.stderr).toEqual([1, expect.stringMatching(`deferred \\(${code}\\)`)]);
        }
        expect((await host.relaymap('check')).stdout).not.toMatch(/does not name stale_domains/);
        host.forger.publish([...ROWS, 'dora@example.org']);
        expect((await host.relaymap('fetch')).status).toBe(0);
        await answersSo(host.smtp, [250, 550, 250], [...asked, 'dora@example.org']);
      } finally {
        await host.close();
      }
    });
  });
}

/**
 * Mail for each recipient comes to its place, and to no other. A server that looks at its maps now and then sends some
 * as before: then it is sent again, until one comes.
 */
async function delivers(host: MailHost, kit: Kit, ...ways: (readonly [recipient: string, place: string])[]) {
  const isLate = kit.seesDomainsLate === true;
  for (const [recipient, place] of ways) {
    const comes = async () => {
      await send(host, recipient);
      await arrived(host, place, recipient, isLate ? 3000 : 60_000);
    };
    for (let left = 20; ; left--) {
      try {
        await comes();
        break;
      } catch (error) {
        if (!isLate || left === 0) throw error;
      }
    }
  }
  const others = readdirSync(path.join(host.dir, 'shared')).filter((name) => name.startsWith('sink-'));
  if (!isLate) expect(others).toEqual([]);
  for (const name of others) await host.must(['rm', '-f', `/shared/${name}`]);
}

/** One message, which must be taken. */
async function send(host: MailHost, recipient: string): Promise<void> {
  const code = await trySend(host, recipient);
  if (code !== 250) throw new Error(`${recipient}: ${code}`);
}

/** @returns the last reply's code */
async function trySend(host: MailHost, recipient: string): Promise<number> {
  const client = await SmtpClient.connect(host.smtp);
  await client.mail('stranger@sender.invalid');
  const rcpt = await client.rcpt(recipient);
  const text = `From: <stranger@sender.invalid>\nTo: <${recipient}>\nDate: ${new Date().toUTCString()}\nSubject: hop\n\nhop\n`;
  const reply = rcpt.code === 250 ? await client.data(text) : rcpt;
  await client.quit();
  return reply.code;
}

/** Waits until a sink has the recipient, and forgets what it has. */
async function arrived(host: MailHost, place: string, recipient: string, limit: number): Promise<void> {
  const file = path.join(host.dir, 'shared', `sink-${place}`);
  const read = () => (existsSync(file) ? readFileSync(file, 'latin1').split('\n') : []);
  for (const end = performance.now() + limit; !read().includes(recipient); await delay(50)) {
    if (performance.now() > end) throw new Error(`no mail for ${recipient} at ${place}: ${read().join()}`);
  }
  await host.must(['rm', '-f', `/shared/sink-${place}`]);
}
