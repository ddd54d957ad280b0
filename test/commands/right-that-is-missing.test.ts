// A right that is missing is said with whose it is and the line that mends it, on the central side; root leaves
// nothing that the service cannot use, and a key is made so that it can.
// Covers src/io/denied.ts, src/io/accounts.ts, src/bin/publisher/become-publisher.ts, src/bin/publisher/next-publish.ts
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Central, COMMAND, finished, people } from '../publisher/central.ts';

/** nobody of group nogroup, as Debian has them. */
const SERVICE = 65_534;
const [USER, GROUP] = ['nobody', 'nogroup'];
const asService = ['setpriv', '--reuid', String(SERVICE), '--regid', String(SERVICE), '--clear-groups', '--'];

function central(): Central {
  const made = new Central();
  made.rows(people(20));
  chmodSync(made.source, 0o644);
  chmodSync(made.config, 0o644);
  return made;
}

const keygen = (folder: string) =>
  finished(spawn(process.execPath, [COMMAND, 'keygen', '--out', folder, '--name', 'site'], { stdio: 'pipe' }));

test('keygen: 0600; where the folder hands its group down 0640 and that group; never overwritten', async () => {
  const { dir } = new Central();
  const [plain, packaged] = [path.join(dir, 'plain'), path.join(dir, 'packaged')];
  for (const folder of [plain, packaged]) mkdirSync(folder);
  chownSync(packaged, 0, SERVICE);
  chmodSync(packaged, 0o2750);
  for (const [folder, mode, gid] of [
    [plain, 0o600, process.getegid?.()],
    [packaged, 0o640, SERVICE],
  ] as const) {
    const made = await keygen(folder);
    expect([made.status, made.stdout]).toEqual([0, expect.stringMatching(/^keyid [0-9a-f]{64}\n/)]);
    const stat = statSync(path.join(folder, 'site.key'));
    expect([stat.mode & 0o777, stat.gid]).toEqual([mode, gid]);
    const again = await keygen(folder);
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('never overwritten')]);
    expect(statSync(path.join(folder, 'site.key')).ino).toBe(stat.ino);
  }
});

test('a key that the service cannot read: its user, owner and mode, and the line that mends it', async () => {
  const at = central();
  const keys = at.at('keys');
  mkdirSync(keys);
  chownSync(keys, 0, SERVICE);
  chmodSync(keys, 0o2750);
  const key = path.join(keys, 'site.key');
  writeFileSync(key, 'not looked at', { mode: 0o600 });
  at.configure({ top: `keys = [${JSON.stringify(key)}]` });
  const run = await at.run(['publish'], asService);
  expect(run.status).toBe(2);
  expect(run.stderr).toContain(
    `KEY: cannot read the signing key ${key}: permission denied for user ${USER} (${SERVICE}): it is root:${GROUP}, mode 0600. ` +
      `To mend it: chgrp ${GROUP} ${key} && chmod 0640 ${key}`,
  );
  // The folder, where it is that which is in the way.
  chmodSync(keys, 0o700);
  expect((await at.run(['publish'], asService)).stderr).toContain(`the folder ${keys} is root:${GROUP}, mode 0700`);
});

test.each([
  ['the configuration', (at: Central) => at.config, /CONFIG: cannot read the configuration /],
  ['a source', (at: Central) => at.source, /SOURCE: the list cannot be read: /],
])('%s likewise', async (_, place, words) => {
  const at = central();
  chownSync(at.keyFile(0), SERVICE, SERVICE);
  mkdirSync(at.stateDir);
  chownSync(at.stateDir, SERVICE, SERVICE);
  chmodSync(place(at), 0o600);
  const { status, stderr } = await at.run(['publish'], asService);
  expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
  expect(stderr).toContain(
    `permission denied for user ${USER} (${SERVICE}): it is root:root, mode 0600. To mend it: chgrp `,
  );
});

test('an output that the service cannot make: the folder, whose it is, and the line', async () => {
  const at = central();
  chownSync(at.keyFile(0), SERVICE, SERVICE);
  mkdirSync(at.stateDir);
  chownSync(at.stateDir, SERVICE, SERVICE);
  // Started as root it goes on as the owner of the state, and is refused likewise.
  for (const under of [asService, []]) {
    const { status, stderr } = await at.run(['publish'], under);
    expect([status, stderr]).toEqual([2, expect.stringContaining('OUTPUT: cannot write ')]);
    expect(stderr).toContain(`the folder ${at.dir} is root:root, mode 0755. To mend it: chown ${USER} ${at.dir}`);
  }
});

test.each([['publish'], ['watch'], ['explain', 'a@example.org']])(
  'somebody else is told who may, and nothing is damaged: %s',
  async (...args) => {
    const at = central();
    await at.publish();
    chmodSync(at.keyFile(0), 0o640);
    chownSync(at.keyFile(0), 0, SERVICE);
    chmodSync(at.stateDir, 0o700);
    const { status, stdout, stderr } = await at.run(args, asService);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /CONFIG: state_dir \S+ is for root and for user root \(0\), its owner: sudo relaymap-publish /,
    );
  },
);

test('the first publish as root: what it makes in a folder of the service is the service’s', async () => {
  const at = central();
  const home = at.at('home');
  mkdirSync(home);
  chownSync(home, SERVICE, SERVICE);
  const [output, state] = [path.join(home, 'out'), path.join(home, 'state')];
  at.configure({ top: `output = ${JSON.stringify(output)}\nstate_dir = ${JSON.stringify(state)}` });
  const { status, stderr } = await at.run(['publish']);
  expect([status, stderr]).toEqual([0, expect.stringMatching(/nothing .*will publish the next change/)]);
  for (const name of readdirSync(home, { recursive: true, encoding: 'utf8' })) {
    expect([name, statSync(path.join(home, name)).uid]).toEqual([name, SERVICE]);
  }
});
