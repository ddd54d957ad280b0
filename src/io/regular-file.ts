/** Reads a file that has to be a regular one: a pipe that lies in its place would be waited for, for ever. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HostError } from '../errors.ts';

/** @throws what opening or reading throws, ENOENT above all; HostError CONFIG for a pipe, a device or a folder. */
export function readRegularFile(file: string): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new HostError('CONFIG', `${file} is no regular file`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
