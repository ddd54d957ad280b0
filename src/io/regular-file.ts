/** Reads a file only if it is a regular file. Reading a pipe might wait forever. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HostError } from '../errors.ts';

/** @throws what opening or reading throws, usually ENOENT; HostError CONFIG for a pipe, a device or a folder. */
export function readRegularFile(file: string): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new HostError('CONFIG', `${file} is no regular file`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
