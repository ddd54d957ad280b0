// What known and unknown recipients are answered while the source is down, silent or slow, and how long it takes after
// the source is back. Each way has a Postfix of its own for each trouble; all of them wait at the same time.
import { setTimeout as delay } from 'node:timers/promises';
import { ASKING, readsTable, startContender, VERIFYING } from './contenders.mjs';
import { ask, writeAsked } from './rates.mjs';
import { TROUBLES } from './world.mjs';

/** Milliseconds. A client's limit is minutes (RFC 5321, section 4.5.3.2); nobody here waits longer than this. */
export const PATIENCE = 30_000;
/** Milliseconds that each round trip takes while a source is slow. */
export const SLOW = 2000;
/** RCPTs to each kind of recipient, one after the other, and the seconds after which no further one is begun. */
const COUNT = 3;
const SECONDS = 20;
/** Seconds in which a source that is back must be noticed. */
export const BACK = 75;
/** Clients that try whether it is: not all are served by the same process, and each process learns it by itself. */
const COMING = 4;

const STATES = {
  down: ['down', 0],
  silent: ['silent', 0],
  slow: ['up', SLOW / 2],
};

/** Known and unknown recipients at the same time, by connections of their own. */
async function askBoth({ port }, { known, unknown }) {
  const where = { port, clients: 1, most: COUNT, seconds: SECONDS, patience: PATIENCE };
  const [one, other] = await Promise.all([ask({ ...where, known }), ask({ ...where, unknown })]);
  return { known: one.known, unknown: other.unknown };
}

/** Seconds until every client of several is accepted again, or null. They come again each second. */
async function untilAccepted({ port }, { known }) {
  const from = performance.now();
  const passed = () => Number(((performance.now() - from) / 1000).toFixed(1));
  while (passed() < BACK) {
    const { codes } = (await ask({ port, known, clients: COMING, most: 1, seconds: 1, patience: PATIENCE })).known;
    if (Object.keys(codes).join() === '250') return passed();
    await delay(1000);
  }
  return null;
}

/** relaymap has maps of its own here, and fetches from a central side that is in the same trouble. */
function ours(world, trouble) {
  const folder = `gateway-${trouble}`;
  const url = `https://127.0.0.1:${world.ports.central[trouble]}/`;
  return {
    name: 'cdb (relaymap)',
    source: 'central',
    maps: world.maps(folder),
    options: () => readsTable(`cdb:${world.maps(folder)}/relay_recipients`),
    prepare: () => world.fetch(folder, url),
    meanwhile: async () => {
      const from = performance.now();
      const ended = (how) => ({ fetch: how, seconds: Number(((performance.now() - from) / 1000).toFixed(1)) });
      const done = () => ended('done');
      return await world.fetch(folder, url, 60).then(done, () => ended('failed'));
    },
  };
}

/** Every way in every trouble. */
const patients = (world) =>
  TROUBLES.flatMap((trouble) => [
    { trouble, ...ours(world, trouble) },
    ...ASKING.map((contender) => ({ trouble, ...contender })),
    { trouble, ...VERIFYING, lists: ['before', 'other'] },
  ]);

/**
 * @returns the seconds that the troubles lasted, and one entry for each way, trouble and list: of `before` are
 * recipients that Postfix was asked before the trouble, and of `other` those that it was not
 */
export async function troubles(world, say) {
  const lists = {
    before: writeAsked(world, 'before', 2 * COUNT, 7),
    other: writeAsked(world, 'other', 2 * COUNT, 1007),
  };
  const all = patients(world);
  const started = [];
  try {
    for (const one of all) {
      await one.prepare?.();
      one.postfix = await startContender(world, one.options(world.ports[one.source][one.trouble]), one.maps);
      started.push(one.postfix);
    }
    // Each process has its connection before, and a cache what is asked here.
    const before = { ...lists.before, clients: 4, most: 2 * COUNT, seconds: 60 };
    await Promise.all(all.map(({ postfix }) => ask({ port: postfix.port, ...before })));
    const sources = [...new Set(all.map(({ source }) => source))];
    const everywhere = async (stateOf) => {
      for (const source of sources) {
        for (const trouble of TROUBLES) await world.set(source, trouble, ...stateOf(trouble));
      }
    };
    const from = performance.now();
    await everywhere((trouble) => STATES[trouble]);
    const answered = await Promise.all(all.map((one) => during(one, lists)));
    await everywhere(() => ['up', 0]);
    const lasted = Math.round((performance.now() - from) / 1000);
    const found = await Promise.all(answered.flat().map((each) => recovered(each, lists, say)));
    return { lasted, found };
  } finally {
    await Promise.all(started.map((postfix) => postfix.stop()));
  }
}

async function during({ name, trouble, postfix, meanwhile, lists: asked = ['before'] }, lists) {
  const whatElse = meanwhile?.();
  const answers = await Promise.all(
    asked.map(async (list) => ({ name, trouble, list, postfix, ...(await askBoth(postfix, lists[list])) })),
  );
  if (whatElse === undefined) return answers;
  const fetched = await whatElse;
  return [{ ...answers[0], fetched, after: await askBoth(postfix, lists.before) }];
}

async function recovered({ postfix, ...found }, lists, say) {
  const back = await untilAccepted(postfix, lists[found.list]);
  const whole = { ...found, back };
  say(whole);
  return whole;
}
