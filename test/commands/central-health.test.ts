// `relaymap-publish health`, the textfile and the pages beside `watch` and `serve`: what a monitoring sees.
// Covers src/publisher/health, src/io/health, src/bin/publisher/health-command.ts, src/bin/publisher/serve-pages.ts
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { Central, finished, people } from '../publisher/central.ts';
import { configure } from '../publisher/serving.ts';
import { until } from '../support/postfix.ts';

function central(further = ''): Central {
  const made = new Central({ further });
  made.rows(people(20));
  return made;
}

test('critical before the first publish, ok after it, warning with code and source once a source fails', async () => {
  const at = central();
  const before = await at.run(['health']);
  expect([before.status, before.stdout, before.stderr]).toEqual([
    2,
    'RELAYMAP-PUBLISH CRITICAL - example-org no version: nothing was ever published from here\n',
    '',
  ]);
  await at.publish();
  const good = await at.run(['health']);
  expect([good.status, good.stdout]).toEqual([
    0,
    expect.stringMatching(/^RELAYMAP-PUBLISH OK - example-org version 1, 21 rows, last good run \d+s ago \| /),
  ]);
  at.list('');
  expect((await at.run(['publish'])).status).toBe(2);
  const failing = await at.run(['health', '--json']);
  expect(failing.status).toBe(1);
  expect(JSON.parse(failing.stdout)).toMatchObject({
    status: 'warning',
    name: 'example-org',
    version: 1,
    outcome: 'failed',
    code: 'SOURCE',
    source: 'the list',
    reasons: [expect.stringMatching(/^the last run failed \d+s ago: SOURCE in source the list$/)],
  });
});

test('a stranger’s manifest in the output is critical', async () => {
  const at = central();
  await at.publish();
  const other = central();
  await other.publish('--next-version', '9');
  writeFileSync(`${at.output}/manifest.json`, readFileSync(`${other.output}/manifest.json`));
  const { status, stdout } = await at.run(['health']);
  expect([status, stdout]).toEqual([2, expect.stringContaining('does not hold what was signed here last')]);
});

test('a configuration that cannot be read is UNKNOWN', async () => {
  const at = central();
  writeFileSync(at.config, 'name = 1');
  const { status, stdout } = await at.run(['health']);
  expect([status, stdout]).toEqual([3, expect.stringMatching(/^RELAYMAP-PUBLISH UNKNOWN - CONFIG: /)]);
});

test('the textfile after each run, and /healthz and /metrics beside watch', async () => {
  const at = central();
  const textfile = at.at('relaymap-publish.prom');
  at.configure({ further: `[health]\ntextfile = ${JSON.stringify(textfile)}\nlisten = "127.0.0.1:0"` });
  await at.publish();
  expect(readFileSync(textfile, 'utf8')).toContain('relaymap_publish_version{bundle="example-org"} 1\n');
  expect(statSync(textfile).mode & 0o777).toBe(0o644);

  const child = at.start(['watch']);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const end = finished(child);
  onTestFinished(() => void child.kill('SIGKILL'));
  const found = await until('health is served', () => /http:\/\/127\.0\.0\.1:(\d+)\/healthz/.exec(stderr)?.[1], 60);
  await until('the list is current', () => (/version 1 is current/.test(stderr) ? true : undefined), 60);
  const page = async (name: string) => {
    const response = await fetch(`http://127.0.0.1:${found}/${name}`);
    return [response.status, await response.text()] as const;
  };
  expect(await page('healthz')).toEqual([200, expect.stringContaining('"status":"ok"')]);
  expect(await page('metrics')).toEqual([
    200,
    expect.stringContaining('relaymap_publish_health_status{bundle="example-org"} 0\n'),
  ]);
  at.list('');
  await until('the failure is told', () => (/SOURCE/.test(stderr) ? true : undefined), 60);
  expect((await page('metrics'))[1]).toContain('outcome="failed",code="SOURCE",source="the list"} 1\n');
  expect(readFileSync(textfile, 'utf8')).toContain('relaymap_publish_health_status{bundle="example-org"} 1\n');
  child.kill('SIGTERM');
  expect((await end).status).toBe(0);
});

test('watch removes an address when its time has come, without a change of the list', async () => {
  const at = central();
  at.configure({ policy: 'postmaster = false\nremove_after = "2s"' });
  const child = at.start(['watch']);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const end = finished(child);
  onTestFinished(() => void child.kill('SIGKILL'));
  await until('the first version', () => (/published version 1 /.test(stderr) ? true : undefined), 60);
  at.published();
  at.rows(people(19));
  await until('the second version', () => (/published version 2 \(19 rows/.test(stderr) ? true : undefined), 60);
  child.kill('SIGTERM');
  await end;
  expect(at.published().rows).toHaveLength(19);
});

test('/healthz and /metrics beside serve: they tell of what is published, and SIGHUP moves them', async () => {
  const at = central();
  await at.publish();
  configure(at, 'token_file = @token\n[health]\nlisten = "127.0.0.1:0"');
  const serves = at.start(['serve']);
  let stderr = '';
  serves.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const end = finished(serves);
  onTestFinished(() => void serves.kill('SIGKILL'));
  const addresses = () => [...stderr.matchAll(/http:\/\/127\.0\.0\.1:\d+(?=\/healthz)/g)].map(([url]) => url);
  const [first] = await until('the pages are served', () => (addresses().length === 1 ? addresses() : undefined), 60);
  const page = async (url: string | undefined, name: string) => {
    const response = await fetch(`${url}/${name}`);
    return [response.status, await response.text()] as const;
  };
  const reasons = expect.stringMatching(/"version":1,.*"reasons":\["the certificate of serve expires in [0-9]+h"\]/);
  expect(await page(first, 'healthz')).toEqual([200, reasons]);
  expect(await page(first, 'metrics')).toEqual([
    200,
    expect.stringContaining('relaymap_publish_version{bundle="example-org"} 1\n'),
  ]);
  at.rows(people(21));
  await at.publish(); // by another process
  expect((await page(first, 'metrics'))[1]).toContain('relaymap_publish_version{bundle="example-org"} 2\n');

  const good = readFileSync(at.config, 'utf8');
  writeFileSync(at.config, `${good}listens = true\n`);
  serves.kill('SIGHUP');
  await until(
    'the mistake is told',
    () => /CONFIG: .*the old configuration stays in use/.test(stderr) || undefined,
    60,
  );
  expect((await page(first, 'healthz'))[0]).toBe(200);
  writeFileSync(at.config, good);
  serves.kill('SIGHUP');
  const [, second] = await until('they are served again', () => addresses()[1] && addresses(), 60);
  expect((await page(second, 'healthz'))[0]).toBe(200);
  if (second !== first) await expect(fetch(`${first}/healthz`)).rejects.toThrow();
  serves.kill('SIGTERM');
  expect((await end).status).toBe(0);
});
