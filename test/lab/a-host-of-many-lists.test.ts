// A provider with many customers: a small file for each, a template unit for each, and nothing else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost } from '../support/lab.ts';
import { blocksOf } from '../support/pages.ts';
import { CENTRAL, deb } from './scene.ts';

const CUSTOMERS = ['anvil', 'bellows', 'crucible'] as const;

let lab: Lab;
let host: LabHost;

const published = (name: string, address: string) =>
  host.run(`relaymap-publish explain --config /etc/relaymap-publish/${name}.toml ${address}`);

beforeAll(async () => {
  lab = await Lab.start();
  host = await lab.host('central', CENTRAL);
  await host.install(deb('relaymap-publisher'));
  for (const name of CUSTOMERS) {
    await host.ok(`relaymap-publish keygen --out /etc/relaymap-publish --name ${name}
      echo info@${name}.example >/etc/relaymap-publish/${name}.recipients`);
    await host.write(
      `/etc/relaymap-publish/${name}.toml`,
      `name = "${name}"
output = "/srv/relaymap/${name}"
keys = ["/etc/relaymap-publish/${name}.key"]
[[source]]
type = "file"
path = "/etc/relaymap-publish/${name}.recipients"
`,
    );
  }
});
afterAll(() => lab?.stop());

test('published by its unit, by root before any unit, and by watch: each list is its own, and all is the service’s', async () => {
  const [line] = blocksOf('docs/operations.md').filter(({ marks }) => marks[0] === 'many');
  await host.ok(`${line?.text.replace('NAME', 'anvil')} 2>&1; systemctl start relaymap-publish@anvil`);
  await host.ok('relaymap-publish publish --config /etc/relaymap-publish/bellows.toml');
  await host.ok('systemctl start relaymap-publish@bellows relaymap-publish-watch@crucible');
  for (const name of CUSTOMERS) {
    await until(
      `${name} is published`,
      60,
      () => published(name, `info@${name}.example`),
      ({ stdout }) => /the published version 1 has it/.test(stdout),
    );
  }
  expect(await host.ok('ls /srv/relaymap /var/lib/relaymap-publish')).toBe(
    `/srv/relaymap:\n${CUSTOMERS.join('\n')}\n\n/var/lib/relaymap-publish:\n${CUSTOMERS.join('\n')}\n`,
  );
  expect(await host.ok('find /srv/relaymap /var/lib/relaymap-publish ! -user relaymap-publish')).toBe('');
  expect(await host.ok('systemctl list-units --failed --plain --no-legend')).toBe('');
  expect(await host.ok('systemctl is-active relaymap-publish@anvil.timer relaymap-publish-watch@crucible')).toBe(
    'active\nactive\n',
  );
});

test('one serve hands out all of them, each to its own gateways, and a reload ends none of the units', async () => {
  const sites = CUSTOMERS.map(
    (name) => `[[serve.site]]
path = "/${name}/"
output = "/srv/relaymap/${name}"
token_file = "/etc/relaymap-publish/${name}.token"
`,
  );
  await host.ok(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=x \\
      -keyout /etc/relaymap-publish/tls.key -out /etc/relaymap-publish/tls.pem 2>/dev/null
    chmod 0640 /etc/relaymap-publish/tls.key; umask 027
    for name in ${CUSTOMERS.join(' ')}; do echo "the-token-of-$name-0123456789" >/etc/relaymap-publish/$name.token; done`);
  await host.write(
    '/etc/relaymap-publish/relaymap-publish.toml',
    `name = "front"
output = "/srv/relaymap/front"
keys = ["/etc/relaymap-publish/anvil.key"]
[[source]]
type = "file"
path = "/etc/relaymap-publish/anvil.recipients"
[serve]
listen = "0.0.0.0:8443"
cert = "/etc/relaymap-publish/tls.pem"
key = "/etc/relaymap-publish/tls.key"
${sites.join('')}`,
  );
  await host.ok('systemctl start relaymap-publish-serve');
  const served = async (name: string, token: string) => {
    const head = `GET /${name}/manifest.json HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer ${token}\\r\\nConnection: close`;
    const { stdout } = await host.run(
      `printf '${head}\\r\\n\\r\\n' | openssl s_client -quiet -connect localhost:8443 2>/dev/null`,
    );
    return /^HTTP\/1\.1 (\d+)/.exec(stdout)?.[1] ?? '';
  };
  for (const name of CUSTOMERS) {
    const token = `the-token-of-${name}-0123456789`;
    await until(
      `${name} is served`,
      60,
      () => served(name, token),
      (status) => status === '200',
    );
    expect(await served(name, 'the-token-of-somebody-else-0123')).toBe('401');
  }
  for (const unit of ['relaymap-publish-serve', 'relaymap-publish-watch@crucible']) {
    const state = `systemctl show -P MainPID,NRestarts,ActiveState ${unit}`;
    const before = await host.ok(state);
    await until(
      `${unit} has read its configuration again`,
      60,
      () => host.ok(`systemctl reload ${unit}; journalctl --no-pager -u ${unit} -o cat`),
      (said) => said.includes('the configuration is read again'),
    );
    expect([unit, await host.ok(state)]).toEqual([unit, before]);
  }
});

test('one that fails stops no other', async () => {
  await host.ok('echo "no address" >/etc/relaymap-publish/anvil.recipients');
  await host.ok('echo new@bellows.example >>/etc/relaymap-publish/bellows.recipients');
  const { status } = await host.run('systemctl start relaymap-publish@anvil');
  expect(status).not.toBe(0);
  await host.ok('systemctl start relaymap-publish@bellows');
  expect((await published('bellows', 'new@bellows.example')).stdout).toContain('the published version 2 has it');
  await host.ok('echo new@crucible.example >>/etc/relaymap-publish/crucible.recipients');
  await until(
    'crucible is published',
    60,
    () => published('crucible', 'new@crucible.example'),
    ({ stdout }) => /the published version 2 has it/.test(stdout),
  );
});

test('removed with its package, no instance goes on', async () => {
  await host.ok('apt-get purge -y relaymap-publisher 2>&1');
  expect(await host.ok('systemctl list-units --plain --no-legend --state=active,activating "relaymap-publish*"')).toBe(
    '',
  );
  expect(await host.ok('find /etc/systemd/system -name "relaymap-publish*"')).toBe('');
});
