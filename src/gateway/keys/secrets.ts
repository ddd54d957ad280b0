/**
 * What a daemon reads of a bundle beside its configuration: public keys and credentials, as they are on the disk
 * now (docs/commands.md section 2.3, "Fresh secrets"). A file that is absent for a moment, half written or not
 * right is told, and what was read before stays in use: the next look finds it whole. Reads only.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../errors.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { accessFiles, bundleAccess, type BundleAccess } from './credentials.ts';
import { rootFolder } from './ring-fingerprint.ts';
import { ownRing, ringMark, type TrustedBundle } from './trusted-keys.ts';

interface Held extends TrustedBundle {
  readonly access: BundleAccess;
  /** Of the files when they were read. */
  readonly stamp: Stamp;
}

/** By file: what tells one content from the next; null where this process may not look, and so cannot know. */
type Stamp = ReadonlyMap<string, string | null>;

export class Secrets {
  readonly #held = new Map<string, Held>();

  /** @throws HostError CONFIG */
  constructor(config: GatewayConfig) {
    for (const bundle of config.bundle) this.#held.set(bundle.name, read(bundle));
  }

  /** In the order of the configuration. */
  get bundles(): readonly TrustedBundle[] {
    return [...this.#held.values()].map(({ bundle, ring }) => ({ bundle, ring }));
  }

  /** What the URLs of a bundle are asked with, now. */
  accessOf(bundle: string): BundleAccess {
    return this.#held.get(bundle)?.access ?? new Map();
  }

  /** By bundle. */
  get access(): ReadonlyMap<string, BundleAccess> {
    return new Map([...this.#held].map(([name, { access }]) => [name, access]));
  }

  /**
   * Reads again what has changed.
   * @param warn told what cannot be used, and that the one of before stays. @returns the bundles that have
   * something new.
   */
  refresh(warn: (message: string) => void): string[] {
    const renewed: string[] = [];
    for (const [name, held] of this.#held) {
      if (!differs(held.stamp, stampOf(held.bundle))) continue;
      try {
        const next = read(held.bundle);
        const isNew = ringMark(next.ring) !== ringMark(held.ring) || text(next.access) !== text(held.access);
        // The same content keeps its object, and with it the connections.
        this.#held.set(name, isNew ? next : { ...held, stamp: next.stamp });
        if (isNew) renewed.push(name);
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        warn(`${name}: ${error.message}. What was read before stays in use until the file is right`);
      }
    }
    return renewed;
  }
}

const text = (access: BundleAccess): string => JSON.stringify([...access]);

/** @throws HostError CONFIG: also where a file was written meanwhile. */
function read(bundle: BundleConfig): Held {
  const stamp = stampOf(bundle);
  const held = { bundle, ring: ownRing(bundle), access: bundleAccess(bundle), stamp };
  if (differs(stamp, stampOf(bundle)))
    throw new HostError('CONFIG', 'a key or a credential is being written at this moment; the next cycle reads it');
  return held;
}

const differs = (before: Stamp, now: Stamp): boolean =>
  [...new Set([...before.keys(), ...now.keys()])].some((file) => {
    const [was, is] = [before.get(file), now.get(file)];
    return is !== null && was !== null && was !== is;
  });

function stampOf(bundle: BundleConfig): Stamp {
  const root = rootFolder(bundle.keys);
  const files = [...accessFiles(bundle), bundle.keys, ...publicKeys(bundle.keys), root, ...publicKeys(root)];
  return new Map(files.map((file) => [file, stampOfFile(file)]));
}

function publicKeys(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.pub'));
    return names.map((name) => path.join(folder, name));
  } catch {
    return []; // the folder's own stamp tells that it is gone
  }
}

function stampOfFile(file: string): string | null {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? null : code;
  }
}
