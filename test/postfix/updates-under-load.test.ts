// Fifty updates while mail comes in: every connection must get the right answer, old or new, and never a temporary
// error. What is installed counts from the next connection on; what is in the list all the time is accepted all the
// time.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { askOnce, SmtpClient } from '../support/smtp.ts';

const updates = 50;
const always = Array.from({ length: 200 }, (_, i) => `staff-${i}@example.org`);
const never = 'nobody@example.org';
let site: Site;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite();
  await site.publishAndFetch([...always, guest(0)]);
  gateway = await startGateway({ mapDir: site.mapDir });
  Object.assign(site.env, gateway.env);
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), site?.stop()]);
});

test(`${updates} updates under steady connections: no 4xx, no wrong 550, changes seen at the next connection`, async () => {
  const load = startLoad(gateway.port, 4);
  const patient = await SmtpClient.connect(gateway.port);
  try {
    for (let update = 1; update <= updates; update++) {
      expect(await codes(guest(update), guest(update - 1), never), `before update ${update}`).toEqual([550, 250, 550]);
      expect((await site.publishAndFetch([...always, guest(update)])).outcome).toBe('installed');
      expect(await codes(guest(update), guest(update - 1), never), `after update ${update}`).toEqual([250, 550, 550]);
      // One connection stays open through all of it.
      expect((await patient.ask(always[update] ?? '')).code).toBe(250);
      expect((await patient.ask(never)).code).toBe(550);
    }
  } finally {
    await load.stop();
    patient.destroy();
  }
  expect(load.wrong).toEqual([]);
  // The load was there: several connections for every update.
  expect(load.connections).toBeGreaterThan(updates * 4);
  expect(await gateway.log(/(?:fatal|error|panic):|throttling|refreshing the Postfix/)).toEqual([]);
}, 400_000);

function guest(update: number): string {
  return `guest-${update}@example.org`;
}

async function codes(...recipients: string[]): Promise<number[]> {
  return (await askOnce(gateway.port, recipients)).map((reply) => reply.code);
}

/** Clients that connect, ask for two recipients, and hang up, over and over. */
function startLoad(port: number, clients: number) {
  const load = { wrong: [] as string[], connections: 0, stop };
  const stopping = new AbortController();
  const workers = Array.from({ length: clients }, (_, worker) => work(worker));

  async function work(worker: number): Promise<void> {
    for (let turn = worker; !stopping.signal.aborted; turn += clients) {
      const staff = always[turn % always.length] ?? '';
      try {
        const replies = await askOnce(port, [staff, never]);
        const [first, second] = replies.map((reply) => `${reply.code} ${reply.text}`);
        if (!first?.startsWith('250 ')) load.wrong.push(`${staff}: ${first}`);
        if (!second?.startsWith('550 ')) load.wrong.push(`${never}: ${second}`);
      } catch (error) {
        load.wrong.push(String(error));
      }
      load.connections += 1;
      // A pace, not a wait: the updates need some of the processor too.
      await delay(20);
    }
  }
  async function stop(): Promise<void> {
    stopping.abort();
    await Promise.all(workers);
  }
  return load;
}
