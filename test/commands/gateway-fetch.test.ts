// What `relaymap fetch` does when nothing is wrong, and what a person reads at a terminal when something is.
// Covers src/bin/gateway/fetch-command.ts, src/bin/gateway/fetch-options.ts, src/bin/fetch-entry.ts
// Covers src/bin/relaymap.ts, src/gateway/cycle, src/gateway/say, src/bin/gateway/record-failure.ts
// Covers src/bin/seed-hashes.ts
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const conditions = (): (string | undefined)[] => scene.endpoint.asked.map((a) => a.headers['if-none-match']);

describe('requests', () => {
  test('an unchanged list is asked for with its ETag, and a 304 moves nothing', async () => {
    for (let i = 0; i < 2; i++) {
      const { bundle } = await scene.unchanged(1);
      expect(bundle.wireBytes).toBe(0);
      expect(conditions()).toEqual([expect.stringMatching(/^"[0-9a-f]{32}"$/)]);
      expect(scene.endpoint.take()).toEqual(['manifest.json']);
    }
  });

  test('a server without ETags is asked without condition, and the same manifest is unchanged too', async () => {
    const plain = await Scene.open({ installed: false });
    onTestFinished(() => plain.close());
    plain.endpoint.misbehaviour = ({ response, file }) => void response.writeHead(200).end(file);
    plain.publish(LIST);
    await plain.installs(1, LIST);
    plain.endpoint.take();
    const { bundle } = await plain.unchanged(1);
    expect(plain.endpoint.asked.map((a) => a.headers['if-none-match'])).toEqual([undefined]);
    expect(bundle.wireBytes).toBe(plain.forger.files.get('manifest.json')?.length);
  });

  test('the ETag of what was refused is not used', async () => {
    scene.publish(LIST.slice(50));
    await scene.gateway.fetch();
    const [refused] = scene.endpoint.asked;
    scene.endpoint.asked.length = 0;
    const { bundle } = await scene.gateway.fetch();
    expect(bundle.code).toBe('SHRUNK');
    expect(conditions()[0]).toBe(refused?.headers['if-none-match']);
    expect(scene.endpoint.take()).toHaveLength(2);
  });

  test('--force asks without condition, takes the whole table and installs it again', async () => {
    const before = scene.gateway.maps();
    const { bundle } = await scene.installs(1, LIST, ['--force']);
    expect(bundle.via).toBe('full');
    expect(conditions()).toEqual([undefined, undefined]);
    expect(scene.endpoint.take()).toEqual(['manifest.json', expect.stringMatching(/^recipients\/[0-9a-f]{64}\.gz$/)]);
    const after = scene.gateway.maps();
    for (const [name, map] of Object.entries(after)) {
      expect(map.sha256).toBe(before[name]?.sha256);
      // stale_domains is made of the times of the cycles, not of the list.
      if (!name.startsWith('stale_domains')) expect(map.inode).not.toBe(before[name]?.inode);
    }
  });

  test('every request says that no encoding is wanted, and goes to the base URL', async () => {
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    for (const { headers, path: asked } of scene.endpoint.asked) {
      expect(headers['accept-encoding']).toBe('identity');
      expect(headers.authorization).toBeUndefined();
      expect(asked).not.toMatch(/^\//);
    }
  });

  test('all body bytes are counted', async () => {
    const { table, manifestFile } = scene.publish(LONGER);
    const { bundle } = await scene.installs(2, LONGER);
    expect(bundle.wireBytes).toBe(manifestFile.length + (scene.forger.files.get(table)?.length ?? 0));
    expect(bundle.ms).toBeGreaterThan(0);
  });
});

describe('a change of the configuration recompiles without asking for a table', () => {
  test('value', async () => {
    scene.configure({ config: '[maps]\nvalue = "RELAY here"' });
    const { outcome } = await scene.gateway.fetch();
    expect(outcome).not.toBe('kept');
    expect(scene.endpoint.take()).toEqual(['manifest.json']);
    expect(scene.gateway.text()).toMatch(/^alice@example\.org\tRELAY here$/m);
    await scene.unchanged(1);
  });

  test('domains: rows that it may not speak for any more are left out', async () => {
    const rows = [...LIST, 'x@example.net'];
    scene.publish(rows);
    await scene.installs(2, rows);
    scene.endpoint.take();
    scene.configure({ bundle: 'domains = ["example.org"]' });
    await scene.gateway.fetch();
    expect(scene.endpoint.take()).toEqual(['manifest.json']);
    expect(scene.rows()).toEqual([...LIST].sort());
    expect(scene.rows('relay_domains')).toEqual(['example.org']);
  });

  test('even while the network is down', async () => {
    scene.configure({ urls: ['https://127.0.0.1:1/'], config: '[maps]\nvalue = "x"' });
    const { bundle } = await scene.gateway.fetch();
    expect(bundle.code).toBe('NETWORK');
    expect(scene.gateway.text()).toMatch(/^alice@example\.org\tx$/m);
  });
});

describe('the maps', () => {
  test('are regular files of one link, 0640, a text and a cdb each', async () => {
    scene.publish([...LIST, '#hash@example.org', '@whole.example']);
    await scene.gateway.fetch();
    const { mapDir } = scene.gateway;
    for (const name of Object.keys(scene.gateway.maps())) {
      const found = lstatSync(path.join(mapDir, name));
      expect([name, found.isFile(), found.nlink, found.mode & 0o777]).toEqual([name, true, 1, 0o640]);
    }
    expect(scene.gateway.text('relay_domains')).toBe('example.org\tOK\nwhole.example\tOK\n');
    expect(scene.gateway.text()).not.toContain('#hash');
    expect((await scene.gateway.lookup('#hash@example.org')).status).toBe(0);
    expect(scene.gateway.strays()).toEqual([]);
  });

  test('the state has nothing for others to read but status.json, which holds no address', async () => {
    const status = path.join(scene.gateway.stateDir, 'status.json');
    expect(lstatSync(status).mode & 0o777).toBe(0o644);
    expect(readFileSync(status, 'utf8')).not.toMatch(/@/);
    expect(lstatSync(path.join(scene.gateway.stateDir, 'state.json')).mode & 0o007).toBe(0);
    expect(lstatSync(path.join(scene.gateway.stateDir, 'bundles', 'example-org')).mode & 0o007).toBe(0);
  });

  test('Postfix is reloaded when a map first appears, and never again', async () => {
    scene.gateway.postfix(true);
    scene.gateway.postfixTold();
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    expect(scene.gateway.postfixTold()).toEqual([]);
    const fresh = await Scene.open({ installed: false });
    onTestFinished(() => fresh.close());
    fresh.gateway.postfix(true);
    fresh.publish(LIST);
    await fresh.installs(1, LIST);
    expect(fresh.gateway.postfixTold()).toEqual(['status', 'reload']);
    await fresh.unchanged(1);
    expect(fresh.gateway.postfixTold()).toEqual([]);
  });

  test('a reload that fails is pending, critical, and tried again', async () => {
    const fresh = await Scene.open({ installed: false });
    onTestFinished(() => fresh.close());
    fresh.gateway.postfix(true);
    const script = fresh.gateway.at('bin', 'postfix');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = status ]\n', { mode: 0o755 });
    fresh.publish(LIST);
    await fresh.installs(1, LIST);
    const pending = await fresh.gateway.health();
    expect([pending.status, pending.text]).toEqual([2, expect.stringContaining('reload pending')]);
    fresh.gateway.postfix(true);
    fresh.gateway.postfixTold();
    await fresh.unchanged(1);
    expect(fresh.gateway.postfixTold()).toContain('reload');
    expect((await fresh.gateway.health()).status).toBe(0);
  });
});

describe('what a person reads', () => {
  test('one line a bundle, on stdout, when all is well', async () => {
    const same = await scene.gateway.run(['fetch']);
    expect([same.status, same.stderr]).toEqual([0, '']);
    expect(same.stdout).toMatch(/^example-org: unchanged, version 1, 63 rows \(.*\)\n$/);
    scene.publish(LONGER);
    const fresh = await scene.gateway.run(['fetch']);
    expect([fresh.status, fresh.stderr]).toEqual([0, '']);
    expect(fresh.stdout).toMatch(/^example-org: installed version 2, 64 rows \(whole table, .*\)\n$/);
  });

  test('a refusal on stderr: what was wrong, what that means, what is in use', async () => {
    scene.publish(LIST.slice(40));
    const { status, stdout, stderr } = await scene.gateway.run(['fetch']);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: example-org: SHRUNK: /m);
    expect(stderr).toMatch(/--accept-shrink/);
    expect(stderr).toMatch(/version 1 \(63 rows\) is still in use/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(3);
  });

  test('a failure: exit status 2', async () => {
    scene.configure({ urls: ['https://127.0.0.1:1/'] });
    const { status, stdout, stderr } = await scene.gateway.run(['fetch']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: example-org: NETWORK: .*ECONNREFUSED/m);
    expect(stderr).toMatch(/still in use/);
  });

  test('under systemd a priority a line', async () => {
    const log = scene.gateway.at('journal');
    writeFileSync(log, '');
    scene.publish(LIST, { signers: [] });
    const { dev, ino } = lstatSync(log);
    const under = ['sh', '-c', `JOURNAL_STREAM=${dev}:${ino} exec "$@" 2>${log}`, 'sh'];
    expect((await scene.gateway.run(['fetch'], { under })).status).toBe(1);
    expect(readFileSync(log, 'utf8')).toMatch(/^<3>example-org: BAD_SIGNATURE/);
  });

  test.each([
    [['fetch', '--froce'], /unknown option '--froce'; see: relaymap fetch --help$/m],
    [['fetsh'], /unknown command 'fetsh'; see: relaymap help$/m],
    [['fetch', '--bundel', 'x'], /--bundle/],
    [['lookup'], /address/],
  ])('a wrong command line %j: exit status 2, and where to look', async (args, near) => {
    const { status, stdout, stderr } = await scene.gateway.run(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(near);
  });

  test('a message from the network cannot move the cursor', async () => {
    scene.endpoint.misbehaviour = ({ response }) =>
      void response.writeHead(302, { location: 'https://x.example/\u009b31m%1b[2J\u0085' }).end();
    const { stderr } = await scene.gateway.run(['fetch']);
    expect(stderr).toContain('REDIRECT');
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});
