// The dashboard and the alert rules against Debian's own Prometheus, which scrapes a live `relaymap run`: an
// expression that errs or finds nothing fails. RELAYMAP_PANELS names a file for all answers, to plot them from.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { fleetLog } from '../support/fleet-log.ts';
import { Daemon } from '../support/daemon.ts';
import { Central, people } from '../publisher/central.ts';
import { freePort, until } from '../support/postfix.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const packaging = (name: string): string => fileURLToPath(new URL(`../../packaging/${name}`, import.meta.url));

const RULES = ['relaymap.rules', 'relaymap-publish.rules'];

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly uid: string };
}
interface Dashboard {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly Target[];
  }[];
}
interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly values: unknown[] }[];
  };
}

const dashboard = JSON.parse(readFileSync(packaging('grafana/relaymap.json'), 'utf8')) as Dashboard;

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({
    config: '[schedule]\ncron = "* * * * * *"\njitter = "0s"\n[health]\nlisten = "127.0.0.1:0"\nwarn_after = "2s"',
  });
});
afterEach(() => scene.close());

/** A private Prometheus that scrapes these addresses each second. @returns its URL. */
async function prometheus(...scraped: string[]): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-prometheus-'));
  const config = `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ${JSON.stringify(RULES.map((name) => packaging(`prometheus/${name}.yml`)))}
scrape_configs:
  - { job_name: relaymap, static_configs: [{ targets: ${JSON.stringify(scraped)} }] }
`;
  writeFileSync(`${folder}/prometheus.yml`, config);
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    rmSync(folder, { recursive: true });
  });
  return `http://127.0.0.1:${port}`;
}

async function ask(url: string, api: string, parameters: Record<string, string>): Promise<Answer | null> {
  try {
    return (await (await fetch(`${url}/api/v1/${api}?${new URLSearchParams(parameters).toString()}`)).json()) as Answer;
  } catch {
    return null; // it is not up yet
  }
}

test('the files are what the tools take', () => {
  const counts = RULES.map((name) => {
    execFileSync('promtool', ['test', 'rules', packaging(`prometheus/${name}.test.yml`)], { stdio: 'pipe' });
    const said = execFileSync('promtool', ['check', 'rules', packaging(`prometheus/${name}.yml`)], {
      encoding: 'utf8',
    });
    return /SUCCESS: (\d+) rules/.exec(said)?.[1];
  });
  expect(counts).toEqual(['15', '11']);
  expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
  expect(new Set(dashboard.panels.map((p) => p.id)).size).toBe(dashboard.panels.length);
  for (const { targets, gridPos } of dashboard.panels) {
    expect(targets.map((t) => t.datasource.uid)).toEqual(targets.map(() => '${datasource}'));
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  }
  expect(dashboard.templating.list.find((v) => v.name === 'datasource')?.type).toBe('datasource');
});

/** A central side that watches, and its fleet. @returns where their metrics are. */
async function centralSide(): Promise<[string, string]> {
  const central = new Central({ further: '[health]\nlisten = "127.0.0.1:0"' });
  central.rows(people(20));
  const child = central.start(['watch']);
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until('the central side publishes', () => (/published version 1 /.test(log) ? true : undefined), 60);
  const file = central.at('access.log');
  writeFileSync(file, fleetLog(Math.floor(Date.now() / 1000)));
  expect((await central.run(['fleet', '--log', file, '--prom', central.at('fleet.prom')])).status).toBe(0);
  const metrics = readFileSync(central.at('fleet.prom'));
  const server = createServer((_, response) => void response.end(metrics)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const fleet = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return [/127\.0\.0\.1:[0-9]+/.exec(log)?.[0] ?? '', fleet];
}

test('each expression finds something in a live gateway and a central side', async () => {
  const daemon = new Daemon(scene.gateway);
  await daemon.says(/health: http/);
  const gateway = /127\.0\.0\.1:[0-9]+/.exec(daemon.log)?.[0] ?? '';
  const url = await prometheus(gateway, ...(await centralSide()));
  const scrapes = async (query: string, value: string) => {
    for (const end = performance.now() + 120_000; performance.now() < end; await sleep(200)) {
      const answer = await ask(url, 'query', { query });
      const [first] = (answer?.data.result ?? []) as unknown as { value: [number, string] }[];
      if (first?.value[1] === value) return;
    }
    throw new Error(`${query} never is ${value}`);
  };
  const start = Date.now() / 1000;
  await scrapes('count_over_time(relaymap_bundle_version[1m]) > bool 3', '1');
  scene.publish(LONGER);
  await scrapes('relaymap_bundle_version', '2');
  scene.publish(LIST, { signers: [] });
  await scrapes('relaymap_bundle_condition{condition="refused"}', '1');
  scene.forger.publish([...LONGER, 'dave@example.org']);
  await scrapes('relaymap_bundle_rows', '65');
  const window = { start: String(start), end: String(Date.now() / 1000), step: '1' };
  const answers = [];
  for (const { title, targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const query = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '10s');
      const answer = await ask(url, 'query_range', { query, ...window });
      expect([answer?.status, answer?.error], `${title}: ${query}`).toEqual(['success', undefined]);
      expect(answer?.data.result.length, `${title}: ${query}`).toBeGreaterThan(0);
      answers.push({ title, legendFormat, result: answer?.data.result });
    }
  }
  const file = process.env['RELAYMAP_PANELS'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(answers));
  expect((await daemon.stop()).status).toBe(0);
});
