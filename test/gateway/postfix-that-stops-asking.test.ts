// A main.cf that is written anew and no longer names the maps is CRITICAL; one that never named them is not, and a
// look that failed changes nothing.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { lookAgain, lostMaps, readAsking } from '../../src/gateway/health/asking.ts';
import { KINDS } from '../../src/gateway/mta-kinds.ts';
import type { InstanceLook, Mta, Use } from '../../src/gateway/mta/mta.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-asking-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
});

const BOTH: Use[] = [
  { map: 'relay_recipients', where: 'relay_recipient_maps' },
  { map: 'relay_domains', where: 'relay_domains' },
];
const T0 = Date.parse('2026-11-26T12:00:00.000Z');
const minutes = (n: number): Date => new Date(T0 + n * 60_000);

/** A server that answers what it is told to, and counts how often it is asked. */
class Server implements Mta {
  readonly kind = 'postfix';
  readonly name = 'Postfix';
  readonly group = KINDS.postfix.group;
  readonly user = KINDS.postfix.user;
  readonly text = KINDS.postfix.text;
  readonly reloadAfter = KINDS.postfix.reloadAfter;
  readonly reloadLine = KINDS.postfix.reloadLine;
  readonly folds = KINDS.postfix.folds;
  readonly deferCode = KINDS.postfix.deferCode;
  readonly types = KINDS.postfix.types;
  instances: string[] = ['/etc/postfix'];
  mark = 'a';
  uses: Use[] | null = BOTH;
  looks = 0;

  marks() {
    return new Map(this.instances.map((name) => [name, this.mark]));
  }
  look(): InstanceLook[] {
    this.looks++;
    return this.instances.map((instance) => ({
      instance,
      uses: this.uses,
      why: this.uses === null ? 'no main.cf' : null,
    }));
  }
  route(nextHop: string) {
    return nextHop;
  }
  reload() {
    return 'done' as const;
  }
  reloadServed() {
    return false;
  }
  isRunning() {
    return null;
  }
}

const lost = () => {
  const read = readAsking(dir);
  return read.is === 'whole' ? lostMaps(read.value).map(({ instance, map, last }) => [instance, map, last]) : read.is;
};

test('seen, then gone: both maps, with the time when they were last named', () => {
  const server = new Server();
  lookAgain(dir, server, minutes(0));
  expect(lost()).toEqual([]);
  [server.mark, server.uses] = ['b', []];
  lookAgain(dir, server, minutes(1));
  const at = minutes(0).toISOString();
  expect(lost()).toEqual([
    ['/etc/postfix', 'relay_recipients', at],
    ['/etc/postfix', 'relay_domains', at],
  ]);
  server.uses = BOTH;
  server.mark = 'c';
  lookAgain(dir, server, minutes(2));
  expect(lost()).toEqual([]);
});

test('never seen: nothing is missed', () => {
  const server = new Server();
  server.uses = [];
  for (const minute of [0, 6, 12]) lookAgain(dir, server, minutes(minute));
  expect([lost(), server.looks]).toEqual([[], 3]);
});

test('looks when the configuration changed, and every five minutes; in between the file is not touched', () => {
  const server = new Server();
  lookAgain(dir, server, minutes(0));
  const { ino } = statSync(path.join(dir, 'mta.json'));
  for (const minute of [1, 2, 4]) lookAgain(dir, server, minutes(minute));
  expect([server.looks, statSync(path.join(dir, 'mta.json')).ino]).toEqual([1, ino]);
  lookAgain(dir, server, minutes(5));
  server.mark = 'b';
  lookAgain(dir, server, minutes(6));
  expect(server.looks).toBe(3);
  lookAgain(dir, server, minutes(-60)); // a clock that was set back must not silence it
  expect(server.looks).toBe(4);
});

test('a look that failed says nothing about the maps', () => {
  const server = new Server();
  lookAgain(dir, server, minutes(0));
  [server.mark, server.uses] = ['b', null];
  lookAgain(dir, server, minutes(1));
  expect(lost()).toEqual([]);
});

test('of several instances the one that stopped is named, and one that is new is not missed', () => {
  const server = new Server();
  server.instances = ['/etc/postfix', '/etc/postfix-in'];
  lookAgain(dir, server, minutes(0));
  server.instances.push('/etc/postfix-out');
  server.look = () => server.instances.map((instance, i) => ({ instance, uses: i === 0 ? BOTH : [], why: null }));
  lookAgain(dir, server, minutes(1));
  expect(lost()).toEqual([
    ['/etc/postfix-in', 'relay_recipients', minutes(0).toISOString()],
    ['/etc/postfix-in', 'relay_domains', minutes(0).toISOString()],
  ]);
});

test('a damaged record is called damaged, and the next look claims nothing that it does not know', () => {
  const server = new Server();
  writeFileSync(path.join(dir, 'mta.json'), '{');
  expect(lost()).toBe('corrupt');
  const { uses } = server;
  server.uses = [];
  lookAgain(dir, server, minutes(0));
  expect(lost()).toEqual([]);
  server.uses = uses;
  lookAgain(dir, server, minutes(6));
  server.uses = [];
  lookAgain(dir, server, minutes(12));
  expect(lost()).toHaveLength(2);
  expect(readFileSync(path.join(dir, 'mta.json'), 'utf8')).toContain('"server": "Postfix"');
});
