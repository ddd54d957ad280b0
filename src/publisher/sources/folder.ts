/**
 * A folder as a source: a file for each domain, named after it, as Exim's dsearch, cPanel and vpopmail keep them. A
 * `*` in the path stands for the domain. Lists the folder and opens nothing.
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

/** Files that editors and package managers leave behind. */
const LEFT_BESIDE = /^\.|~$|^readme(?:\.|$)|\.(?:bak|old|orig|save|swp|tmp|new|lock|rpmsave|rpmnew|dpkg-\w+)$/i;

/** What exports end in, and no domain does. */
const NO_DOMAIN = /\.(?:txt|csv|tsv|json|ldif|lst)$/i;

/** `example.org.csv` is the file of example.org. @throws PublishError SOURCE for `users.csv` */
function domainOfExport(name: string, file: string): string {
  const domain = file.replace(NO_DOMAIN, '');
  if (domain.includes('.') && isDomain(domain)) return domain;
  throw new PublishError(
    'SOURCE',
    `${name}: the file ${JSON.stringify(file)} is not named after a domain; make it a source of its own`,
  );
}

/** Whether a path stands for several files. If the path cannot be examined, reading it reports the error. */
export function isFolder(file: string): boolean {
  if (file.split('/').includes('*')) return true;
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/**
 * The files of a folder by domain, sorted by name, and how many files are not named after a domain.
 * @throws PublishError SOURCE if the folder cannot be listed.
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
    // /etc/virtual/* also matches files, and domains that lack this file.
    if (rest !== undefined && kind === 'none') continue;
    if (rest === undefined && kind === 'folder') others++;
    else if (LEFT_BESIDE.test(domain) || !isDomain(domain)) others++;
    else if (NO_DOMAIN.test(domain)) files.push({ domain: domainOfExport(name, domain), file });
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
    // It exists but cannot be examined; reading it reports the error.
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
