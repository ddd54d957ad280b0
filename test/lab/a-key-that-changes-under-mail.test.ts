// Two gateways that nobody touches go from key A to key B, and on to two of two with a second host, while strangers ask
// both all the time: an address of the list is never refused or deferred, another one is never accepted. At the end one
// signature alone is refused.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { digestOf } from '../support/ceremony.ts';
import { Lab, until, type LabHost } from '../support/lab.ts';
import {
  central,
  codes,
  gateway,
  MX1,
  MX2,
  publisherHost,
  recipientsAre,
  SERVED,
  smtp,
  type Central,
} from './scene.ts';

const SECOND = ['second', '10.77.0.40'] as const;
const ETC = '/etc/relaymap-publish';
const OUTPUT = '/srv/relaymap/example-org';
const MANIFEST = `${OUTPUT}/manifest.json`;
const [KNOWN, UNKNOWN] = ['someone@example.org', 'nobody@example.org'];
const AUDITOR = fileURLToPath(new URL('../support/verify-by-openssl.mjs', import.meta.url));

/** Where the root keys are: a folder of no host of the lab, with the one file that signs. */
class Safe {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-safe-'));

  constructor() {
    this.#types('keyring', 'init', '--out', this.#at('roots'));
  }

  #at = (...names: string[]) => path.join(this.folder, ...names);

  #types(...args: string[]): void {
    execFileSync(process.execPath, [path.join(BIN_FOLDER, 'relaymap-sign.cjs'), ...args], { env: {}, stdio: 'pipe' });
  }

  publicKeys(): string[] {
    const files = readdirSync(this.#at('roots')).filter((name) => name.endsWith('.pub'));
    return files.sort().map((name) => readFileSync(this.#at('roots', name), 'utf8'));
  }

  /** The step with the signatures of two root keys. */
  signed(step: string): string {
    const file = this.#at('step.json');
    writeFileSync(file, step);
    for (const root of ['root-1.key', 'root-3.key'])
      this.#types('sign', file, '--key', this.#at('roots', root), '--yes', digestOf(file));
    return readFileSync(file, 'utf8');
  }
}

let safe: Safe;
let lab: Lab;
let from: Central;
let second: LabHost;
let both: readonly [LabHost, LabHost];
let list = [KNOWN];

beforeAll(async () => {
  safe = new Safe();
  lab = await Lab.start();
  const rootKeys = safe.publicKeys();
  const [first, other] = await Promise.all([central(lab, list), publisherHost(lab, SECOND, 'second')]);
  from = { ...first, rootKeys };
  second = other;
  await from.host.ok(`systemctl disable --now relaymap-publish.timer 2>&1
    systemctl enable --now relaymap-publish-watch 2>&1
    install -d ${ETC}/gateway/root; cp ${ETC}/example-org.pub ${ETC}/gateway/`);
  for (const [i, key] of rootKeys.entries()) await from.host.write(`${ETC}/gateway/root/${i}.pub`, key);
  // A gateway that has refused something is left alone for a quarter of this at most.
  const more = '[health]\nwarn_after = "8s"\n';
  both = await Promise.all([gateway(lab, from, MX1, { more }), gateway(lab, from, MX2, { more })]);
});
afterAll(async () => {
  await lab?.stop();
  if (safe !== undefined) rmSync(safe.folder, { recursive: true });
});

/** What is written on a gateway by hands, and since when its services run. */
const hands = (mx: LabHost): Promise<string> =>
  mx.ok(`find /etc/relaymap /etc/postfix -printf '%p %C@ %m %U:%G\\n' | sort
    systemctl show -p MainPID -p NRestarts -p ActiveEnterTimestampMonotonic relaymap postfix`);

/** Strangers who ask both gateways until `stop`, a new connection each time. */
function strangers() {
  const seen = { times: 0, wrong: [] as string[], stop };
  const stopping = new AbortController();
  const work = both.map(async (mx) => {
    while (!stopping.signal.aborted) {
      const answers = await smtp(lab, mx, [KNOWN, UNKNOWN]).catch((error: unknown) => [String(error)]);
      if (codes(answers).join() !== '250,550') seen.wrong.push(`${mx.name}: ${JSON.stringify(answers)}`);
      seen.times++;
      await delay(500); // a pace: the hosts need the processor too
    }
  });
  async function stop(): Promise<void> {
    stopping.abort();
    await Promise.all(work);
  }
  return seen;
}

/** Puts one more address into the sources, and waits until both gateways accept it. */
async function comes(address: string): Promise<void> {
  list = [...list, address];
  for (const host of [second, from.host]) await recipientsAre(host, list);
  await everywhere(address, '250');
}

const everywhere = (address: string, code: string) =>
  until(
    `${code} for ${address} on both`,
    120,
    () => Promise.all(both.map(async (mx) => codes(await smtp(lab, mx, [address]))[0])),
    (answers) => answers.every((answer) => answer === code),
  );

/** Edits the publisher's configuration, which `watch` takes over. */
const configure = (sed: string) =>
  from.host.ok(`sed -i '${sed}' ${ETC}/relaymap-publish.toml && systemctl reload relaymap-publish-watch`);

/** The ceremony of a step: proposed here, signed elsewhere, published here. Waits until both gateways have taken it. */
async function step(number: number, change: string): Promise<string> {
  const said = await from.host.ok(`rm -f /media/step.json
    relaymap-publish keyring propose --keys ${ETC}/gateway --published ${OUTPUT} --out /media/step.json ${change}`);
  await from.host.write('/media/step.json', safe.signed(await from.host.ok('cat /media/step.json')));
  expect(await from.host.ok('relaymap-publish keyring publish /media/step.json')).toContain(`step ${number} is out`);
  for (const mx of both) {
    const keys = () => mx.ok('relaymap keys');
    await until(`step ${number} on ${mx.name}`, 120, keys, (text) => text.includes(`key ring step ${number} since`));
  }
  return said;
}

/** The second host signs what its own copy of the list confirms. */
async function cosignerStarts(): Promise<void> {
  await second.ok(`echo '10.77.0.10 central.lab' >>/etc/hosts
    install -d -o relaymap-publish -g relaymap-publish -m 0750 ${OUTPUT}
    install -d /etc/systemd/system/relaymap-publish-watch.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/relaymap-publish cosign\\n' \\
      >/etc/systemd/system/relaymap-publish-watch.service.d/cosign.conf`);
  await second.write(`${ETC}/central.pem`, from.certificate);
  await second.write(`${ETC}/token`, from.token, '0640', 'root:relaymap-publish');
  await second.write(
    `${ETC}/relaymap-publish.toml`,
    `name = "example-org"
output = "${OUTPUT}"
keys = ["${ETC}/second.key"]
ring = 3
[candidate]
url = "https://central.lab:8443/candidate/"
ca_file = "${ETC}/central.pem"
token_file = "${ETC}/token"
[[source]]
type = "file"
path = "${ETC}/recipients"
${SERVED}`,
  );
  await second.ok(`systemctl daemon-reload
    systemctl enable --now relaymap-publish-watch relaymap-publish-serve 2>&1`);
  await from.host.ok(`echo '${SECOND[1]} second.lab' >>/etc/hosts`);
  await from.host.write(`${ETC}/second.pem`, await second.ok(`cat ${ETC}/tls.pem`));
  await from.host.write(`${ETC}/second.pub`, await second.ok(`cat ${ETC}/second.pub`));
}

/** Waits until both gateways refuse what is out as such, or not any more. */
async function refused(is: boolean): Promise<void> {
  for (const mx of both) {
    const status = () => mx.ok('cat /var/lib/relaymap/status.json');
    const codeIn = (text: string) => (JSON.parse(text) as { bundles: { code: string | null }[] }).bundles[0]?.code;
    await until(`${mx.name} refuses: ${is}`, 120, status, (text) => codeIn(text) === (is ? 'BAD_SIGNATURE' : null));
  }
}

async function putOut(manifest: string): Promise<void> {
  await from.host.write(`${MANIFEST}.new`, manifest);
  await from.host.ok(`mv ${MANIFEST}.new ${MANIFEST}`);
}

/** Verifies what is out from the key directory of a gateway, by openssl alone. */
async function audited(): Promise<string> {
  const folder = path.join(safe.folder, 'audit');
  const copy = async (host: LabHost, dir: string, to: string) => {
    for (const name of (await host.ok(`cd ${dir} && find . -name '*.pub' -o -name '*.json'`)).trim().split('\n')) {
      const file = path.join(folder, to, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, await host.ok(`cat ${dir}/${name}`));
    }
  };
  await copy(from.host, OUTPUT, 'out');
  await copy(both[0], '/etc/relaymap/keys/example-org', 'keys');
  return execFileSync(process.execPath, [AUDITOR, path.join(folder, 'out'), path.join(folder, 'keys')]).toString();
}

interface Envelope {
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string }[];
}
const published = async (): Promise<Envelope> => JSON.parse(await from.host.ok(`cat ${MANIFEST}`)) as Envelope;
const signers = async (): Promise<string[]> => (await published()).signatures.map(({ keyid }) => keyid).sort();
const keyidOf = async (host: LabHost, name: string): Promise<string> =>
  (await host.ok(`openssl pkey -pubin -in ${ETC}/${name}.pub -outform DER | tail -c 32 | sha256sum`)).slice(0, 64);

test('from key A to key B to two of two, with gateways that nobody touches', async () => {
  const { host } = from;
  const untouched = await Promise.all(both.map(hands));
  const asked = strangers();
  try {
    await host.ok(`relaymap-publish keygen --out ${ETC} --name b && chmod 0640 ${ETC}/b.key`);
    const [a, b, s] = [await keyidOf(host, 'example-org'), await keyidOf(host, 'b'), await keyidOf(second, 'second')];
    const short = (keyid: string) => keyid.slice(0, 16);

    await configure(`s|^keys = .*|keys = ["${ETC}/b.key", "${ETC}/example-org.key"]|`);
    expect(await step(1, `--add ${ETC}/b.pub`)).toContain(`key ${short(b)} comes`);
    expect(await signers()).toEqual([a, b].sort());
    await comes('by-both@example.org');

    expect(await step(2, `--remove ${ETC}/example-org.pub`)).toContain(`key ${short(a)} goes`);
    await configure(`s|^keys = .*|keys = ["${ETC}/b.key"]|`);
    await host.ok(`rm ${ETC}/example-org.key`);
    await comes('by-b@example.org');
    expect(await signers()).toEqual([b]);

    await cosignerStarts();
    const from_ = `{ url = "https://second.lab:8443/", public = "${ETC}/second.pub", ca_file = "${ETC}/second.pem", token_file = "${ETC}/token" }`;
    await configure(`s|^keys = .*|&\\nthreshold = 2\\ncosigners = [${from_}]|`);
    await comes('by-two@example.org');
    await step(3, `--add ${ETC}/second.pub --threshold 2`);
    await comes('of-two@example.org');
    expect(await signers()).toEqual([b, s].sort());
    for (const mx of both) {
      const keys = await mx.ok('relaymap keys');
      expect(keys).toMatch(/^example-org: threshold 2, root threshold 2, key ring step 3 since /);
      for (const keyid of [b, s]) expect(keys).toContain(`trusted   ${short(keyid)}`);
      expect(keys).not.toContain(`trusted   ${short(a)}`);
    }

    expect(await audited()).toMatch(/^step 1: good.*\nstep 2: good.*\nstep 3: good.*\nmanifest: good, version \d+\n$/);

    // Each of the two alone: the publisher that was taken over, and what a mirror leaves of a good manifest.
    await host.ok('systemctl stop relaymap-publish-watch');
    const good = await host.ok(`cat ${MANIFEST}`);
    for (const signature of (await published()).signatures) {
      await putOut(JSON.stringify({ ...(JSON.parse(good) as Envelope), signatures: [signature] }));
      await refused(true);
      await putOut(good);
      await refused(false);
    }
    await host.ok(`sed -i '/^threshold\\|^cosigners/d' ${ETC}/relaymap-publish.toml`);
    await recipientsAre(host, [...list, 'thief@example.org']);
    // relaymap-publish itself does not put it out; a thief is not held by that.
    const honest = await host.run('relaymap-publish publish');
    expect([honest.status, honest.stderr]).toEqual([2, expect.stringMatching(/VERIFY: gateways at key ring step 3/)]);
    const steps = `${path.dirname(MANIFEST)}/keyring`;
    await host.ok(
      `mv ${steps}/3.json ${steps}/3.away && relaymap-publish publish && mv ${steps}/3.away ${steps}/3.json`,
    );
    expect(await signers()).toEqual([b]);
    await refused(true);
    await everywhere('thief@example.org', '550');
    await putOut(good);
    await refused(false);
  } finally {
    await asked.stop();
  }
  expect(asked.wrong).toEqual([]);
  expect(asked.times).toBeGreaterThan(20);
  expect(await Promise.all(both.map(hands))).toEqual(untouched);
});
