// `relaymap-publish fleet --html` in Debian's Chromium: light and dark, narrow and wide. axe looks for what keeps
// people from reading it. RELAYMAP_PICTURES names a folder for screenshots.
// Covers src/publisher/fleet/page, src/publisher/serve/fleet-page.ts
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { ask, configure, serving, stop, TOKEN, type Asking } from '../publisher/serving.ts';
import { Browser } from '../support/browser.ts';
import { underClock } from '../support/clock.ts';
import { fleetLog } from '../support/fleet-log.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.env['RELAYMAP_PICTURES'];

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.open();
});
afterAll(() => browser.close());

/** A list that was published 25 minutes ago, and the page of a log. */
async function page(log: string, fleet = '', version = 1): Promise<string> {
  const central = new Central({ further: fleet });
  central.rows(people(20));
  const publish = ['publish', '--next-version', String(version)];
  expect((await central.run(publish, underClock('-25m'))).status).toBe(0);
  writeFileSync(central.at('access.log'), log);
  const run = await central.run(['fleet', '--log', central.at('access.log'), '--html', central.at('fleet.html')]);
  expect([run.status, run.stdout.split('\n').length], run.stderr).toEqual([0, 2]);
  expect(statSync(central.at('fleet.html')).mode & 0o777).toBe(0o644);
  return central.at('fleet.html');
}

const EVIL = `"><img src=x onerror="document.title='taken'"><script>document.title='taken'</script><style>*{color:red}`;

async function look(file: string, width: number, dark: boolean): Promise<void> {
  await browser.show(`file://${file}`, { width, dark });
  const of = `${width} ${dark ? 'dark' : 'light'}`;
  expect([browser.complaints, browser.requests], of).toEqual([[], [`file://${file}`]]);
  expect(await browser.evaluate('document.documentElement.scrollWidth'), of).toBeLessThanOrEqual(width);
  expect(await browser.evaluate('document.querySelectorAll("script, img, link, iframe, [style]").length')).toBe(0);
  // The style was taken.
  expect(await browser.evaluate('getComputedStyle(document.querySelector("main")).maxWidth'), of).toBe('1080px');
  await browser.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true; })');
  expect(await browser.evaluate('document.documentElement.scrollWidth'), of).toBeLessThanOrEqual(width);
  await browser.evaluate(`${axe};0`);
  const found = await browser.evaluate<unknown[]>(
    'axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(({ violations, incomplete }) => ' +
      '[...violations, ...incomplete].map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
  );
  expect(found, of).toEqual([]);
}

test('it can be read on a telephone and a screen, by day and by night', { timeout: 300_000 }, async () => {
  const now = Math.floor(Date.now() / 1000);
  const file = await page(fleetLog(now, 42), '[fleet]\nexpect = ["mx1.nyc.example.net"]', 42);
  for (const width of [400, 1200])
    for (const dark of [false, true]) {
      await look(file, width, dark);
      if (pictures === undefined || width === 400) continue;
      await browser.show(`file://${file}`, { width, dark });
      writeFileSync(path.join(pictures, `fleet-${dark ? 'dark' : 'light'}.png`), await browser.picture(1340));
    }
  const headings = await browser.evaluate<string[]>(
    '[...document.querySelectorAll("h1, h2")].map((h) => h.textContent)',
  );
  expect(headings[0]).toMatch(/^56 of 61 current, 2\u00a0behind, 2\u00a0silent for up to 4\u00a0h, 1\u00a0never seen/);
  expect(headings.slice(1)).toEqual([
    'Strangers that took a whole table',
    'Gateways to look at',
    'How version 42 spread',
    'Gateways in order',
  ]);
});

test('nothing that a log says becomes a part of the page', { timeout: 300_000 }, async () => {
  const at = new Date().toISOString();
  const line = (further: object) =>
    JSON.stringify({ time: at, method: 'GET', path: '/manifest.json', status: 200, ...further });
  const table = `/recipients/${'ab'.repeat(32)}.gz`;
  const long = 'x'.repeat(120);
  const log = [
    line({ userAgent: 'x', cn: EVIL }),
    line({ userAgent: EVIL, token: `${EVIL} 2` }),
    line({ userAgent: 'relaymap/1 (example-org=1; last=OK; id=mx1)', cn: long }),
    line({ userAgent: EVIL, path: table, remote_addr: `${EVIL} 3` }),
    line({ userAgent: long, path: table, remote_addr: long }),
  ];
  const file = await page(`${log.join('\n')}\n`);
  for (const width of [400, 1200]) await look(file, width, false);
  expect(await browser.evaluate('document.title')).toMatch(/^example-org: 1 of 3 current/);
});

test('an empty log makes a page too', { timeout: 300_000 }, async () => {
  await look(await page(''), 400, true);
  expect(await browser.evaluate('document.querySelector("h1").textContent')).toBe('No gateway has asked for this list');
});

const SECRET = 'a-token-for-people-0123456789';

test('serve shows it to whoever has its own token, and to no gateway', { timeout: 300_000 }, async () => {
  const central = new Central();
  configure(
    central,
    'token_file = @token\nfleet_page = @fleet.html\nfleet_token_file = @secret\naccess_log = @served.json',
  );
  writeFileSync(central.at('secret'), `${SECRET}\n`, { mode: 0o600 });
  central.rows(people(20));
  await central.publish();
  writeFileSync(central.at('access.log'), fleetLog(Math.floor(Date.now() / 1000)));
  const made = () => central.run(['fleet', '--log', central.at('access.log'), '--html', central.at('fleet.html')]);
  const run = await serving(central);
  const status = async (path: string, asking: Asking) => (await ask(run.port, path, asking)).status;
  expect(await status('/fleet', { token: SECRET })).toBe(404); // not made yet
  expect((await made()).status).toBe(0);
  const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
  for (const token of [null, TOKEN, `${SECRET}x`, '']) expect(await status('/fleet', { token })).toBe(401);
  for (const authorization of [basic(TOKEN), basic(''), 'Basic', 'Basic :', `Basic ${SECRET}`, SECRET])
    expect(await status('/fleet', { token: null, headers: { authorization } })).toBe(401);
  const page = await ask(run.port, '/fleet?x', { token: SECRET });
  expect([page.status, page.body.equals(readFileSync(central.at('fleet.html')))]).toEqual([200, true]);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'private, no-cache',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringMatching(/^default-src 'none';.*sandbox$/) as string,
  });
  expect(await status('/fleet', { token: SECRET, headers: { 'if-none-match': page.headers.etag ?? '' } })).toBe(304);
  expect(await status('/fleet', { token: SECRET, method: 'POST' })).toBe(405);
  // Its token reads the page and nothing else.
  for (const path of ['/manifest.json', '/fleet/', '/fleet.html', '/fleet/../secret', '/secret'])
    expect([401, 404], path).toContain(await status(path, { token: SECRET }));
  await browser.headers({ authorization: basic(SECRET) });
  await browser.show(`https://localhost:${run.port}/fleet`, { width: 400, dark: false });
  expect([browser.complaints, browser.requests]).toEqual([[], [`https://localhost:${run.port}/fleet`]]);
  expect(await browser.evaluate('getComputedStyle(document.querySelector("main")).maxWidth')).toBe('1080px');
  await browser.headers({});
  expect((await stop(run)).status).toBe(0);
  const sizes = readFileSync(central.at('served.json'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"path":"/fleet","status":200'))
    .map((line) => (JSON.parse(line) as { bytes: number }).bytes);
  expect(sizes).toEqual([page.body.length, page.body.length]);
});

test.each([
  ['fleet_page = @fleet.html', /serve\.fleet_token_file is missing/],
  ['fleet_token_file = @token', /serve\.fleet_page is missing/],
  ['fleet_page = @fleet.html\nfleet_token_file = @token', /fleet_token_file .* holds a token of the gateways/],
])('serve does not start with %s', async (lines, words) => {
  const central = new Central();
  configure(central, `token_file = @token\n${lines}`);
  const run = await central.run(['serve']);
  expect([run.status, run.stdout]).toEqual([2, '']);
  expect(run.stderr).toMatch(words);
});
