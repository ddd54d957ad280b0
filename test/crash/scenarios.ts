// The cycles that are disturbed, each with what was there before it: a gateway's folders, and what its endpoint and
// its stick offer.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { publishWithDelta } from '../support/delta.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey, type Lies } from '../support/forger.ts';
import { Gateway, type BundleSetup } from '../support/gateway.ts';
import { injecting, ONE_THREAD } from '../support/injection.ts';
import { stepFile } from '../support/keyring-step.ts';
import { hops, route } from '../support/next-hops.ts';
import { LIST } from '../support/scene.ts';

/** The next list has another row and another domain: a new map of each kind. */
export const NEXT: readonly string[] = [...LIST, 'carol@example.org', 'dora@example.net'];

/** The lists of a second bundle. */
const OTHER: readonly string[] = Array.from({ length: 20 }, (_, i) => `box-${i}@example.com`);
const OTHER_NEXT: readonly string[] = [...OTHER, 'erin@example.com', 'frank@example.edu'];

/** What each may speak for, where there are two. */
const DOMAINS: Readonly<Record<string, readonly string[]>> = {
  'example-org': ['example.org', 'example.net'],
  'example-com': ['example.com', 'example.edu'],
};

export interface Scenario {
  readonly name: string;
  /** Further lines of the gateways' configuration. */
  readonly config?: string;
  /** Two of them: the maps are their union. */
  readonly twoBundles?: true;
  /** The gateways have a root key, and the next list comes behind a key ring step. */
  readonly isRooted?: true;
  /** The list says where mail goes, too: a third map between the two. */
  readonly nextHops?: true;
  /** Without RELAYMAP_CRASH=all it is only killed, and only at a sample of its calls. */
  readonly sampled?: true;
  readonly args: (stage: Stage) => readonly string[];
  /** Brings every gateway of the stage to where the command begins. */
  readonly prepare: (stage: Stage) => Promise<void>;
}

/**
 * A folder whose fsync costs nothing, if the host has one that commands may be run in; else the system's for temporary
 * files. What a kill or a refusal leaves behind is the same in both.
 */
function inMemory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    const probe = mkdtempSync('/dev/shm/relaymap-probe-');
    try {
      writeFileSync(path.join(probe, 'runs'), '#!/bin/sh\n', { mode: 0o755 });
      return spawnSync(path.join(probe, 'runs')).status === 0 ? '/dev/shm' : os.tmpdir();
    } finally {
      rmSync(probe, { recursive: true });
    }
  } catch {
    return os.tmpdir();
  }
}

/** One publication, and as many gateways alike as there are to run side by side. */
export class Stage {
  readonly forger: Forger;
  /** The second bundle's; null where there is one bundle. */
  readonly other: Forger | null;
  /** Signs key ring steps; null where there are none. */
  readonly root: SigningKey | null;
  readonly stick = mkdtempSync(path.join(os.tmpdir(), 'relaymap-stick-'));
  readonly gateways: readonly Gateway[];
  readonly #nextHops: boolean;
  readonly #published: readonly { readonly forger: Forger; readonly endpoint: Endpoint }[];

  private constructor(
    published: readonly { readonly forger: Forger; readonly endpoint: Endpoint }[],
    gateways: readonly Gateway[],
    { isRooted = false, nextHops = false }: { readonly isRooted?: boolean; readonly nextHops?: boolean },
  ) {
    this.#nextHops = nextHops;
    this.root = isRooted ? new SigningKey() : null;
    const [first, second] = published;
    if (first === undefined) throw new Error('nothing is published');
    this.forger = first.forger;
    this.other = second?.forger ?? null;
    this.#published = published;
    this.gateways = gateways;
  }

  static async open(
    count: number,
    folder?: string,
    { config, ...kind }: Pick<Scenario, 'config' | 'twoBundles' | 'isRooted' | 'nextHops'> = {},
  ): Promise<Stage> {
    const gateways = Array.from({ length: count }, () => new Gateway(folder ?? inMemory()));
    const forgers = [new Forger(), ...(kind.twoBundles === true ? [new Forger('example-com')] : [])];
    const published = await Promise.all(
      forgers.map(async (forger) => ({ forger, endpoint: await Endpoint.start(forger.files) })),
    );
    const stage = new Stage(published, gateways, kind);
    for (const gateway of gateways) {
      gateway.configure(stage.setup(), config);
      gateway.postfix(true);
      gateway.postmap();
    }
    return stage;
  }

  /** What each gateway is configured with. */
  setup(): BundleSetup[] {
    return this.#published.map(({ forger, endpoint }) => ({
      name: forger.name,
      urls: [endpoint.url],
      keys: forger.signers,
      roots: this.root === null ? [] : [this.root],
      lines: [
        ...(this.other === null && !this.#nextHops ? [] : [`domains = ${JSON.stringify(DOMAINS[forger.name])}`]),
        ...(this.#nextHops ? ['next_hops = ["*.example.org"]'] : []),
      ].join('\n'),
    }));
  }

  /** Runs a command on each gateway; it must end well. */
  async each(...args: string[]): Promise<void> {
    for (const gateway of this.gateways) {
      const { status, stderr } = await gateway.run(args);
      expect(status, stderr).toBe(0);
    }
  }

  /** Runs `fetch` on each gateway, killed before it renames onto this file of its folder. */
  async killedBefore(file: string): Promise<void> {
    for (const gateway of this.gateways) {
      const log = gateway.at('strace.log');
      const temp = gateway.at(path.dirname(file), `.${path.basename(file)}.new`);
      const under = injecting({ name: 'rename', path: temp, when: 1 }, 'KILL', log);
      const { status } = await gateway.run(['fetch'], { under, env: ONE_THREAD });
      expect(status, 'killed').toBeNull();
    }
  }

  /** Publishes the first list, and the next one with a delta from it; a second bundle's next list comes without. */
  publishFirst(): void {
    this.forger.publish(LIST, this.#routes('mx1'));
    this.other?.publish(OTHER);
  }

  publishNext(): void {
    const [table = ''] = [...this.forger.files.keys()].filter((name) => name.endsWith('.gz'));
    if (this.#nextHops) this.forger.publish(NEXT, this.#routes('mx2'));
    else publishWithDelta(this.forger, { rows: LIST, table }, NEXT);
    this.other?.publish(OTHER_NEXT);
    if (this.root !== null) this.#publishStep(this.root);
    for (const [name, bytes] of this.forger.files) {
      mkdirSync(path.dirname(path.join(this.stick, name)), { recursive: true });
      writeFileSync(path.join(this.stick, name), bytes);
    }
  }

  #routes(host: string): Lies {
    return this.#nextHops ? hops(this.forger.files, [route('example.org', `[${host}.example.org]`)]).lies : {};
  }

  /** Another key in place of the first: it signs the list that is out, which makes every gateway ask for the step. */
  #publishStep(root: SigningKey): void {
    const signers = [new SigningKey()];
    const step = stepFile({ version: 1, keys: signers, roots: [root], by: [root] });
    this.forger.files.set('keyring/1.json', step);
    const { payload } = JSON.parse(this.forger.files.get('manifest.json')?.toString() ?? '') as { payload: string };
    this.forger.files.set('manifest.json', this.forger.seal(Buffer.from(payload, 'base64'), { signers }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#published.map(({ endpoint }) => endpoint.stop()));
    rmSync(this.stick, { recursive: true, force: true });
    for (const gateway of this.gateways) gateway.remove();
  }
}

const fetch = () => ['fetch', '--json'];

async function installed(stage: Stage): Promise<void> {
  stage.publishFirst();
  await stage.each('fetch');
}

async function twoInstalled(stage: Stage): Promise<void> {
  await installed(stage);
  stage.publishNext();
  await stage.each('fetch');
}

async function nextPublished(stage: Stage): Promise<void> {
  await installed(stage);
  stage.publishNext();
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'an update by delta', args: fetch, prepare: nextPublished },
  { name: 'the first copy', args: fetch, prepare: (stage) => Promise.resolve(stage.publishFirst()) },
  {
    name: 'healing',
    args: fetch,
    async prepare(stage) {
      await installed(stage);
      for (const { mapDir } of stage.gateways) {
        truncateSync(path.join(mapDir, 'relay_recipients.cdb'), 1000);
        rmSync(path.join(mapDir, 'relay_domains.cdb'));
      }
    },
  },
  { name: 'a rollback', args: () => ['rollback'], prepare: twoInstalled },
  { name: 'an import', args: ({ stick }) => ['import', stick, '--json'], prepare: nextPublished },
  { name: 'the whole table, forced', args: () => ['fetch', '--force', '--json'], prepare: nextPublished },
  {
    name: 'the end of an update that was cut short',
    args: fetch,
    async prepare(stage) {
      await nextPublished(stage);
      await stage.killedBefore('maps/relay_domains');
    },
  },
  {
    name: 'the end of a first copy that was cut short',
    args: fetch,
    async prepare(stage) {
      stage.publishFirst();
      await stage.killedBefore('maps/relay_recipients.cdb');
    },
  },
  { name: 'an update of two bundles', args: fetch, prepare: nextPublished, twoBundles: true, sampled: true },
  { name: 'an update with next hops', args: fetch, prepare: nextPublished, nextHops: true, sampled: true },
  {
    name: 'an update with a map by postmap',
    args: fetch,
    prepare: nextPublished,
    config: '[maps]\ntypes = ["cdb", "lmdb"]',
    sampled: true,
  },
  { name: 'a key ring step', args: fetch, prepare: nextPublished, isRooted: true, sampled: true },
];
