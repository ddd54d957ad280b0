// Two real publishers at once, killed, paused, cut off, with clocks minutes apart, and lists that are renewed all the
// time, over a folder and over a bucket: versions stay a line, no list is lost, and the loser says so.
// RELAYMAP_BUCKETS_MINUTES=60 goes on for so long, and RELAYMAP_BUCKETS_SEED=N gives the same choices again.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Gateway } from '../support/gateway.ts';
import { nginx } from '../support/web-server.ts';
import { credentialsFile, newBucket, openToAll, s3Tables } from './support/bucket.ts';
import { FaultProxy, type Earlier } from './support/fault-proxy.ts';
import { GatewayPoll, reverseProxy } from './support/gateway-poll.ts';
import { LAGGING, randomPlan } from './support/random-plan.ts';
import { CLOCKS, interleave, type Figures, type Place } from './support/interleavings.ts';
import { Line, type Out } from './support/line.ts';
import { PublisherHost } from './support/publisher-host.ts';

const MINUTES = Number(process.env['RELAYMAP_BUCKETS_MINUTES'] ?? 0);
const SEED = Number(process.env['RELAYMAP_BUCKETS_SEED'] ?? (MINUTES > 0 ? Date.now() % 2 ** 31 : 18));

/** Some rounds in CI; by hand as many as there is time for. */
function until(rounds: number): (done: number) => boolean {
  const end = Date.now() + MINUTES * 60_000;
  return (done) => (MINUTES > 0 ? Date.now() < end : done < rounds);
}

function hosts(): [PublisherHost, PublisherHost] {
  const pair: [PublisherHost, PublisherHost] = [new PublisherHost('a'), new PublisherHost('b')];
  onTestFinished(async () => {
    for (const host of pair) await host.remove();
  });
  return pair;
}

/** @param refused what a gateway refused. */
function expectGood(figures: Figures, refused: readonly string[] = []): void {
  const all = JSON.stringify({ ...figures, refused });
  console.log(all);
  if (MINUTES > 0) writeFileSync(path.join(os.tmpdir(), `relaymap-buckets-${figures.seed}.json`), all);
  expect({ ...figures, refused }).toMatchObject({ lost: [], doubled: [], back: [], refused: [] });
  expect(figures.versions).toBeGreaterThan(figures.rounds);
  if (MINUTES >= 10) expect(figures.renewals).toBeGreaterThan(0);
}

/** A folder that both mount. */
function folder(): { output: string; place: Place } {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-shared-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const output = path.join(dir, 'out');
  mkdirSync(output);
  const manifest = path.join(output, 'manifest.json');
  const place: Place = {
    // eslint-disable-next-line @typescript-eslint/require-await
    read: async () => (existsSync(manifest) ? readFileSync(manifest) : null),
    storm: () => undefined,
    quiet: () => undefined,
    cut: () => false,
    injected: () => ({}),
  };
  return { output, place };
}

/** A bucket, which each reaches through a proxy of its own. */
async function bucket(pair: readonly PublisherHost[], line: Line) {
  const made = await newBucket();
  await openToAll(made);
  const earlier: Earlier = new Map();
  const onStored = (key: string, body: Buffer) => {
    if (key === 'list/manifest.json') line.see(body, false);
  };
  const proxies = await Promise.all(pair.map(() => FaultProxy.start({ store: made.store, earlier, onStored })));
  onTestFinished(async () => {
    for (const proxy of proxies) await proxy.stop();
  });
  const place: Place = {
    read: () => made.client.get(made.name, 'list/manifest.json'),
    storm: (seed) => proxies.forEach((proxy, i) => (proxy.plan = randomPlan(seed + i, 12, LAGGING))),
    quiet: () => proxies.forEach((proxy) => (proxy.plan = () => null)),
    cut: (who, isCut) => {
      const proxy = proxies[who];
      if (isCut) proxy?.cut();
      else proxy?.heal();
      return isCut;
    },
    injected: () => {
      const all: Record<string, number> = {};
      for (const { injected } of proxies) for (const [kind, count] of injected) all[kind] = (all[kind] ?? 0) + count;
      return all;
    },
  };
  return { ...made, proxies, place };
}

test('over one bucket', { timeout: 400_000 + MINUTES * 120_000 }, async () => {
  const pair = hosts();
  const line = new Line();
  const { name, store, proxies, place } = await bucket(pair, line);
  pair.forEach((host, i) =>
    host.configure(
      {
        top: `output = "s3://${name}/list"`,
        tables: s3Tables(credentialsFile(host.dir, store), proxies[i]!.url),
        clock: CLOCKS.at(i - 1) ?? '+0s',
        validity: MINUTES > 0 ? '16s' : '2m', // an expired list is refused, and a busy machine is slow
      },
      pair[1 - i]!,
    ),
  );
  const web = await nginx(reverseProxy(store.url, `${name}/list/`));
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  gateway.configure([{ name: 'example-org', urls: [web.url], keys: pair.map(({ key }) => key) }]);
  const polling = new GatewayPoll(gateway);
  const atRest = async ({ version }: Out) => {
    expect((await polling.next()).version).toBeGreaterThanOrEqual(version); // it may have been renewed since
  };
  const figures = await interleave({ hosts: pair, place, line, seed: SEED, goOn: until(3), atRest });
  const refused = await polling.stop();
  expectGood(figures, refused);
});

test('over one folder', { timeout: 400_000 + MINUTES * 120_000 }, async () => {
  const pair = hosts();
  const { output, place } = folder();
  pair.forEach((host, i) =>
    host.configure(
      { top: `output = "${output}"`, tables: '', clock: CLOCKS.at(i - 1) ?? '+0s', validity: '6s' },
      pair[1 - i]!,
    ),
  );
  expectGood(await interleave({ hosts: pair, place, line: new Line(), seed: SEED, goOn: until(2) }));
});
