// One forger, its endpoint and one gateway that has its first version: what most attacks begin with. And the two
// sentences that every attack ends with: it was refused, and nothing moved.
import { expect } from 'vitest';
import { Endpoint, type Certificate } from './endpoint.ts';
import { Forger, SigningKey, type Lies, type Publication } from './forger.ts';
import { stepFile, type StepDraft } from './keyring-step.ts';
import { Gateway, type Fetched, type RunOptions } from './gateway.ts';

/** Sixty mailboxes, and three with names. */
export const LIST: readonly string[] = [
  ...Array.from({ length: 60 }, (_, i) => `mailbox-${String(i).padStart(2, '0')}@example.org`),
  'alice@example.org',
  'bob@example.org',
  'postmaster@example.org',
];
/** The same with one more: the next honest version. */
export const LONGER: readonly string[] = [...LIST, 'carol@example.org'];

/** Codes that mean "could not", docs/commands.md section 2.4; all others mean "refused". */
const COULD_NOT = /^(NETWORK|TLS|TIMEOUT|HTTP_STATUS|REDIRECT|INSTALL_FAILED|NO_SPACE|BUSY|CONFIG|INTERNAL)$/;
export const exitOf = (code: string): 1 | 2 => (COULD_NOT.test(code) ? 2 : 1);

export interface SceneOptions {
  readonly signers?: readonly SigningKey[];
  /** The keys in the gateway's directory, where they are not the signers'. */
  readonly trusted?: readonly SigningKey[];
  /** The root keys in the gateway's directory. */
  readonly roots?: readonly SigningKey[];
  /** Further lines of `[[bundle]]`, and of the whole configuration. */
  readonly bundle?: string;
  readonly config?: string;
  readonly certificate?: Certificate;
  readonly rows?: readonly string[];
  readonly first?: Lies;
  /** False: nothing is published and nothing fetched yet. */
  readonly installed?: boolean;
}

export class Scene {
  readonly forger: Forger;
  readonly endpoint: Endpoint;
  readonly gateway = new Gateway();
  #options: SceneOptions;

  private constructor(options: SceneOptions, forger: Forger, endpoint: Endpoint) {
    this.#options = options;
    this.forger = forger;
    this.endpoint = endpoint;
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const forger = new Forger('example-org', options.signers ?? [new SigningKey()]);
    const endpoint = await Endpoint.start(forger.files, options.certificate);
    const scene = new Scene(options, forger, endpoint);
    scene.configure();
    if (options.installed === false) return scene;
    scene.publish(options.rows ?? LIST, options.first);
    const first = await scene.gateway.fetch();
    expect([first.status, first.outcome], first.stdout + first.stderr).toEqual([0, 'installed']);
    endpoint.take();
    return scene;
  }

  /** Writes the gateway's configuration anew, with other lines where they are told. */
  configure(
    change: Pick<SceneOptions, 'bundle' | 'config' | 'trusted' | 'roots'> & { urls?: readonly string[] } = {},
  ): void {
    this.#options = { ...this.#options, ...change };
    const { bundle, config, trusted, roots = [] } = this.#options;
    const { name, signers } = this.forger;
    const urls = change.urls ?? [this.endpoint.url];
    this.gateway.configure([{ name, urls, keys: trusted ?? signers, roots, lines: bundle ?? '' }], config);
  }

  publish(rows: readonly string[], lies: Lies = {}): Publication {
    const published = this.forger.publish(rows, lies);
    for (const row of rows) if (!row.startsWith('@')) this.gateway.unspeakable.add(row);
    return published;
  }

  /** Puts a key ring step where the gateway asks for it. */
  step(draft: StepDraft): void {
    this.forger.files.set(`keyring/${draft.version}.json`, stepFile(draft));
  }

  /** A cycle that must end kept with `code`, or a code of these, having asked for `requests` and moved nothing. */
  async refused(
    code: string | RegExp,
    requests: readonly string[],
    { args = [], ...options }: RunOptions & { args?: readonly string[] } = {},
  ): Promise<Fetched> {
    const before = this.gateway.maps();
    const installed = Object.keys(before).length > 0;
    this.endpoint.take();
    const run = await this.gateway.fetch(args, options);
    const { bundle } = run;
    expect([run.outcome, bundle.outcome], run.stdout).toEqual(['kept', 'kept']);
    if (typeof code === 'string') expect(bundle.code, run.stdout).toBe(code);
    else expect(bundle.code).toMatch(code);
    expect(run.code).toBeUndefined();
    expect(bundle.message).toMatch(/\S/);
    expect([bundle.version === null, bundle.rows === null, bundle.via]).toEqual([!installed, !installed, 'none']);
    expect(run.status).toBe(exitOf(bundle.code ?? ''));
    expect(this.endpoint.take()).toEqual(requests);
    expect(this.gateway.maps()).toEqual(before);
    expect(this.gateway.strays()).toEqual([]);
    return run;
  }

  /** A cycle that fails before any bundle, with `code` at the top, having asked for nothing and moved nothing. */
  async failed(code: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Fetched> {
    const before = this.gateway.maps();
    this.endpoint.take();
    const run = await this.gateway.fetch(args, options);
    expect([run.outcome, run.code, run.bundles], run.stdout).toEqual(['kept', code, []]);
    expect(run.status).toBe(exitOf(code));
    expect(this.endpoint.take()).toEqual([]);
    expect(this.gateway.maps()).toEqual(before);
    return run;
  }

  /** A cycle that must install `rows` (those of the map's text) as this version. */
  async installs(version: number, rows: readonly string[], args: readonly string[] = []): Promise<Fetched> {
    const run = await this.gateway.fetch(args);
    expect([run.status, run.outcome, run.bundle.code], run.stdout + run.stderr).toEqual([0, 'installed', null]);
    expect([run.bundle.version, run.bundle.rows]).toEqual([version, new Set(rows).size]);
    expect(this.rows()).toEqual([...new Set(rows)].sort());
    expect(this.gateway.strays()).toEqual([]);
    return run;
  }

  /** A cycle that must find nothing new and move nothing. */
  async unchanged(version: number, args: readonly string[] = []): Promise<Fetched> {
    const before = this.gateway.maps();
    const run = await this.gateway.fetch(args);
    expect([run.status, run.outcome, run.bundle.code], run.stdout + run.stderr).toEqual([0, 'unchanged', null]);
    expect([run.bundle.version, run.bundle.via]).toEqual([version, 'none']);
    expect(this.gateway.maps()).toEqual(before);
    expect(this.gateway.strays()).toEqual([]);
    return run;
  }

  /** The keys of the installed text map. */
  rows(map = 'relay_recipients'): string[] {
    return this.gateway
      .text(map)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')[0] ?? '')
      .sort();
  }

  async close(): Promise<void> {
    await this.endpoint.stop();
    this.gateway.remove();
  }
}
