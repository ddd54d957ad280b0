// Where the time of a first copy goes: one run under Node's own profiler, each sample counted for the step on whose
// behalf it was taken.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { run } from './measure.mjs';

/** A sample belongs to the first step one of whose functions is on its stack. */
const STEPS = [
  ['waiting', /^\(idle\)$/],
  ['garbage collection', /^(\(garbage collector\)|havePassed)$/],
  ['verify the signature', /^requireSignatures$/],
  ['fsync and rename', /^(fsyncSync|renameSync)$/],
  ['read back and hash the cdb', /^readBack$/],
  ['write files', /^writeSync$/],
  ['SHA-256', /^(update|digest)$/],
  ['check rows and count domains', /^(#check|compareBytes|firstNotBefore)$/],
  ['cut rows', /^(cut|#append)$/],
  ['text map', /^sourceText$/],
  ['cdb: hash tables', /^(#writeTable|finish)$/],
  ['cdb: records', /^add$/],
  ['inflate', /^(processCallback|processChunk|_transform|crc32|gunzipOne|_read|self\._read)$/],
  ['check rows and count domains', /^(push|findings)$/],
  ['network and TLS', /^(ask|readMore|execute|onStreamRead|connect|blob|manifest|get)$/],
  ['lock, Postfix, records', /^(spawnSync|takeLock|writeFileAtomic|report|settleReload|reloadPostfix|openSession)$/],
  [
    'start of Node and libraries',
    /^(compileForInternalLoader|wrapSafe|Module\..*|executeUserEntryPoint|requireBuiltin|init.*|\(program\))$/,
  ],
];

/** @returns milliseconds by step, the largest first, of one `relaymap fetch` from nothing. */
export async function steps(site) {
  const folder = site.at('profile');
  mkdirSync(folder);
  site.emptyGateway();
  const [node, ...rest] = site.relaymap('fetch', '--config', site.at('relaymap.toml'));
  await run([node, '--cpu-prof', '--cpu-prof-interval', '250', '--cpu-prof-dir', folder, ...rest], site.env);
  const [name] = readdirSync(folder);
  const profile = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
  rmSync(folder, { recursive: true });
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parent = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const stepOf = (id) => {
    const stack = [];
    for (let at = id; at !== undefined; at = parent.get(at)) stack.push(byId.get(at).callFrame.functionName);
    const step = STEPS.find(([, names]) => stack.some((name) => names.test(name)));
    return step?.[0] ?? 'all else';
  };
  const total = new Map();
  for (const [i, id] of profile.samples.entries()) {
    const step = stepOf(id);
    total.set(step, (total.get(step) ?? 0) + profile.timeDeltas[i] / 1000);
  }
  return [...total].sort((a, b) => b[1] - a[1]);
}
