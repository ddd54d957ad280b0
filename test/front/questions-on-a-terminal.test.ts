// `init` asks on a terminal, and nowhere else, for what the command line does not say; ^C and the end of the input
// change nothing. The terminal is script(1)'s.
// Covers src/bin/gateway/init/ask-missing.ts
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../support/finished.ts';
import { startPostfix, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { dialogue as onTerminal, type Answer } from './dialogue.ts';
import { initCommand } from './init-line.ts';

let site: Site;
let postfix: Postfix;

beforeEach(async () => {
  site = await createSite();
  await site.publish(['alice@example.org']);
  postfix = await startPostfix({});
  Object.assign(site.env, postfix.env);
  mkdirSync(path.join(site.dir, 'etc'));
  writeFileSync(`${site.dir}/etc/relaymap.toml`, `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
  writeFileSync(`${site.dir}/etc/tls.pem`, readFileSync(`${site.dir}/tls.pem`));
});
afterEach(async () => {
  await Promise.all([postfix?.stop(), site?.stop()]);
});

const dialogue = (options: readonly string[], answers: readonly Answer[]) =>
  onTerminal([...initCommand(site), ...options], answers, site.env);

test('each question is answered, a wrong answer is asked again, and the whole line is said', async () => {
  const { status, said } = await dialogue(
    ['--backup-mx'],
    [
      [/Where the list is .*: /, 'http://x\n'],
      [/begins with https[^]*Where the list is .*: /, `${site.url}\n`],
      [/Its name.*: /, 'Example\n'],
      [/small letters[^]*Its name.*: /, 'example-org\n'],
      [/public key.*: /, '\n'],
      [/has to be answered[^]*public key.*: /, `${site.dir}/signing/example-org.pub\n`],
      [/All domains.*: /, 'example.org\n'],
      [/token.*\[none\]: /, '\n'],
      [/server's CA.*\[.*tls\.pem\]: /, '\n'],
      [/host with the mailboxes.*: /, 'a b\n'],
      [/is not HOST[^]*host with the mailboxes.*: /, 'primary.invalid\n'],
      [/Have Postfix use it.*\[no\]: /, 'yes\n'],
    ],
  );
  expect([status, said]).toEqual([0, expect.stringContaining('Postfix has been told')]);
  const typed = /The same without questions:\n {2}(.*)/.exec(said)?.[1] ?? '';
  for (const option of [`--url ${site.url}`, '--name example-org', '--domains example.org', '--backup-mx', '--apply'])
    expect(typed).toContain(option);
  expect(typed).toContain('--primary primary.invalid');
  expect(typed).toContain(`--ca-file ${site.dir}/etc/tls.pem`);
  expect(await postfix.postconf('relay_transport')).toBe('relay:[primary.invalid]');

  // That line, typed by a script, has nothing left to do.
  const again = await run([...initCommand(site).slice(0, 2), ...typed.split(' ').slice(1)], {
    env: { NO_COLOR: '1', ...site.env },
  });
  expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing to change')]);
});

test.each([
  ['^C', '\u0003'],
  ['the end of the input', '\u0004'],
])('%s in the middle changes nothing', async (_, key) => {
  const [toml, mainCf] = [`${site.dir}/etc/relaymap.toml`, path.join(postfix.configDir, 'main.cf')];
  const before = [readFileSync(toml, 'utf8'), readFileSync(mainCf, 'utf8')];
  const { status, said } = await dialogue(
    ['--backup-mx', '--apply'],
    [
      [/Where the list is .*: /, `${site.url}\n`],
      [/Its name.*: /, key],
    ],
  );
  expect([status, said]).toEqual([2, expect.stringContaining('interrupted: nothing has been changed')]);
  expect([readFileSync(toml, 'utf8'), readFileSync(mainCf, 'utf8')]).toEqual(before);
  expect([existsSync(`${site.dir}/etc/keys`), site.requests]).toEqual([false, []]);
});

test('without a terminal what is missing is named, and nothing is asked', async () => {
  const found = await run([...initCommand(site), '--name', 'example-org', '--backup-mx'], {
    env: { NO_COLOR: '1', ...site.env },
    input: `${site.url}\n`,
  });
  expect([found.status, found.stdout]).toEqual([2, '']);
  expect(found.stderr).toContain("required option '--url <URL>' not specified");
});
