/**
 * A folder as a source: a file for each domain, named after it, as Exim's dsearch, cPanel and vpopmail have them. A part of the path that
 * is `*` stands for the domain. Lists the folder, and opens nothing.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { EntryError, rowsOf } from '../entry.ts';
import { PublishError } from '../errors.ts';
import type { FileSource } from '../source-config.ts';

export interface DomainFile {
  readonly domain: string;
  readonly file: string;
}

/** What editors and package managers leave beside a file. */
const LEFT_BESIDE = /^\.|~$|\.(?:bak|old|orig|save|swp|tmp|new|lock|rpmsave|rpmnew|dpkg-\w+)$/i;

/** Whether a path stands for several files. One that cannot be looked at is for the reading to refuse. */
export function isFolder(file: string): boolean {
  if (file.split('/').includes('*')) return true;
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/**
 * The files of a folder by domain, in the order of their names, and how many are named after no domain.
 * @throws PublishError SOURCE: it cannot be listed.
 */
export function domainFiles({ name, path: given }: Pick<FileSource, 'name' | 'path'>): {
  files: DomainFile[];
  others: number;
} {
  const [folder = '', rest] = given.split('/*/');
  const top = given.endsWith('/*') ? given.slice(0, -2) : folder;
  const files: DomainFile[] = [];
  let others = 0;
  for (const domain of namesIn(name, top)) {
    const file = path.join(top, domain, ...(rest === undefined ? [] : [rest]));
    const kind = kindOf(file);
    // Below /etc/virtual/* there are files as well, and domains without this one.
    if (rest !== undefined && kind === 'none') continue;
    if (rest === undefined && kind === 'folder') others++;
    else if (LEFT_BESIDE.test(domain) || !isDomain(domain)) others++;
    else files.push({ domain, file });
  }
  return { files, others };
}

function namesIn(name: string, folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw new PublishError('SOURCE', `${name} cannot be read: ${(error as Error).message}`, error);
  }
}

function kindOf(file: string): 'file' | 'folder' | 'none' {
  try {
    return statSync(file).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What may not be looked at is there, and reading it will say so.
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'none' : 'file';
  }
}

function isDomain(name: string): boolean {
  try {
    return rowsOf(`x@${name}`).length > 0;
  } catch (error) {
    if (error instanceof EntryError) return false;
    throw error;
  }
}
