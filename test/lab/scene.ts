// The four hosts of the lab, set up as the packages' manuals say: central publishes, mx1 and mx2 are backup MXs,
// primary has the mailboxes.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { OUT, until, type Lab, type LabHost, type Suite } from '../support/lab.ts';

export const CENTRAL = '10.77.0.10';
export const PRIMARY = '10.77.0.20';

export function deb(name: 'relaymap' | 'relaymap-publisher', folder = OUT): string {
  const found = readdirSync(folder).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'));
  if (found === undefined) throw new Error(`no package ${name} in ${folder}: npm run package`);
  return path.join(folder, found);
}

const HOSTS = `${CENTRAL} central.lab\n${PRIMARY} primary.lab\n10.77.0.31 mx1.lab\n10.77.0.32 mx2.lab\n`;

export interface Central {
  readonly host: LabHost;
  readonly publicKey: string;
  readonly certificate: string;
  readonly token: string;
  /** Public halves of root keys, for gateways that follow key ring steps. */
  readonly rootKeys?: readonly string[];
}

/** The publisher's package with a key, a token and a certificate of the host's own: /etc/relaymap-publish/KEY.key. */
export async function publisherHost(
  lab: Lab,
  [name, address]: readonly [string, string],
  key: string,
): Promise<LabHost> {
  const host = await lab.host(name, address);
  await host.install(deb('relaymap-publisher'));
  await host.ok(`umask 027
    relaymap-publish keygen --out /etc/relaymap-publish --name ${key}
    chmod 0640 /etc/relaymap-publish/${key}.key
    cd /etc/relaymap-publish
    openssl rand -hex 24 >token
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=${name}.lab \\
      -addext subjectAltName=DNS:${name}.lab -keyout tls.key -out tls.pem 2>/dev/null
    chmod 0640 tls.key`);
  return host;
}

/** Over HTTPS, to whoever has the token. */
export const SERVED = `[serve]
listen = "0.0.0.0:8443"
cert = "/etc/relaymap-publish/tls.pem"
key = "/etc/relaymap-publish/tls.key"
token_file = "/etc/relaymap-publish/token"
`;

/**
 * The publisher's package, configured as its example says; the timer runs every two seconds in place of every five
 * minutes.
 */
export async function central(lab: Lab, recipients: readonly string[]): Promise<Central> {
  const host = await publisherHost(lab, ['central', CENTRAL], 'example-org');
  await host.ok(`umask 027
    mkdir -p /etc/systemd/system/relaymap-publish.timer.d
    printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/2\\nRandomizedDelaySec=0\\n' >/etc/systemd/system/relaymap-publish.timer.d/lab.conf
    systemctl daemon-reload`);
  await recipientsAre(host, recipients);
  await host.write(
    '/etc/relaymap-publish/relaymap-publish.toml',
    `name = "example-org"
output = "/srv/relaymap/example-org"
keys = ["/etc/relaymap-publish/example-org.key"]
[[source]]
type = "file"
path = "/etc/relaymap-publish/recipients"
${SERVED}`,
  );
  await host.ok(
    'systemctl start relaymap-publish && systemctl restart relaymap-publish.timer && systemctl enable --now relaymap-publish-serve 2>&1',
  );
  const read = (file: string) => host.ok(`cat /etc/relaymap-publish/${file}`);
  return {
    host,
    publicKey: await read('example-org.pub'),
    certificate: await read('tls.pem'),
    token: await read('token'),
  };
}

/** The whole list, renamed into place as the manual asks for. */
export async function recipientsAre(host: LabHost, recipients: readonly string[]): Promise<void> {
  await host.write('/etc/relaymap-publish/.recipients', `${recipients.join('\n')}\n`);
  await host.ok('mv /etc/relaymap-publish/.recipients /etc/relaymap-publish/recipients');
}

/** Every mailbox is the file /var/mail/catch. */
export async function primary(lab: Lab): Promise<LabHost> {
  const host = await lab.host('primary', PRIMARY);
  await host.ok('useradd --create-home catch && touch /var/mail/catch && chown catch:mail /var/mail/catch');
  await postfix(host, ['mydestination=example.org, primary.lab', 'local_recipient_maps=', 'luser_relay=catch']);
  return host;
}

async function postfix(host: LabHost, settings: readonly string[]): Promise<void> {
  const common = [
    'compatibility_level=3.6',
    `myhostname=${host.name}.lab`,
    'mynetworks=127.0.0.0/8',
    'inet_protocols=ipv4',
    'smtpd_peername_lookup=no',
    'smtp_dns_support_level=disabled',
    'smtp_host_lookup=native',
    'alias_maps=',
    'alias_database=',
  ];
  await host.ok(`printf '%s' '${HOSTS}' >>/etc/hosts
    [ -e /etc/postfix/main.cf ] || : >/etc/postfix/main.cf
    postconf -e ${[...common, ...settings].map((s) => `'${s}'`).join(' ')}
    systemctl restart postfix 2>&1`);
}

/** A backup MX before relaymap: it relays for nobody yet. */
export async function backupMx(
  lab: Lab,
  name: string,
  address: string,
  suite: Suite = 'trixie',
  packages: readonly string[] = [],
): Promise<LabHost> {
  const host = await lab.host(name, address, suite, packages);
  await postfix(host, [
    'mydestination=',
    'relay_domains=',
    `relay_transport=smtp:[${PRIMARY}]`,
    'minimal_backoff_time=10s',
  ]);
  return host;
}

/** What is carried to a gateway by a way that is trusted. */
export async function carry(host: LabHost, from: Central): Promise<void> {
  await host.ok('install -d /etc/relaymap/keys/example-org');
  await host.write('/etc/relaymap/keys/example-org/example-org.pub', from.publicKey);
  const roots = from.rootKeys ?? [];
  if (roots.length > 0) await host.ok('install -d /etc/relaymap/keys/example-org/root');
  for (const [i, key] of roots.entries()) await host.write(`/etc/relaymap/keys/example-org/root/${i}.pub`, key);
  await host.write('/etc/relaymap/ca.pem', from.certificate);
  await host.write('/etc/relaymap/token', from.token, '0640', 'root:relaymap');
}

/** relaymap.toml by hand; cycles every two seconds. */
export async function follow(host: LabHost, more = ''): Promise<void> {
  await host.write(
    '/etc/relaymap/relaymap.toml',
    `[[bundle]]
name = "example-org"
urls = ["https://central.lab:8443/"]
keys = "/etc/relaymap/keys/example-org"
domains = ["example.org"]
required = ["postmaster@example.org"]
token_file = "/etc/relaymap/token"
ca_file = "/etc/relaymap/ca.pem"
[schedule]
cron = "*/2 * * * * *"
jitter = "1s"
${more}`,
  );
}

/** What names the maps in main.cf. */
export const MAPS = [
  'relay_recipient_maps=cdb:/var/lib/relaymap/maps/relay_recipients',
  'relay_domains=cdb:/var/lib/relaymap/maps/relay_domains',
];

const CLIENT = `
  const [host, port, mode, ...recipients] = process.argv.slice(2);
  const socket = require('node:net').connect(Number(port), host);
  socket.setTimeout(120000, () => socket.destroy(new Error('silence')));
  let rest = '', waiting = null;
  const replies = [];
  socket.on('error', (e) => { console.log(JSON.stringify([{ error: e.message }])); process.exit(0); });
  socket.on('data', (chunk) => {
    rest += chunk;
    for (let end; (end = rest.indexOf('\\r\\n')) >= 0; ) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (line[3] !== '-') { replies.push(line); waiting?.(); }
    }
  });
  const reply = async () => { while (replies.length === 0) await new Promise((r) => (waiting = r)); return replies.shift(); };
  const say = (line) => { socket.write(line + '\\r\\n'); return reply(); };
  (async () => {
    await reply();
    await say('EHLO stranger.lab');
    const answers = [];
    for (const recipient of recipients) {
      await say('MAIL FROM:<stranger@elsewhere.lab>');
      let answer = await say('RCPT TO:<' + recipient + '>');
      if (mode === 'send' && answer.startsWith('250')) {
        await say('DATA');
        answer = await say('Subject: for ' + recipient + '\\r\\n\\r\\nhello\\r\\n.');
      } else await say('RSET');
      answers.push(answer);
    }
    await say('QUIT');
    console.log(JSON.stringify(answers));
    process.exit(0);
  })();`;

/**
 * The answers to RCPT (`ask`), or to the whole message (`send`), as a stranger on the wire gets them: `250 ...`,
 * `550 ...`, `451 ...`.
 */
export async function smtp(
  lab: Lab,
  host: LabHost,
  recipients: readonly string[],
  mode: 'ask' | 'send' = 'ask',
): Promise<string[]> {
  const { stdout, stderr } = await lab.onWire(['node', '-', host.address, '25', mode, ...recipients], CLIENT);
  try {
    return JSON.parse(stdout) as string[];
  } catch {
    throw new Error(`no SMTP answers of ${host.name}: ${stdout} ${stderr}`);
  }
}

/** `550`, of each answer. */
export const codes = (answers: readonly unknown[]): string[] => answers.map((answer) => String(answer).slice(0, 3));

export async function health(host: LabHost): Promise<{ status: number | null; text: string }> {
  const { status, stdout } = await host.run('setpriv --reuid nobody --regid nogroup --clear-groups relaymap health');
  return { status, text: stdout };
}

/**
 * Waits until strangers get these answers. A map is live before its cycle is reported, and after a reload a process
 * of before may take one more connection.
 */
export async function answers(
  lab: Lab,
  host: LabHost,
  recipients: readonly string[],
  wanted: readonly string[],
): Promise<void> {
  const ask = async () => codes(await smtp(lab, host, recipients));
  const isSo = (seen: readonly string[]) => seen.join() === wanted.join();
  await until(`${wanted.join()} for ${recipients.join()} on ${host.name}`, 120, ask, isSo);
}

/** Waits until health says so: of a map that has just appeared the reload is on record for a moment yet. */
export const graded = (host: LabHost, status: number): Promise<{ status: number | null; text: string }> =>
  until(
    `health ${status} on ${host.name}`,
    180,
    () => health(host),
    (found) => found.status === status,
  );

/** Waits until a version, or a later one, is installed. */
export async function installed(host: LabHost, version: number): Promise<number> {
  const ask = async () => {
    const { stdout } = await host.run('cat /var/lib/relaymap/status.json');
    return Number(/"version": ?([0-9]+)/.exec(stdout)?.[1] ?? 0);
  };
  return await until(`version ${version} on ${host.name}`, 180, ask, (found) => found >= version);
}

/** A gateway from nothing to its first list, under its shipped unit. */
export async function gateway(
  lab: Lab,
  from: Central,
  [name, address]: readonly [string, string],
  { more = '', suite = 'trixie' }: { more?: string; suite?: Suite } = {},
): Promise<LabHost> {
  const host = await backupMx(lab, name, address, suite);
  await host.install(deb('relaymap'));
  await carry(host, from);
  await follow(host, more);
  await host.ok(`postconf -e ${MAPS.join(' ')} && postfix reload 2>&1 && systemctl start relaymap`);
  await installed(host, 1);
  await answers(lab, host, ['postmaster@example.org'], ['250']);
  return host;
}

export const MX1 = ['mx1', '10.77.0.31'] as const;
export const MX2 = ['mx2', '10.77.0.32'] as const;
