// Many attacks of one kind in one cycle: a gateway with a bundle for each, all of them installed and then all of
// them broken, each in its own way. A bundle fails alone, so each answer is what it would be by itself, and a
// hundred attacks cost two runs of the command.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Endpoint } from './endpoint.ts';
import { Forger, SigningKey, type Lies, type Publication } from './forger.ts';
import { Gateway, type Fetched, type Snapshot } from './gateway.ts';
import { LIST, LONGER } from './scene.ts';

export interface CrowdOptions {
  readonly signers?: readonly SigningKey[];
  /** The rows that the lies are told about. */
  readonly rows?: readonly string[];
  /** Whether the table is asked for before the refusal. */
  readonly table?: boolean;
}

/**
 * Defines a test for each case: its list is refused with `code`, exit 1, after no more requests than needed, and no
 * map moved.
 */
export function eachRefused(
  code: string,
  cases: readonly (readonly [string, Lies])[],
  options: CrowdOptions = {},
): void {
  const signers = options.signers ?? [new SigningKey()];
  let gateway: Gateway;
  const files = new Map<string, Buffer>();
  const published: Publication[] = [];
  let endpoint: Endpoint;
  let before: Snapshot;
  let run: Fetched;
  let asked: string[];

  beforeAll(async () => {
    gateway = new Gateway();
    endpoint = await Endpoint.start(files);
    const forgers = cases.map((_, i) => new Forger(`case-${i}`, signers));
    const share = (): void => {
      for (const { name, files: own } of forgers) for (const [path, bytes] of own) files.set(`${name}/${path}`, bytes);
    };
    const lines = 'domains = ["example.org"]';
    gateway.configure(forgers.map(({ name }) => ({ name, urls: [`${endpoint.url}${name}/`], keys: signers, lines })));
    for (const forger of forgers) forger.publish(LIST);
    share();
    const first = await gateway.fetch();
    expect([first.status, first.outcome], first.stderr).toEqual([0, 'installed']);
    before = gateway.maps();
    endpoint.take();
    for (const [i, [, lies]] of cases.entries()) {
      const forger = forgers[i];
      if (forger !== undefined) published[i] = forger.publish(options.rows ?? LONGER, lies);
      for (const row of forger?.everyRow ?? []) gateway.unspeakable.add(row);
    }
    share();
    run = await gateway.fetch();
    asked = endpoint.take();
  });
  afterAll(async () => {
    await endpoint.stop();
    gateway.remove();
  });

  test.each(cases.map(([name], i) => [name, i] as const))('%s', (_name, i) => {
    const bundle = run.bundles[i];
    expect(bundle).toMatchObject({
      name: `case-${i}`,
      outcome: 'kept',
      code,
      version: 1,
      rows: LIST.length,
      via: 'none',
    });
    expect(bundle?.message).toMatch(/\S/);
    const requests = ['manifest.json', ...(options.table === true ? [published[i]?.table] : [])];
    const own = asked.filter((path) => path.startsWith(`case-${i}/`));
    expect(own).toEqual(requests.map((path) => `case-${i}/${path}`));
    expect([run.status, run.outcome, run.code]).toEqual([1, 'kept', undefined]);
    expect(gateway.maps()).toEqual(before);
    expect(gateway.strays()).toEqual([]);
  });
}
