/**
 * The child of `relaymap run` that runs one cycle. It receives its task from the daemon and sends back the outcome.
 * At SIGTERM, or when the daemon is gone, it ends between two steps.
 */
import { setMaxListeners } from 'node:events';
import './seed-hashes.ts';
import '../io/v8-baseline-wasm.ts'; // before undici
import { knowing } from '../gateway/fetch/poll-answers.ts';
import { cycle } from '../gateway/cycle/cycle.ts';
import type { Task, Word } from '../gateway/daemon/cycle-child.ts';
import { urlSources } from '../gateway/fetch/url-sources.ts';
import { userAgents } from '../gateway/health/user-agent.ts';
import { VERSION } from './program.ts';

const abort = new AbortController();
setMaxListeners(0, abort.signal); // each request under way adds a listener
const clock = (): number => performance.now();
const say = (word: Word): void => void process.send?.(word, undefined, undefined, () => undefined);

process.on('SIGTERM', () => abort.abort());
process.on('SIGINT', () => abort.abort());
process.on('disconnect', () => abort.abort());
// These are for the daemon. A service manager sends them to all processes of a unit.
for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => undefined);

process.once('message', (task: Task) => {
  if (task.version === VERSION) void work(task);
  else process.exit(2);
});

async function work({ config, bundles, access, asked, hashed, now }: Task): Promise<void> {
  say({ is: 'begun' });
  const accessOf = (name: string) => access.get(name) ?? new Map();
  const sources = urlSources(config, clock, process.env, userAgents(config, VERSION), abort.signal, accessOf);
  const outcome = await cycle({
    config,
    bundles,
    options: { force: false, acceptShrink: false, partial: false, dryRun: false, rebuildState: false },
    sourceOf: (bundle) => {
      const known = asked.get(bundle.name);
      const source = known === undefined ? null : sources.of(bundle);
      return source === null || known === undefined ? null : knowing(source, known);
    },
    now,
    clock,
    log: (level, message) => say({ is: 'log', level, message }),
    ...(hashed ? { hashed: 'here' as const } : {}),
    signal: abort.signal,
  });
  say({ is: 'outcome', outcome });
  await sources.close();
  if (process.connected) process.disconnect();
}
