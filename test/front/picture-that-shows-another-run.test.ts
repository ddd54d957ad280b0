// The pictures of README.md are of real sessions: a forged recipient with and without the list, and the questions of
// `relaymap init --backup-mx`. `npm run front:picture` draws them anew; without it this fails where a session says
// something else than its picture.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway, startPostfix, startPrimary, until, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { SmtpClient, type SmtpReply } from '../support/smtp.ts';
import { dialogue } from './dialogue.ts';
import { initCommand } from './init-line.ts';
import { panel, type Line } from './panel.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const isDrawn = process.env['RELAYMAP_PICTURES'] !== undefined;

function shows(name: string, picture: string): void {
  const file = path.join(docs, name);
  if (isDrawn) writeFileSync(file, picture);
  expect(readFileSync(file, 'utf8'), `docs/${name}: npm run front:picture`).toBe(picture);
}

let site: Site;
const servers: Postfix[] = [];
beforeEach(async () => {
  site = await createSite();
  await site.publish(['alice@example.org', 'bob@example.org']);
});
afterEach(async () => {
  await Promise.all([...servers.splice(0).map((server) => server.stop()), site?.stop()]);
});
const started = async (server: Promise<Postfix>): Promise<Postfix> => {
  servers.push(await server);
  return await server;
};

const FORGED = 'someone@victim.example';
const NOBODY = 'nobody@example.org';

/** What a stranger's client and the server say, up to the first refusal. */
async function talk({ port }: Postfix): Promise<Line[]> {
  const client = await SmtpClient.connect(port);
  const lines: Line[] = [];
  const said = (typed: string, { code, text }: SmtpReply, isGood = code < 400): boolean => {
    const words = `${code} ${text}`.replace(/: queued as \S+/, ': queued');
    lines.push({ text: `> ${typed}`, kind: 'typed' }, { text: words, kind: isGood ? 'plain' : 'good' });
    return code < 400;
  };
  said(`MAIL FROM:<${FORGED}>`, await client.mail(FORGED));
  if (said(`RCPT TO:<${NOBODY}>`, await client.rcpt(NOBODY)))
    said('DATA ...', await client.data('Subject: x\r\n\r\nx'));
  await client.quit();
  return lines;
}

/** The rows of the taller one; both have one height, to stand side by side. */
const ROWS = 13;
const COLUMNS = 47;

test('without the list a forged recipient is taken, and a stranger gets the bounce', async () => {
  const primary = await started(startPrimary({ domains: ['example.org'], mailboxes: ['alice@example.org'] }));
  const relay = await started(
    startPostfix({
      mainCf: {
        relay_domains: 'example.org',
        relay_recipient_maps: '',
        relay_transport: `relay:[127.0.0.1]:${primary.port}`,
        default_transport: 'discard:', // where the bounce would go out
      },
    }),
  );
  const lines = await talk(relay);
  const bounced = new RegExp(`to=<${NOBODY}>.*status=bounced \\(host \\S+ said: (.*) \\(in reply to RCPT TO`);
  const [found = ''] = await until('the primary refuses', async () => {
    const seen = await relay.log(bounced);
    return seen.length > 0 && seen;
  });
  const answer = bounced.exec(found)?.[1] ?? '';
  await until('the bounce goes out', async () => (await relay.log(new RegExp(`to=<${FORGED}>`))).length > 0);
  const after: Line[] = [
    { text: '', kind: 'plain' },
    { text: 'Then the primary says to the relay:', kind: 'faint' },
    { text: answer, kind: 'plain' },
    { text: `A bounce goes to ${FORGED}, who never wrote.`, kind: 'bad' },
  ];
  shows('forged-without.svg', panel('A relay without the list', [...lines, ...after], COLUMNS, ROWS));
});

test('with the list it is refused at once, and there is nothing to bounce', async () => {
  await site.fetch();
  const relay = await started(startGateway({ mapDir: site.mapDir }));
  const lines = await talk(relay);
  expect(await relay.queue()).toEqual([]);
  const after: Line[] = [
    { text: '', kind: 'plain' },
    { text: 'Nothing was taken, so nobody gets a bounce.', kind: 'faint' },
    { text: `alice@example.org gets 250 as before.`, kind: 'faint' },
  ];
  const client = await SmtpClient.connect(relay.port);
  expect((await client.ask('alice@example.org')).code).toBe(250);
  await client.quit();
  shows('forged-with.svg', panel('The same with relaymap', [...lines, ...after], COLUMNS, ROWS));
});

const ANSWERS = {
  'Where the list is': 'https://mx-central.example.org:8443/',
  'Its name': 'example-org',
  'public key': '',
  'All domains': 'example.org,*.example.org',
  'the token': '',
  "server's CA": '',
  'host with the mailboxes': 'primary.example.org',
  'Have Postfix use it': 'yes',
};

/** Beside the questions; the rest is cut, and a line of dots says so. */
const KEPT = [
  'Each question has an option',
  'example-org: installed version',
  'Postfix has been told:',
  "  postconf -e 'relay_recipient_maps",
  "  postconf -e 'smtpd_relay_restrictions = permit_mynetworks",
  "  postconf -e 'maximal_queue_lifetime",
  'All of it in one line:',
  '  relaymap init --take-back',
  'Postfix was asked as a stranger',
  'What this host cannot set itself:',
  '- HELO: ',
  '- PTR: ',
];

test('init asks, changes Postfix, and says what it cannot do itself', async () => {
  const postfix = await started(
    startPostfix({ mainCf: { mynetworks: '127.0.0.2/32', default_transport: 'discard:' } }),
  );
  Object.assign(site.env, postfix.env);
  const etc = path.join(site.dir, 'etc');
  mkdirSync(etc);
  writeFileSync(`${etc}/relaymap.toml`, `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
  for (const [from, to] of [
    ['signing/example-org.pub', 'example-org.pub'],
    ['tls.pem', 'tls.pem'],
  ] as const)
    // prettier-ignore
    writeFileSync(path.join(etc, to), readFileSync(path.join(site.dir, from)));
  writeFileSync(`${etc}/token`, '0123456789abcdef\n', { mode: 0o600 });
  // Where things really are in this run, and where they are on a host.
  const places: readonly (readonly [string, string])[] = [
    [`--config ${etc}/relaymap.toml `, ''],
    [site.url, 'https://mx-central.example.org:8443/'],
    [etc, '/etc/relaymap'],
    [site.mapDir, '/var/lib/relaymap/maps'],
    [site.stateDir, '/var/lib/relaymap'],
    [postfix.configDir, '/etc/postfix'],
    ['mx.test.invalid', 'mx2.example.org'],
    [` --config /etc/relaymap/relaymap.toml`, ''],
  ];
  const real = (text: string) => places.reduce((all, [here, there]) => (there === '' ? all : all.replace(there, here)), text); // prettier-ignore
  const { status, said } = await dialogue(
    [...initCommand(site), '--backup-mx'],
    Object.entries(ANSWERS).map(([question, answer]) => [new RegExp(`${question}.*: `), `${real(answer)}\n`] as const),
    site.env,
  );
  expect(status, said).toBe(0);
  // What a terminal is told of its cursor, and what differs from run to run, is no part of the picture.
  const plain = said
    .replace(/\u001b\[\d*[GJK]/g, '')
    .replace(/, \d+ bytes in \d+ ms/, '')
    .replace(/(?<=^- .*)\n {2}/gm, ' '); // wrapped anew, as all of it
  const text = places.reduce((all, [here, there]) => all.replaceAll(here, there), plain);
  const lines: Line[] = [{ text: '# relaymap init --backup-mx', kind: 'typed' }];
  let isCut = false;
  for (const line of text.split('\n')) {
    const question = Object.entries(ANSWERS).find(([words]) => line.includes(words) && /: /.test(line));
    const isKept = question !== undefined || KEPT.some((start) => line.startsWith(start));
    if (!isKept && !isCut && line !== '') lines.push({ text: '...', kind: 'faint' });
    isCut = !isKept;
    const kind = line.startsWith('Postfix was asked') ? 'good' : 'plain';
    if (isKept) lines.push({ text: line, kind, ...(question === undefined ? {} : { answer: question[1] }) });
  }
  expect(lines.length).toBeGreaterThan(20);
  shows('init.svg', panel('A terminal', lines, 52));
});
