// A gateway with its Postfix, both private and both as they should be: `relaymap check` finds nothing there. Tests
// spoil one thing, look at the finding, and type the lines that it gives.
import { writeFile } from 'node:fs/promises';
import { type Postfix, type PostfixOptions, startGateway } from './postfix.ts';
import { createSite, type Site, type SiteOptions } from './site.ts';
import { mustSucceed, run, type Finished } from './finished.ts';

export interface Host {
  readonly site: Site;
  readonly postfix: Postfix;
  /** Runs lines of a shell as the postmaster of this host types them. */
  type(...lines: readonly string[]): Promise<Finished>;
  /** postconf -e */
  set(...settings: readonly string[]): Promise<void>;
  check(): Promise<Checked>;
  stop(): Promise<void>;
}

export interface Finding {
  readonly level: 'error' | 'warning' | 'note';
  /** In one line. */
  readonly text: string;
  /** The lines to type. */
  readonly type: readonly string[];
}

export interface Checked extends Finished {
  readonly findings: readonly Finding[];
}

/** What a host needs beyond Postfix's defaults for a check that finds nothing. */
export const CLEAN: Record<string, string> = {
  recipient_delimiter: '+',
  parent_domain_matches_subdomains: 'debug_peer_list,fast_flush_domains,mynetworks,qmqpd_authorized_clients',
};

export async function startHost(
  rows: readonly string[],
  options: PostfixOptions & { site?: SiteOptions } = {},
): Promise<Host> {
  const site = await createSite({ bundleToml: 'domains = ["example.org", "*.example.org"]', ...options.site });
  try {
    if (rows.length > 0) await site.publishAndFetch(rows);
    const postfix = await startGateway({ mapDir: site.mapDir, ...options, mainCf: { ...CLEAN, ...options.mainCf } });
    Object.assign(site.env, postfix.env);
    const type = (...lines: readonly string[]) => shell(lines, site.env);
    return {
      site,
      postfix,
      type,
      async set(...settings) {
        await mustSucceed(type(...settings.map((each) => `postconf -e '${each}'`)));
      },
      async check() {
        const checked = await site.relaymap('check');
        return { ...checked, findings: findingsOf(checked.stdout) };
      },
      async stop() {
        await Promise.all([postfix.stop(), site.stop()]);
      },
    };
  } catch (error) {
    await site.stop();
    throw error;
  }
}

/** The findings in what `check` prints: indented by two the text goes on, by four a line to type. */
export function findingsOf(stdout: string): Finding[] {
  return stdout.split('\n\n').flatMap((block) => {
    const lines = block.split('\n');
    const [, level, head] = /^(error|warning|note): (.*)$/.exec(lines[0] ?? '') ?? [];
    if (level === undefined) return [];
    const rest = lines.slice(1);
    const type = rest.filter((line) => line.startsWith('    ')).map((line) => line.slice(4));
    const text = [head ?? '', ...rest.filter((line) => !line.startsWith('    ')).map((line) => line.trim())].join(' ');
    return [{ level: level as Finding['level'], text, type }];
  });
}

/** Changes a file by its text. */
export async function edit(file: string, text: string, change: (text: string) => string): Promise<void> {
  const changed = change(text);
  if (changed === text) throw new Error(`nothing to change in ${file}`);
  await writeFile(file, changed);
}

const shell = (lines: readonly string[], env: Record<string, string>): Promise<Finished> =>
  run(['sh', '-e', '-c', lines.join('\n')], { env });
