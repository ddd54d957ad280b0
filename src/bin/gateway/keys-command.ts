/**
 * `relaymap keys`: for each bundle, the trusted keys by keyid and file, and who signed the live copy. Changes
 * nothing.
 */
import { requireSignatures } from '../../bundle/trust/verify.ts';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { readGatewayConfig, type BundleConfig, type GatewayConfig } from '../../gateway/config.ts';
import { keyFiles, rootKeyFiles, type KeyFile } from '../../gateway/keys/key-files.ts';
import { startingRing } from '../../gateway/keys/trusted-keys.ts';
import { Copies } from '../../gateway/record/copies.ts';
import { StateFiles, type CopyRef } from '../../gateway/record/state.ts';
import { StepError } from '../../errors.ts';
import { printable } from '../../io/printable.ts';
import { becomeOwner } from '../become-owner.ts';
import { requireStateRights } from './state-rights.ts';

/** @returns the exit status: 1 if a bundle's keys cannot verify anything */
export async function keysCommand(options: { readonly config: string }): Promise<number> {
  const config = readGatewayConfig(options.config);
  requireStateRights(config.state_dir);
  await becomeOwner(config.state_dir);
  const state = new StateFiles(config.state_dir).read();
  let status = 0;
  for (const bundle of config.bundle) {
    const live = state.is === 'whole' ? (state.value.bundles[bundle.name]?.installed ?? null) : null;
    const fault = ringFault(bundle);
    if (fault !== null) status = 1;
    const lines = [
      `${bundle.name}: threshold ${bundle.threshold}, key ring step ${bundle.ring}${bundle.ring === 0 ? ' (the keys of the folder)' : ''}`,
      ...keyFiles(bundle).map((key) => `  trusted   ${keyLine(key)}`),
      ...rootKeyFiles(bundle).map((key) => `  root key  ${keyLine(key)}`),
      ...(fault === null ? [] : [`  ${fault}`]),
      `  ${signedLine(config, bundle, live)}`,
    ];
    process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  }
  return status;
}

const keyLine = ({ file, keyid, why }: KeyFile): string =>
  keyid === null ? `${file}: no usable key: ${why ?? ''}` : `${keyid}  ${file}`;

function ringFault(bundle: BundleConfig): string | null {
  try {
    startingRing(bundle);
    return null;
  } catch (error) {
    if (error instanceof StepError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Who signed the live copy. Leaves out signatures that do not verify. */
function signedLine(config: GatewayConfig, bundle: BundleConfig, live: CopyRef | null): string {
  if (live === null) return 'nothing is installed';
  const bytes = new Copies(config.state_dir, bundle.name, null).envelope(live);
  if (bytes === null) return `the envelope of the live copy, version ${live.version}, is missing or damaged`;
  const envelope = decodeEnvelope(bytes);
  const keys = new Map(trusted(bundle));
  const by = envelope.signatures.map(({ keyid }) => keyid).filter((keyid) => isBy(envelope, keyid, keys));
  if (by.length === 0) return `the live copy, version ${live.version}, is signed by none of these keys`;
  return `the live copy, version ${live.version}, is signed by ${by.join(', ')}`;
}

function trusted(bundle: BundleConfig): ReadonlyMap<string, Uint8Array> {
  try {
    return startingRing(bundle).keys;
  } catch (error) {
    if (error instanceof StepError) return new Map(); // already reported
    throw error;
  }
}

function isBy(
  envelope: ReturnType<typeof decodeEnvelope>,
  keyid: string,
  keys: ReadonlyMap<string, Uint8Array>,
): boolean {
  const key = keys.get(keyid);
  if (key === undefined) return false;
  try {
    requireSignatures(envelope, new Map([[keyid, key]]), 1);
    return true;
  } catch (error) {
    if (error instanceof StepError) return false;
    throw error;
  }
}
