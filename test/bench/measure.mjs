// Measures a command as a whole process tree: wall and CPU by bash's `time`, the largest process by GNU time; the
// memory of all its processes together by looking into /proc during a run that is not timed. Starts nothing but the
// commands it is given.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What a measured command may see of our own environment: nothing that would change how Node or the tools behave. */
const ENV = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8', HOME: '/nonexistent' };

/**
 * GNU time stands inside, so that the largest process is not this one, forked; bash's `time` counts to the
 * millisecond.
 */
const WRAPPER = `exec 3>&2
out=$1; shift
TIMEFORMAT='%3R %3U %3S'
{ time /usr/bin/time -q -f %M -o "$out.peak" "$@" 2>&3; } 2>"$out.times"`;

/**
 * Compares two commands in alternating runs after a warm-up of each; `yardstick` may be null, and ours is then
 * measured alone. A contender is `{ name, argv, env?, before?, check? }`: `before()` prepares a run and is not
 * measured, `check(stdout)` throws if the run did not do its job.
 * @returns `{ ours, yardstick }`, each (where it is not null) with its runs (ms, MiB) and `together`, the peak of
 * all processes in MiB.
 */
export async function compare({ rounds, ours, yardstick, beforeRound }, scratch) {
  const contenders = yardstick === null ? [ours] : [ours, yardstick];
  const sides = contenders.map((contender) => ({ contender, name: contender.name, runs: [], together: 0 }));
  await beforeRound?.();
  for (const side of sides) side.together = await warmUp(side.contender);
  for (let round = 0; round < rounds; round++) {
    await beforeRound?.();
    for (const side of sides) side.runs.push(await timed(side.contender, scratch));
  }
  return { ours: sides[0], yardstick: sides[1] ?? null };
}

/** One run, measured. */
async function timed(contender, scratch) {
  await contender.before?.();
  const out = path.join(scratch, 'measured');
  const argv = ['bash', '-c', WRAPPER, 'measure', out, ...contender.argv];
  const { stdout } = await run(argv, contender.env);
  contender.check?.(stdout);
  const [wall, user, system] = readFileSync(`${out}.times`, 'utf8').trim().split(' ').map(Number);
  const peak = Number(readFileSync(`${out}.peak`, 'utf8')) / 1024;
  return { wall: wall * 1000, cpu: (user + system) * 1000, peak };
}

/** One run that is watched instead: the most memory that all its processes had together, in MiB. */
async function warmUp(contender) {
  await contender.before?.();
  let most = 0;
  const { stdout } = await run(contender.argv, contender.env, (pid) => {
    most = Math.max(most, treeMemory(pid));
  });
  contender.check?.(stdout);
  return most;
}

const running = new Set();
let stopped = false;

/** Ends what is running here, with all its children; nothing is started afterwards. */
export async function stopRunning() {
  stopped = true;
  for (const child of running) {
    const closed = new Promise((resolve) => child.once('close', resolve));
    process.kill(-child.pid, 'SIGKILL');
    await closed;
  }
}

/**
 * Runs a command to its end, in a process group of its own. @returns its stdout; throws with its stderr if it
 * failed.
 */
export function run(argv, env = {}, look) {
  return new Promise((resolve, reject) => {
    if (stopped) return reject(new Error('stopped'));
    const [program, ...args] = argv;
    const child = spawn(program, args, { env: { ...ENV, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child.once('spawn', () => running.add(child));
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => (text[name] += part));
    const timer = look && setInterval(() => look(child.pid), 5);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearInterval(timer);
      running.delete(child);
      if (status === 0) resolve(text);
      else reject(new Error(`${argv.join(' ')} ended with ${signal ?? status}:\n${text.stderr}${text.stdout}`));
    });
  });
}

/**
 * Resident memory of a process and all below it, in MiB, pages that they share counted for each; 0 where /proc does
 * not tell.
 */
function treeMemory(pid) {
  try {
    const resident = /^VmRSS:\s+([0-9]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const below = children === '' ? [] : children.split(' ');
    return below.reduce((sum, child) => sum + treeMemory(child), Number(resident) / 1024);
  } catch {
    return 0; // ended meanwhile
  }
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Ours to the yardstick's, pair by pair. @param what `wall` or `cpu`. */
export const ratios = ({ ours, yardstick }, what) => ours.runs.map((r, i) => r[what] / yardstick.runs[i][what]);
