// Real file systems with little room: a tmpfs that is full, and a btrfs subvolume with a quota, each mounted on a
// folder of the test's own and gone when the test ends.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Room {
  readonly folder: string;
  /** From now on there is room for about so many bytes more. */
  leave(bytes: number): void;
  /** There is room again. */
  free(): void;
  close(): void;
}

const command = (...[file = '', ...args]: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' });

/** Full is full: the rest is taken by one large file. */
export function fullDisk(): Room {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-full-'));
  command('mount', '-t', 'tmpfs', '-o', 'size=4m,mode=755', 'tmpfs', folder);
  const ballast = path.join(folder, 'ballast');
  return {
    folder,
    leave(bytes) {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes), 1));
    },
    free: () => rmSync(ballast, { force: true }),
    close() {
      command('umount', folder);
      rmdirSync(folder);
    },
  };
}

/** A quota: the disk has room enough, this user's part of it has not; even taking something away may be refused. */
export function quota(): Room {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-quota-'));
  const [image, mounted] = [path.join(dir, 'image'), path.join(dir, 'mounted')];
  const folder = path.join(mounted, 'part');
  command('truncate', '-s', '160M', image);
  command('mkfs.btrfs', '-q', image);
  command('mkdir', mounted);
  command('mount', '-o', 'loop', image, mounted);
  command('btrfs', 'quota', 'enable', mounted);
  command('btrfs', 'subvolume', 'create', folder);
  command('btrfs', 'quota', 'rescan', '-w', mounted);
  const part = `0/${command('btrfs', 'inspect-internal', 'rootid', folder).trim()}`;
  return {
    folder,
    leave(bytes) {
      command('sync', '-f', folder);
      const shown = command('btrfs', 'qgroup', 'show', '--raw', mounted);
      const used = new RegExp(`^${part} +(\\d+)`, 'm').exec(shown)?.[1];
      command('btrfs', 'qgroup', 'limit', String(Number(used) + bytes), part, mounted);
    },
    free: () => void command('btrfs', 'qgroup', 'limit', 'none', part, mounted),
    close() {
      spawnSync('umount', [mounted]);
      rmSync(dir, { recursive: true });
    },
  };
}
