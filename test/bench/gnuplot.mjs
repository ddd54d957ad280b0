// Draws by Debian's gnuplot-nox.
import { spawnSync } from 'node:child_process';

/** @returns what a script makes it write, which is an SVG. */
export function gnuplot(script) {
  const { status, error, stdout, stderr } = spawnSync('gnuplot', { input: script, encoding: 'utf8', maxBuffer: 1e8 });
  if (error !== undefined) throw new Error(`gnuplot is missing: apt-get install gnuplot-nox (${error.message})`);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** The first lines of a script for an SVG of this height in pixels. @param key where the key stands */
export const svg = (height, key) => `set terminal svg size 900,${height} font "sans,13" background "#ffffff"
set border 3; set tics nomirror out; set key ${key} samplen 2\n`;
