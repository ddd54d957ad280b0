// A gateway says who it is to the origin of a bundle's first URL. Mirrors are run by others, and two lists may be of
// two customers: neither learns anything from the other's requests. No name of a host breaks a request.
// Covers src/gateway/health/user-agent.ts
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseUserAgent } from '../../src/bundle/fleet/user-agent.ts';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey } from '../support/forger.ts';
import type { BundleSetup } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const MX1 = '[report]\nid = "mx1"\n';
const VERSION = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
const says = (what: string) => `relaymap/${VERSION} (${what}; id=mx1)`;

let scene: Scene;
let mirror: Endpoint;

beforeEach(async () => {
  scene = await Scene.open({ installed: false, config: MX1 });
  mirror = await Endpoint.start(scene.forger.files);
  scene.publish(LIST);
});
afterEach(async () => {
  await mirror.stop();
  await scene.close();
});

/** What an endpoint was told since the last call, each thing once. */
const told = (endpoint: Endpoint): string[] => [
  ...new Set(endpoint.asked.splice(0).map(({ headers }) => headers['user-agent'] ?? 'none')),
];

test('the first origin is told what was installed before the cycle, with each of its requests; a mirror nothing', async () => {
  const { endpoint } = scene;
  scene.configure({ urls: [mirror.url, endpoint.url] });
  scene.configure({ urls: [endpoint.url, mirror.url] });
  await scene.installs(1, LIST);
  expect([told(endpoint), told(mirror)]).toEqual([[says('example-org=0; last=-')], ['relaymap']]);
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  expect(endpoint.asked.length).toBeGreaterThan(1); // the manifest, and a table or a delta
  expect([told(endpoint), told(mirror)]).toEqual([[says('example-org=1; last=OK')], ['relaymap']]);
  await scene.unchanged(2);
  expect([told(endpoint), told(mirror)]).toEqual([[says('example-org=2; last=OK')], ['relaymap']]);
});

test('another path of the first origin is that origin; another port is not', async () => {
  const { endpoint } = scene;
  scene.configure({ urls: [endpoint.url, `https://localhost:${endpoint.port}/other/`, mirror.url] });
  await scene.gateway.fetch();
  expect(endpoint.asked.some(({ path }) => path.startsWith('/other/'))).toBe(true);
  expect([told(endpoint), told(mirror)]).toEqual([[says('example-org=0; last=-')], ['relaymap']]);
});

test('the walk through key ring steps says it too', async () => {
  const root = new SigningKey();
  scene.configure({ roots: [root] });
  await scene.gateway.fetch();
  expect(scene.endpoint.asked.map(({ path }) => path)).toContain('keyring/1.json');
  expect(told(scene.endpoint)).toEqual([says('example-org=0; last=-')]);
});

test('after a refusal its code is told, then OK again; a bundle that is held says so, with and without an offer', async () => {
  const { endpoint, gateway } = scene;
  await scene.installs(1, LIST);
  scene.publish(LIST.slice(0, 5));
  await gateway.fetch();
  told(endpoint);
  await gateway.fetch();
  expect(told(endpoint)).toEqual([says('example-org=1; last=SHRUNK')]);
  await gateway.fetch(['--accept-shrink']);
  told(endpoint);
  expect((await gateway.run(['hold'])).status).toBe(0);
  await gateway.fetch();
  told(endpoint);
  await gateway.fetch();
  expect(told(endpoint)).toEqual([says('example-org=2; last=HELD')]);
  scene.publish(LONGER);
  await gateway.fetch();
  told(endpoint);
  await gateway.fetch();
  expect(told(endpoint)).toEqual([says('example-org=2; last=HELD')]);
});

test('of two bundles each origin hears of its own, also where one is the mirror of the other', async () => {
  const key = new SigningKey();
  const forger = new Forger('example-net', [key]);
  forger.publish(['anna@example.net', 'postmaster@example.net']);
  for (const [name, bytes] of forger.files) scene.endpoint.files.set(`net/${name}`, bytes);
  const other = await Endpoint.start(forger.files);
  const { endpoint, gateway } = scene;
  const bundles: BundleSetup[] = [
    { name: 'example-org', urls: [endpoint.url], keys: scene.forger.signers, lines: 'domains = ["example.org"]' },
    {
      name: 'example-net',
      urls: [other.url, `${endpoint.url}net/`],
      keys: [key],
      lines: 'domains = ["example.net"]',
    },
  ];
  gateway.configure(bundles, MX1);
  try {
    const run = await gateway.fetch();
    expect(run.outcome, run.stdout + run.stderr).toBe('installed');
    expect(told(other)).toEqual([says('example-net=0; last=-')]);
    const net = endpoint.asked.filter(({ path }) => path.startsWith('net/'));
    expect(net.map(({ headers }) => headers['user-agent'])).toContain('relaymap');
    for (const { headers } of net) expect(headers['user-agent']).toBe('relaymap');
    expect(told(endpoint).sort()).toEqual(['relaymap', says('example-org=0; last=-')]);
  } finally {
    await other.stop();
  }
});

test('send = false: no origin learns more than the name of the software', async () => {
  scene.configure({ config: '[report]\nsend = false\nid = "mx1"\n' });
  await scene.installs(1, LIST);
  await scene.unchanged(1);
  expect(told(scene.endpoint)).toEqual(['relaymap']);
});

test('the daemon says what is so now, without a restart, and so does the process that it has take a table', async () => {
  const { endpoint, gateway } = scene;
  scene.configure({ config: WHEN_TOLD + MX1 });
  const daemon = new Daemon(gateway);
  const cycle = async (outcome: string) => {
    const ended = daemon.moreCycles(1, outcome);
    daemon.signal('SIGUSR2');
    await ended;
  };
  await daemon.moreCycles(1, 'installed'); // the first cycle is at its start
  await cycle('unchanged');
  scene.publish(LIST.slice(0, 5));
  await cycle('kept');
  scene.publish(LONGER);
  await cycle('installed');
  await cycle('unchanged');
  const blobs = new Set(
    endpoint.asked.filter(({ path }) => path.endsWith('.gz')).map(({ headers }) => headers['user-agent']),
  );
  expect([...blobs]).toEqual([
    says('example-org=0; last=-'),
    says('example-org=1; last=OK'),
    says('example-org=1; last=SHRUNK'),
  ]);
  expect(told(endpoint)).toEqual([...blobs, says('example-org=3; last=OK')]);
  expect((await daemon.stop()).status).toBe(0);
});

describe('the name of the host stands in where there is no id', () => {
  const underName = (name: string) => [
    'unshare',
    '-u',
    'sh',
    '-ec',
    `printf "$0" >/proc/sys/kernel/hostname; exec "$@"`,
    name,
  ];
  test.each([
    ['mx1.example.org', 'mx1.example.org'],
    ['a b\\r(<b>); id=x', 'a-b---b----id-x'],
    ['\\303\\251toile', '-toile'],
    ['0123456789012345678901234567890123456789012345678901234567890123', /^[0-9]{64}$/],
  ])('%j', async (name, id) => {
    scene.configure({ config: '' });
    const run = await scene.gateway.fetch([], { under: underName(name) });
    expect(run.outcome, run.stdout + run.stderr).toBe('installed');
    const [agent = '', ...rest] = told(scene.endpoint);
    expect(rest).toEqual([]);
    expect(parseUserAgent(agent)?.id).toMatch(id);
  });
});

test.each(['id = "mx 1"', 'id = ""', `id = "${'x'.repeat(65)}"`, 'id = "mx1\\r"', 'send = "no"', 'name = "mx1"'])(
  '%s is CONFIG, and nobody is asked',
  async (line) => {
    scene.configure({ config: `[report]\n${line}\n` });
    const run = await scene.gateway.fetch();
    expect([run.outcome, run.code]).toEqual(['kept', 'CONFIG']);
    expect(scene.endpoint.asked).toEqual([]);
  },
);
