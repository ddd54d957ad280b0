// The folder that becomes a package: every file with its exact mode and time, owned by root. Writes only there.
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** gzip -9 without name and time, so the same text gives the same bytes. */
export const gzipped = (text) => {
  const bytes = gzipSync(text, { level: 9 });
  bytes[9] = 3; // the gzip header's system byte: always Unix
  return bytes;
};

export class Tree {
  constructor(folder, seconds) {
    this.folder = folder;
    this.seconds = seconds;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  /** Writes a file. `where` begins with a slash. */
  add(where, content, mode = 0o644) {
    const file = path.join(this.folder, where);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
  }

  link(where, target) {
    const file = path.join(this.folder, where);
    mkdirSync(path.dirname(file), { recursive: true });
    symlinkSync(target, file);
  }

  /** The paths of all files, sorted, without the control files. */
  files() {
    const walk = (folder) =>
      readdirSync(path.join(this.folder, folder), { withFileTypes: true }).flatMap((entry) => {
        const name = `${folder}/${entry.name}`;
        if (name === '/DEBIAN') return [];
        return entry.isDirectory() ? walk(name) : [name];
      });
    return walk('').sort();
  }

  /** The size in KiB for Installed-Size: each file rounded up to whole KiB, 1 KiB for each folder. */
  installedSize() {
    const size = (name) => {
      const stat = lstatSync(path.join(this.folder, name));
      return stat.isFile() ? Math.ceil(stat.size / 1024) : 1;
    };
    const folders = new Set();
    for (const file of this.files()) {
      for (let dir = path.dirname(file); dir !== '/'; dir = path.dirname(dir)) folders.add(dir);
    }
    return this.files().reduce((sum, name) => sum + size(name), folders.size);
  }

  md5sums() {
    const lines = this.files()
      .filter((name) => lstatSync(path.join(this.folder, name)).isFile())
      .map((name) => {
        const sum = createHash('md5')
          .update(readFileSync(path.join(this.folder, name)))
          .digest('hex');
        return `${sum}  ${name.slice(1)}\n`;
      });
    return lines.join('');
  }

  /** Builds the .deb with owner root, fixed times and one compressing thread, so two builds give the same bytes. */
  build(target) {
    const settle = (file) => {
      const stat = lstatSync(file);
      if (stat.isDirectory()) {
        chmodSync(file, 0o755);
        for (const name of readdirSync(file)) settle(path.join(file, name));
      }
      lutimesSync(file, this.seconds, this.seconds);
    };
    settle(this.folder);
    const { status, error, stderr } = spawnSync(
      'dpkg-deb',
      ['--root-owner-group', '-Zxz', '-z9', '--threads-max=1', '--build', this.folder, target],
      { env: { ...process.env, SOURCE_DATE_EPOCH: String(this.seconds) }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    if (status !== 0) throw new Error(`dpkg-deb failed: ${error?.message ?? stderr.toString().trim()}`);
  }
}
