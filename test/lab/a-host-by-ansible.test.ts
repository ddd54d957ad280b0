// The Ansible roles, minded by ansible-lint and applied for real with a local connection: a central side that publishes
// and serves, and a gateway that refuses strangers; a second run changes nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { answers, backupMx, CENTRAL, deb, graded } from './scene.ts';

const ANSIBLE = fileURLToPath(new URL('../../packaging/ansible', import.meta.url));
const PACKAGES = ['ansible-core', 'python3-apt'];

let lab: Lab;
let from: LabHost;
let mx: LabHost;

/** Carries the roles, a package and a playbook of one role there. */
async function carry(
  host: LabHost,
  role: string,
  name: 'relaymap' | 'relaymap-publisher',
  vars: object,
): Promise<void> {
  for (const entry of readdirSync(path.join(ANSIBLE, 'roles', role), { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const there = path.join('/root', path.relative(ANSIBLE, file));
    await host.ok(`mkdir -p '${path.dirname(there)}'`);
    await host.write(there, readFileSync(file));
  }
  await host.write(`/root/${name}.deb`, readFileSync(deb(name)));
  const all = { ...vars, [`${role}_deb`]: `/root/${name}.deb` };
  const play = [{ hosts: 'localhost', connection: 'local', gather_facts: false, roles: [role], vars: all }];
  await host.write('/root/site.yml', JSON.stringify(play), '0600');
}

/** `changed` and `failed` of one run. */
async function apply(host: LabHost): Promise<string> {
  const { stdout } = await host.run('cd /root && ANSIBLE_NOCOLOR=1 ansible-playbook -i localhost, site.yml 2>&1');
  const counts = /changed=(\d+) +unreachable=0 +failed=(\d+)/.exec(stdout);
  expect(counts?.[2], stdout).toBe('0');
  return counts?.[1] ?? '';
}

/** What a run says that fails. */
async function refused(host: LabHost): Promise<string> {
  const { stdout } = await host.run('cd /root && ANSIBLE_NOCOLOR=1 ansible-playbook -i localhost, site.yml 2>&1');
  expect(stdout).toMatch(/changed=0 +unreachable=0 +failed=1/);
  return stdout;
}

beforeAll(async () => {
  lab = await Lab.start();
  [from, mx] = await Promise.all([
    lab.host('central', CENTRAL, 'trixie', PACKAGES),
    backupMx(lab, 'mx6', '10.77.0.36', 'trixie', PACKAGES),
  ]);
  await mx.ok(`echo '${CENTRAL} mx-central.example.org' >>/etc/hosts`);
});
afterAll(() => lab?.stop());

test('ansible-lint minds nothing', async () => {
  const line = [
    '--offline',
    '--nocolor',
    '--profile',
    'production',
    'roles/relaymap_gateway',
    'roles/relaymap_publisher',
  ];
  await promisify(execFile)('ansible-lint', line, { cwd: ANSIBLE });
});

test('the central side: it publishes and serves; applied again, nothing changes', async () => {
  await from.ok(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=x \\
    -addext subjectAltName=DNS:mx-central.example.org -keyout /root/tls.key -out /root/tls.pem 2>/dev/null
    echo someone@example.org >/srv/recipients`);
  await carry(from, 'relaymap_publisher', 'relaymap-publisher', {
    relaymap_publisher_name: 'example-org',
    relaymap_publisher_sources: [{ type: 'file', path: '/srv/recipients' }],
    relaymap_publisher_settings: { valid_for: '7d', policy: { postmaster: true } },
    relaymap_publisher_serve: {
      listen: '0.0.0.0:8443',
      cert: '/etc/relaymap-publish/tls.pem',
      key: '/etc/relaymap-publish/tls.key',
    },
    relaymap_publisher_token: 'a-token-of-the-lab-0123456789',
    relaymap_publisher_secrets: {
      'tls.pem': await from.ok('cat /root/tls.pem'),
      'tls.key': await from.ok('cat /root/tls.key'),
    },
  });
  expect(Number(await apply(from))).toBeGreaterThan(5);
  expect(await from.ok('systemctl is-active relaymap-publish.timer relaymap-publish-serve')).toBe('active\nactive\n');
  expect(await apply(from)).toBe('0');
});

test('the central side of several lists: each is published by units of its own and served; one that is absent ends', async () => {
  await from.ok('echo one@bellows.example >/srv/bellows; echo one@crucible.example >/srv/crucible');
  const list = (name: string) => ({ name, sources: [{ type: 'file', path: `/srv/${name}` }] });
  const lists = [
    { name: 'example-org', sources: [{ type: 'file', path: '/srv/recipients' }] },
    { ...list('bellows'), token: 'a-token-of-bellows-0123456789' },
    { ...list('crucible'), mode: 'watch' },
  ];
  const vars = {
    relaymap_publisher_lists: lists,
    relaymap_publisher_serve: {
      listen: '0.0.0.0:8443',
      cert: '/etc/relaymap-publish/tls.pem',
      key: '/etc/relaymap-publish/tls.key',
    },
    relaymap_publisher_token: 'a-token-of-the-lab-0123456789',
  };
  await carry(from, 'relaymap_publisher', 'relaymap-publisher', vars);
  expect(Number(await apply(from))).toBeGreaterThan(3);
  expect(await from.ok('systemctl is-active relaymap-publish@bellows.timer relaymap-publish-watch@crucible')).toBe(
    'active\nactive\n',
  );
  const served = async (name: string, token: string) => {
    const request = `GET /${name}/manifest.json HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer ${token}\\r\\nConnection: close\\r\\n\\r\\n`;
    const said = await from.ok(`printf '${request}' | openssl s_client -quiet -connect localhost:8443 2>/dev/null`);
    return /^HTTP\/1\.1 (\d+)/.exec(said)?.[1];
  };
  expect(await served('example-org', 'a-token-of-the-lab-0123456789')).toBe('200');
  expect(await served('bellows', 'a-token-of-bellows-0123456789')).toBe('200');
  expect(await served('bellows', 'a-token-of-the-lab-0123456789')).not.toBe('200');
  expect(await served('crucible', 'a-token-of-the-lab-0123456789')).toBe('200');
  expect(await apply(from)).toBe('0');

  await carry(from, 'relaymap_publisher', 'relaymap-publisher', { ...vars, relaymap_publisher_absent: ['crucible'] });
  expect(await refused(from)).toContain('relaymap_publisher_absent has too');
  await carry(from, 'relaymap_publisher', 'relaymap-publisher', {
    ...vars,
    relaymap_publisher_lists: lists.slice(0, 2),
    relaymap_publisher_absent: ['crucible'],
  });
  expect(Number(await apply(from))).toBeGreaterThan(2);
  const units = "systemctl list-units --plain --no-legend 'relaymap-publish@*.timer' 'relaymap-publish-watch@*'";
  expect(await from.ok(units)).toMatch(/^relaymap-publish@bellows\.timer .*\n$/);
  const files = await from.ok('ls /etc/relaymap-publish /var/lib/relaymap-publish/crucible');
  expect(files).toMatch(/^crucible\.key\n[^]*^state\.json$/m);
  expect(files).not.toContain('crucible.toml');
});

test('a gateway: strangers are refused; applied again, nothing changes; a key that is not named goes', async () => {
  const vars = {
    relaymap_gateway_bundles: [
      {
        name: 'example-org',
        urls: ['https://mx-central.example.org:8443/example-org/'],
        public_keys: { 'example-org': await from.ok('cat /etc/relaymap-publish/example-org.pub') },
        domains: ['example.org'],
        required: ['postmaster@example.org'],
        token: 'a-token-of-the-lab-0123456789',
        ca: await from.ok('cat /root/tls.pem'),
      },
    ],
    relaymap_gateway_settings: { schedule: { cron: '*/2 * * * * *', jitter: '1s' }, stale: { after: '3d' } },
  };
  await carry(mx, 'relaymap_gateway', 'relaymap', vars);
  expect(Number(await apply(mx))).toBeGreaterThan(5);
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  await graded(mx, 0);
  expect(await apply(mx)).toBe('0');
  expect(await mx.ok('postconf -h smtpd_recipient_restrictions')).toMatch(
    /check_recipient_access cdb:\/var\/lib\/relaymap\/maps\/stale_domains/,
  );
  expect(await mx.ok('cat /var/lib/relaymap/maps/stale_domains')).toBe('none.invalid\tDUNNO\n');
  expect((await mx.run('relaymap check')).stdout).not.toMatch(/stale/);
  // A key that is not named goes, and so does what a list that is absent leaves behind.
  await mx.ok('cp /etc/relaymap/keys/example-org/example-org.pub /etc/relaymap/keys/example-org/old.pub');
  await mx.ok('cd /etc/relaymap && mkdir keys/gone && touch keys/gone/x.pub gone.token gone.ca.pem');
  await carry(mx, 'relaymap_gateway', 'relaymap', { ...vars, relaymap_gateway_absent: ['gone'] });
  expect(await apply(mx)).toBe('3'); // the key, the daemon that is told, the files
  expect(await mx.ok('ls /etc/relaymap/keys/example-org')).toBe('example-org.pub\n');
  expect(await mx.ok('ls /etc/relaymap /etc/relaymap/keys')).not.toContain('gone');

  // An inventory without lists changes nothing.
  await carry(mx, 'relaymap_gateway', 'relaymap', { ...vars, relaymap_gateway_bundles: [] });
  expect(await refused(mx)).toContain('relaymap_gateway_bundles must name a list');
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  await graded(mx, 0);
});
