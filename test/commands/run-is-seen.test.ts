// Health for every tool: /healthz, /metrics and the textfile, on every outcome, checked by promtool; and an address
// that is taken.
// Covers src/gateway/health/pages.ts, src/gateway/health/textfile.ts, src/gateway/daemon/daemon-health.ts
// Covers src/io/lock-held.ts
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterEach(() => scene.close());

const textfile = (): string => scene.gateway.at('metrics', 'relaymap.prom');
const withTextfile = (more = ''): string => `${WHEN_TOLD}[health]\ntextfile = ${JSON.stringify(textfile())}\n${more}`;
const listening = (address: string): string => `${WHEN_TOLD}[health]\nlisten = "${address}"\n`;

/** What promtool has to say of it: nothing. */
function checked(metrics: string): string {
  expect(execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8', stdio: 'pipe' })).toBe('');
  return metrics;
}

const written = (): string => checked(readFileSync(textfile(), 'utf8'));

async function base(daemon: Daemon): Promise<string> {
  await daemon.says(/health: http/);
  return /http:\/\/\S+(?=\/healthz)/.exec(daemon.log)?.[0] ?? '';
}

const get = async (url: string, method = 'GET'): Promise<{ status: number; type: string; body: string }> => {
  const response = await fetch(url, { method });
  return { status: response.status, type: response.headers.get('content-type') ?? '', body: await response.text() };
};

// Half a minute passes before one that waits for the lock gives up: it begins here, and is looked at last.
let busy: Scene;
let holder: ChildProcess;
let waiting: Promise<unknown>;
beforeAll(async () => {
  busy = await Scene.open();
  busy.configure({ config: `[health]\ntextfile = ${JSON.stringify(busy.gateway.at('relaymap.prom'))}\n` });
  const lock = path.join(busy.gateway.stateDir, 'lock');
  holder = spawn('flock', ['-o', lock, 'sh', '-c', 'echo held; read -r _'], { stdio: ['pipe', 'pipe', 'ignore'] });
  if (holder.stdout !== null) await once(holder.stdout, 'data');
  waiting = busy.gateway.fetch();
  waiting.catch(() => undefined); // the test tells
});
afterAll(async () => {
  holder.stdin?.end();
  await busy.close();
});

describe('by HTTP', () => {
  test.each(['127.0.0.1:0', '[::1]:0'])(
    '%s: health as health --json has it, metrics that promtool likes',
    async (address) => {
      scene.configure({ config: listening(address) });
      const daemon = new Daemon(scene.gateway);
      const url = await base(daemon);
      await daemon.until(() => daemon.cycles('unchanged') === 1, 'the first cycle');
      const { status, type, body } = await get(`${url}/healthz`);
      expect([status, type]).toEqual([200, 'application/json']);
      expect(JSON.parse(body)).toEqual((await scene.gateway.health()).json);
      const metrics = checked((await get(`${url}/metrics`)).body);
      for (const line of [
        'relaymap_health_status 0',
        'relaymap_bundle_version{bundle="example-org"} 1',
        'relaymap_bundle_rows{bundle="example-org"} 63',
        'relaymap_bundle_condition{bundle="example-org",condition="refused"} 0',
        'relaymap_cycles_total{bundle="example-org",outcome="unchanged",code=""} 1',
        'relaymap_config_last_reload_successful 1',
      ])
        expect(metrics).toContain(`${line}\n`);
      expect(metrics).not.toMatch(/@/);
      expect((await get(`${url}/`)).status).toBe(404);
      expect((await get(`${url}/metrics`, 'POST')).status).toBe(405);
      expect((await get(`${url}/metrics`, 'HEAD')).body).toBe('');
      expect((await daemon.stop()).status).toBe(0);
    },
  );

  test('a refusal is told and is still 200; a damaged map is 503; neither sticks', async () => {
    scene.configure({ config: listening('127.0.0.1:0') });
    const daemon = new Daemon(scene.gateway);
    const url = await base(daemon);
    await daemon.until(() => daemon.cycles('unchanged') === 1, 'the first cycle');
    scene.publish(LONGER, { signers: [] });
    daemon.signal('SIGUSR2');
    await daemon.until(() => daemon.cycles('kept') === 1, 'the second cycle');
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/metrics`)).body).toContain('condition="refused"} 1\n');
    rmSync(path.join(scene.gateway.mapDir, 'relay_recipients.cdb'));
    const { status, body } = await get(`${url}/healthz`);
    expect([status, body]).toEqual([503, expect.stringMatching(/"critical".*map damaged/)]);
    scene.forger.publish(LIST);
    daemon.signal('SIGUSR2');
    await daemon.until(() => daemon.cycles('installed') === 2, 'the third cycle'); // the first copy was one too
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/metrics`)).body).not.toMatch(/condition="[a-z_]+"\} 1\n/);
    expect((await daemon.stop()).status).toBe(0);
  });

  test('a configuration that was refused shows until a good one is read', async () => {
    scene.configure({ config: listening('127.0.0.1:0') });
    const daemon = new Daemon(scene.gateway);
    const url = await base(daemon);
    const good = readFileSync(scene.gateway.config);
    writeFileSync(scene.gateway.config, 'x');
    daemon.signal('SIGHUP');
    await daemon.says(/old configuration stays in use/);
    expect((await get(`${url}/metrics`)).body).toContain('relaymap_config_last_reload_successful 0\n');
    writeFileSync(scene.gateway.config, good);
    daemon.signal('SIGHUP');
    await daemon.says(/read again/);
    expect((await get(`${url}/metrics`)).body).toContain('relaymap_config_last_reload_successful 1\n');
    expect((await daemon.stop()).status).toBe(0);
  });

  test('an address that is taken: told, the mail goes on, and it is taken as soon as it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    scene.configure({ config: listening(`127.0.0.1:${port}`) });
    const daemon = new Daemon(scene.gateway);
    await daemon.says(/^warning: health\.listen 127\.0\.0\.1:[0-9]+: .*EADDRINUSE/);
    scene.publish(LONGER);
    daemon.signal('SIGUSR2');
    await daemon.says(/installed version 2/);
    other.close();
    await once(other, 'close');
    daemon.signal('SIGUSR2');
    expect((await get(`${await base(daemon)}/healthz`)).status).toBe(200);
    expect(daemon.log.match(/EADDRINUSE/g)).toHaveLength(1);
    expect((await daemon.stop()).status).toBe(0);
  });
});

describe('the textfile', () => {
  beforeEach(() => {
    mkdirSync(path.dirname(textfile()));
    scene.configure({ config: withTextfile() });
  });

  test('after fetch: unchanged, installed, refused, could not; counted on, readable for all, whole', async () => {
    await scene.unchanged(1);
    expect(written()).toContain('relaymap_cycles_total{bundle="example-org",outcome="unchanged",code=""} 1\n');
    expect(lstatSync(textfile()).mode & 0o777).toBe(0o644);
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    expect(written()).toMatch(/fetch_bytes_total\{bundle="example-org",via="full"\} [1-9]/);
    scene.publish(LIST, { signers: [] });
    await scene.gateway.fetch();
    await scene.gateway.fetch();
    expect(written()).toContain('relaymap_cycles_total{bundle="example-org",outcome="kept",code="BAD_SIGNATURE"} 2\n');
    expect(written()).toContain('relaymap_bundle_version{bundle="example-org"} 2\n');
    scene.configure({ urls: ['https://127.0.0.1:1/'] });
    await scene.gateway.fetch();
    expect(written()).toContain(
      'relaymap_bundle_last_cycle_info{bundle="example-org",outcome="kept",code="NETWORK"} 1\n',
    );
    expect(existsSync(path.join(path.dirname(textfile()), '.relaymap.prom.new'))).toBe(false);
  });

  test('after a run that failed before any bundle', async () => {
    rmSync(scene.gateway.keyDir(), { recursive: true });
    await scene.failed('CONFIG');
    expect(written()).toContain('relaymap_cycles_total{bundle="",outcome="kept",code="CONFIG"} 1\n');
  });

  test('after import, and not after a dry run', async () => {
    expect((await scene.gateway.fetch(['--dry-run'])).outcome).toBe('unchanged');
    expect(existsSync(textfile())).toBe(false);
    const stick = scene.gateway.at('stick');
    mkdirSync(path.join(stick, 'recipients'), { recursive: true });
    for (const [name, bytes] of scene.forger.files) writeFileSync(path.join(stick, name), bytes);
    expect((await scene.gateway.run(['import', stick, '--json'])).status).toBe(0);
    expect(written()).toContain('outcome="unchanged",code=""} 1\n');
  });

  test('after each cycle of the daemon', async () => {
    const daemon = new Daemon(scene.gateway);
    await daemon.until(() => existsSync(textfile()), 'the textfile is there');
    await daemon.until(() => daemon.cycles('unchanged') === 1, 'the first cycle');
    await daemon.until(
      () => /outcome="unchanged",code=""\} 1\n/.test(readFileSync(textfile(), 'utf8')),
      'it is counted',
    );
    written();
    expect((await daemon.stop()).status).toBe(0);
  });

  test('a folder that is not there is a warning and no failure', async () => {
    rmSync(path.dirname(textfile()), { recursive: true });
    const { stderr } = await scene.unchanged(1);
    expect(stderr).toMatch(/^warning: the textfile .* cannot be written/m);
  });
});

test('the textfile after a run that did not get the lock', async () => {
  await waiting;
  const text = checked(readFileSync(busy.gateway.at('relaymap.prom'), 'utf8'));
  expect(text).toContain('relaymap_cycles_total{bundle="",outcome="kept",code="BUSY"} 1\n');
  expect(text).toContain('relaymap_bundle_version{bundle="example-org"} 1\n');
});
