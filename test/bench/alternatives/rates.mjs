// RCPTs a second, the time of one, and the memory of Postfix, for each way to know recipients, one after the other.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFileSync, writeFileSync } from 'node:fs';
import { run } from '../measure.mjs';
import { ASKING, reading, readsTable, ROUND_TRIP, startContender, VERIFYING } from './contenders.mjs';
import { memoryOf } from './memory.mjs';

const client = path.join(path.dirname(fileURLToPath(import.meta.url)), 'ask.mjs');

/** Recipients that are asked for, again and again; half of them unknown. */
const ASKED = 10_000;
/** So many have been probed before in the measurement with a warm cache. */
export const PROBED = 2000;

const COLD_SECONDS = 15;

/** Runs the clients. @returns what they print */
export async function ask(options) {
  const limit = Math.ceil(options.seconds + (options.patience ?? 300_000) / 1000 + 30);
  const { stdout } = await run(['timeout', `${limit}`, process.execPath, client, JSON.stringify(options)]);
  return JSON.parse(stdout);
}

/** Writes files of known and unknown addresses, from all over the list. */
export function writeAsked(world, name, count, seed = 0) {
  const all = world.addresses();
  const at = (i) => all[Math.floor((((i + seed) * 0.6180339887) % 1) * all.length)];
  const known = Array.from({ length: count / 2 }, (_, i) => at(i));
  const files = { known: world.at(`${name}-known`), unknown: world.at(`${name}-unknown`) };
  writeFileSync(files.known, `${known.join('\n')}\n`);
  writeFileSync(files.unknown, `${known.map((address) => `no.${address}`).join('\n')}\n`);
  return files;
}

/** Known recipients must be accepted and unknown ones rejected, or the figures would be of something else. */
function mustBeRight(name, { known, unknown }) {
  const codes = [Object.keys(known.codes).join(), Object.keys(unknown.codes).join()];
  if (codes.join(' ') !== '250 550') throw new Error(`${name}: known ${codes[0]}, unknown ${codes[1]}`);
}

async function measure(world, contender, files, { clients, seconds }) {
  const postfix = await startContender(world, contender.options);
  try {
    await contender.prepare?.(postfix);
    const where = { port: postfix.port, ...files };
    const first = { ...where, clients, seconds: contender.prepare === undefined ? seconds / 2 : 0 };
    const { greeted } = await ask(first);
    const alone = await ask({ ...where, ...contender.alone, clients: 1, seconds: seconds / 2 });
    const many = await ask({ ...where, clients, seconds });
    const memory = memoryOf(postfix);
    mustBeRight(contender.name, many);
    return {
      name: contender.name,
      way: contender.way,
      perSecond: Number((many.rcpts / many.seconds).toFixed(1)),
      median: many.median,
      hundredth: many.hundredth,
      alone: alone.median,
      greeted: Number(greeted.toFixed(2)),
      rcpts: many.rcpts,
      ...memory,
    };
  } finally {
    await postfix.stop();
  }
}

/** Probes at once: master(8) lets cleanup queue a hundred connections, and verify(8) forgets a probe beyond that. */
const PROBES = 80;

/** With a limit of one look at the cache the probes run beside the RCPTs, which are deferred meanwhile. */
async function fillCache(world, postfix, files) {
  const set = async (count) => {
    await run(['postconf', '-c', postfix.configDir, '-e', `address_verify_poll_count = ${count}`]);
    await postfix.reload();
  };
  const [known, unknown] = [files.known, files.unknown].map((file) => readFileSync(file, 'latin1').trim().split('\n'));
  const some = { known: world.at('some-known'), unknown: world.at('some-unknown') };
  const where = { port: postfix.port, ...some, clients: 1, most: PROBES, seconds: 60 };
  await set(1);
  try {
    for (let from = 0; from < known.length; from += PROBES / 2) {
      writeFileSync(some.known, `${known.slice(from, from + PROBES / 2).join('\n')}\n`);
      writeFileSync(some.unknown, `${unknown.slice(from, from + PROBES / 2).join('\n')}\n`);
      await world.tests.until('all recipients have been probed', async () => {
        const answers = await ask(where);
        return ![answers.known, answers.unknown].some(({ codes }) => '450' in codes);
      });
    }
  } catch (error) {
    const deferred = await postfix.log(/status=deferred|warning|fatal/);
    throw new Error(`the last that Postfix said of its probes:\n${deferred.slice(-5).join('\n')}`, { cause: error });
  }
  await set(3);
}

/** @param settings clients and seconds */
export async function rates(world, settings, say) {
  const files = writeAsked(world, 'asked', ASKED);
  const found = [];
  const one = async (contender, asked, how = settings) => {
    found.push(await measure(world, contender, asked, how));
    say(found.at(-1));
  };
  for (const { name, table } of reading(world)) await one({ name, way: 'file', options: readsTable(table) }, files);
  for (const { name, source, options } of ASKING) {
    const { direct, delayed } = world.ports[source];
    await one({ name, way: 'loopback', options: options(direct) }, files);
    await world.set(source, 'delayed', 'up', ROUND_TRIP / 2);
    await one({ name, way: `${ROUND_TRIP} ms`, options: options(delayed) }, files);
  }
  const { name, source, options } = VERIFYING;
  const { direct, delayed } = world.ports[source];
  const probed = writeAsked(world, 'probed', PROBED);
  const prepare = (postfix) => fillCache(world, postfix, probed);
  await one({ name, way: 'in its cache', options: options(direct), prepare }, probed);
  await world.set(source, 'delayed', 'up', ROUND_TRIP / 2);
  // Each of these RCPTs takes seconds: the clients need a longer time to ask for enough.
  const cold = { ...settings, seconds: COLD_SECONDS };
  const others = writeAsked(world, 'others', ASKED, ASKED);
  const alone = writeAsked(world, 'alone', PROBED, 2 * ASKED);
  const none = { name, prepare: () => undefined, alone };
  await one({ ...none, way: 'not in its cache', options: options(direct) }, others, cold);
  await one({ ...none, way: `not in its cache, ${ROUND_TRIP} ms`, options: options(delayed) }, others, cold);
  return found;
}
