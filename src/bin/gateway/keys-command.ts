/**
 * `relaymap keys`: for each bundle the keys and root keys that count by keyid and file, the key ring step and when it
 * came, the threshold, and who signed the live copy. Changes nothing.
 */
import type { KeySet } from '../../bundle/trust/keyring.ts';
import { signersOf } from '../../bundle/trust/verify.ts';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../../gateway/config.ts';
import { keyFiles, rootKeyFiles, type KeyFile } from '../../gateway/keys/key-files.ts';
import { startingRing } from '../../gateway/keys/trusted-keys.ts';
import { chainOnRecord, currentRing, type Chain } from '../../gateway/record/chain.ts';
import { Copies } from '../../gateway/record/copies.ts';
import { freshBundle, StateFiles, type BundleState } from '../../gateway/record/state.ts';
import { brokenChain } from '../../gateway/say/key-ring-words.ts';
import { StepError } from '../../errors.ts';
import { printable } from '../../io/printable.ts';
import { becomeOwner } from '../become-owner.ts';
import { requireStateRights } from './state-rights.ts';

/** @returns the exit status: 1 if a bundle's keys cannot verify anything, or are not those that they should be */
export async function keysCommand(options: { readonly config: string }): Promise<number> {
  const config = readGatewayConfig(options.config);
  requireStateRights(config.state_dir);
  await becomeOwner(config.state_dir);
  const state = new StateFiles(config.state_dir).read();
  let status = 0;
  for (const bundle of config.bundle) {
    const st = state.is === 'whole' ? (state.value.bundles[bundle.name] ?? freshBundle()) : freshBundle();
    const { lines, isSound } = bundleLines(config, bundle, st);
    if (!isSound) status = 1;
    process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  }
  return status;
}

function bundleLines(config: GatewayConfig, bundle: BundleConfig, st: BundleState) {
  const copies = new Copies(config.state_dir, bundle.name, null);
  const found = chainOf(bundle, st, copies);
  if (typeof found === 'string') {
    const head = `${bundle.name}: threshold ${bundle.threshold}, key ring step ${bundle.ring}${inFolder(bundle.ring)}`;
    const files = [...labelled('trusted ', keyFiles(bundle)), ...labelled('root key', rootKeyFiles(bundle))];
    return { lines: [head, ...files, `  ${found}`, `  ${signedLine(copies, st, new Map())}`], isSound: false };
  }
  const ring = currentRing(found);
  const { step, threshold } = ring;
  const at = st.keyring.steps.find((s) => s.step === step)?.at;
  const since = found.steps.length === 0 || at === undefined ? inFolder(step) : ` since ${at}`;
  const roots = ring.rootKeys.size === 0 ? '' : `, root threshold ${ring.rootThreshold}`;
  const broken = found.broken === null ? [] : [`  CRITICAL: ${brokenChain(bundle, found.broken)}`];
  const lines = [
    `${bundle.name}: threshold ${threshold}${roots}, key ring step ${step}${since}`,
    ...ringLines('trusted ', ring.keys, keyFiles(bundle), step),
    ...ringLines('root key', ring.rootKeys, rootKeyFiles(bundle), step),
    ...broken,
    `  ${signedLine(copies, st, ring.keys)}`,
  ];
  return { lines, isSound: found.broken === null };
}

const inFolder = (step: number): string => (step === 0 ? ' (the keys of the folder)' : '');

/** The chain, or why there is none. */
function chainOf(bundle: BundleConfig, st: BundleState, copies: Copies): Chain | string {
  try {
    return chainOnRecord({ bundle, ring: startingRing(bundle) }, { ...st.keyring }, copies.steps);
  } catch (error) {
    if (error instanceof StepError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const labelled = (label: string, files: readonly KeyFile[]): string[] =>
  files.map(
    ({ file, keyid, why }) =>
      `  ${label}  ${keyid === null ? `${file}: no usable key: ${why ?? ''}` : `${keyid}  ${file}`}`,
  );

/** The keys of the ring, each with its file or the step that brought it; then files whose key does not count. */
function ringLines(label: string, keys: KeySet, files: readonly KeyFile[], step: number): string[] {
  const counting = [...keys.keys()].map((keyid) => {
    const file = files.find((f) => f.keyid === keyid)?.file;
    return { keyid, file: file ?? `(by key ring step ${step})`, why: null };
  });
  const others = files.filter(({ keyid }) => keyid === null || !keys.has(keyid));
  const replaced = `  does not count: key ring step ${step} has replaced the keys of the folder`;
  return [
    ...labelled(label, counting),
    ...others.map((file) => `${labelled('in vain ', [file]).join('')}${file.keyid === null ? '' : replaced}`),
  ];
}

/** Who signed the live copy. Leaves out signatures that do not verify. */
function signedLine(copies: Copies, { installed: live }: BundleState, keys: KeySet): string {
  if (live === null) return 'nothing is installed';
  const bytes = copies.envelope(live);
  if (bytes === null) return `the envelope of the live copy, version ${live.version}, is missing or damaged`;
  const by = signersOf(decodeEnvelope(bytes), keys);
  if (by.length === 0) return `the live copy, version ${live.version}, is signed by none of these keys`;
  return `the live copy, version ${live.version}, is signed by ${by.join(', ')}`;
}
